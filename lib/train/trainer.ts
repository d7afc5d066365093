import { backward, noGrad } from '../autograd.js';
import { DataLoader } from '../data/loader.js';
import type { Dataset } from '../data/dataset.js';
import { describe } from '../describe.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { Optimizer } from '../optim/optimizer.js';
import { cast } from '../ops/creation.js';
import { equal } from '../ops/elementwise.js';
import { concat, slice } from '../ops/movement.js';
import { argMax, sum } from '../ops/reduce.js';
import { scope, StriateError, synchronize, type Tensor } from '../tensor.js';
import type { EpochRecord, Evaluation, History } from './history.js';
import { progressOn, silent, type Progress } from './progress.js';
import { RunningTotals, type BatchResult } from './running.js';

/** From the model's output and the labels to a scalar: the mean over the batch. */
export type Loss = (output: Tensor, labels: Tensor<'i32'>) => Tensor;

export type Metric = 'accuracy';

export interface TrainerOptions {
  optimizer: Optimizer;
  loss: Loss;
  /** What is measured beside the loss. Default: nothing. */
  metrics?: readonly Metric[];
}

/** Called by fit(); all may be asynchronous. */
export interface Callback {
  /** Before the first epoch. */
  onFitBegin?(trainer: Trainer): void | Promise<void>;
  onBatchEnd?(batch: { epoch: number; batch: number; loss: number; accuracy?: number }): void | Promise<void>;
  onEpochEnd?(record: EpochRecord): void | Promise<void>;
  /** After the last epoch, also one after which stop() was asked for; not where fit() failed or was aborted. */
  onFitEnd?(trainer: Trainer): void | Promise<void>;
}

export interface FitOptions {
  /** Default: 1. */
  epochs?: number;
  /** Default: 32. */
  batchSize?: number;
  /** Whether samples come in a new random order each epoch. Default: true. */
  shuffle?: boolean;
  /** Fixes those orders; otherwise they follow setSeed. */
  seed?: number;
  /** Evaluated after each epoch. */
  validation?: Dataset;
  callbacks?: readonly Callback[];
  /** Ends training after the batch that runs: fit rejects with the signal's reason, the model stays as it is then. */
  signal?: AbortSignal;
  /** A bar on a terminal, lines elsewhere (true, the default), nothing (false), or a display of your own. */
  progress?: boolean | Progress;
}

/** Batches on their way at once: one runs while the next is prepared. */
const inFlight = 2;

/**
 * Trains a model, measures it, and predicts with it. All three leave the event loop free: they await the compute thread.
 */
export class Trainer {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  /** The epochs of the last fit() so far, also of one that was aborted. */
  history: History = { epochs: [] };
  readonly #metrics: readonly Metric[];
  #fitting = false;
  #stopping = false;

  constructor(model: Module, { optimizer, loss, metrics = [] }: TrainerOptions) {
    for (const metric of metrics) {
      if (metric !== 'accuracy')
        throw new RangeError(`Trainer: metric '${String(metric)}' is none, wants 'accuracy'`);
    }
    if (!(optimizer instanceof Optimizer)) {
      throw new TypeError(
        `Trainer: optimizer is ${describe(optimizer)}, wants one that makes a step of one batch, as SGD or Adam`,
      );
    }
    this.model = model;
    this.optimizer = optimizer;
    this.loss = loss;
    this.#metrics = metrics;
  }

  /** Ends fit() after the epoch that runs: it resolves with the history so far. Nothing where none runs. */
  stop(): void {
    this.#stopping = true;
  }

  /**
   * Trains for some epochs over a dataset.
   *
   * @throws StriateError while another fit() of this trainer runs; the signal's reason when aborted
   */
  async fit(train: Dataset, options: FitOptions = {}): Promise<History> {
    if (this.#fitting)
      throw new StriateError('fit: this trainer is at another fit(); wait for it, or abort it');
    const { epochs = 1, callbacks = [], signal } = options;
    if (!Number.isInteger(epochs) || epochs < 0) {
      throw new RangeError(`fit: epochs is ${epochs}, wants a whole number from 0 on`);
    }
    if (train.length === 0) throw new RangeError('fit: the dataset is empty');
    const { progress = true } = options;
    const display = typeof progress === 'object' ? progress : progress ? progressOn() : silent;
    const { batchSize = 32, shuffle = true, seed } = options;
    const loader = new DataLoader(train, { batchSize, shuffle, ...(seed === undefined ? {} : { seed }) });
    this.#fitting = true;
    this.#stopping = false;
    this.history = { epochs: [] };
    try {
      for (const callback of callbacks) await callback.onFitBegin?.(this);
      for (let epoch = 1; epoch <= epochs && !this.#stopping; epoch++) {
        signal?.throwIfAborted();
        display.epochBegin(epoch, epochs, loader.batches ?? 0);
        const record = await this.#epoch(epoch, loader, display, options);
        if (options.validation) {
          const measured = await this.evaluate(options.validation, { batchSize });
          record.validationLoss = measured.loss;
          if (this.#metrics.includes('accuracy')) record.validationAccuracy = measured.accuracy;
        }
        this.history.epochs.push(record);
        display.epochEnd(record, epochs);
        for (const callback of callbacks) await callback.onEpochEnd?.(record);
      }
      for (const callback of callbacks) await callback.onFitEnd?.(this);
      return this.history;
    } finally {
      this.#fitting = false;
      display.end();
    }
  }
  /** Trains over the dataset once. */
  async #epoch(
    epoch: number,
    loader: DataLoader,
    display: Progress,
    { callbacks = [], signal }: FitOptions,
  ): Promise<EpochRecord> {
    const totals = new RunningTotals(inFlight);
    const start = performance.now();
    let batch = 0;
    this.model.train();
    for await (const [x, labels] of loader) {
      signal?.throwIfAborted();
      await totals.add(this.#step(x, labels as Tensor<'i32'>));
      batch++;
      const { loss, accuracy } = totals;
      display.batchEnd(batch, loss, accuracy);
      const measured = accuracy === undefined ? { loss } : { loss, accuracy };
      for (const callback of callbacks) await callback.onBatchEnd?.({ epoch, batch, ...measured });
    }
    await totals.finish();
    const seconds = (performance.now() - start) / 1000;
    const { loss, accuracy, samples } = totals;
    const measured = accuracy === undefined ? { loss } : { loss, accuracy };
    return { epoch, ...measured, seconds, samplesPerSecond: samples / seconds };
  }

  /** One step of training; nothing is left of it but what the optimizer changed. */
  #step(x: Tensor, labels: Tensor<'i32'>): BatchResult {
    return scope(() => {
      this.optimizer.zeroGrad();
      const output = this.model.forward(x);
      const loss = this.loss(output, labels);
      backward(loss);
      this.optimizer.step();
      return this.#result(output, loss, labels);
    });
  }

  #result(output: Tensor, loss: Tensor, labels: Tensor<'i32'>): BatchResult {
    const correct = this.#metrics.includes('accuracy')
      ? noGrad(() => sum(cast(equal(argMax(output), labels), 'i32')).item())
      : null;
    return { samples: labels.size, loss: loss.item(), correct };
  }

  /** The model's loss and metrics on a dataset, without training. */
  async evaluate(dataset: Dataset, { batchSize = 256 }: { batchSize?: number } = {}): Promise<Evaluation> {
    if (dataset.length === 0) throw new RangeError('evaluate: the dataset is empty');
    const totals = new RunningTotals(inFlight);
    for await (const [x, labels] of new DataLoader(dataset, { batchSize, seed: 0 })) {
      const result = this.#inUse(() => {
        const output = this.model.forward(x);
        const target = labels as Tensor<'i32'>;
        return this.#result(output, this.loss(output, target), target);
      });
      await totals.add(result);
    }
    await totals.finish();
    const { loss, accuracy = NaN, samples } = totals;
    return { loss, accuracy, samples };
  }

  /** The model's output for each of x [N, …], `batchSize` at a time. */
  async predict(x: Tensor, { batchSize = 256 }: { batchSize?: number } = {}): Promise<Tensor> {
    const n = x.shape[0] ?? 0;
    const outputs: Tensor[] = [];
    for (let from = 0; from < n || outputs.length === 0; from += batchSize) {
      const output = this.#inUse(() => this.model.forward(slice(x, [from], [from + batchSize])));
      outputs.push(output);
      // One batch ahead at the most.
      if (from + batchSize < n) await synchronize();
    }
    const all = concat(outputs, 0);
    for (const output of outputs) output.dispose();
    return all;
  }

  /** Calls `work` with the model in eval mode, without recording gradients; also between two steps of training. */
  #inUse<T>(work: () => T): T {
    return inEval(this.model, () => noGrad(() => scope(work)));
  }
}
