import { noGrad } from '../autograd.js';
import { DataLoader } from '../data/loader.js';
import type { Dataset, Target } from '../data/dataset.js';
import { describe } from '../describe.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { Optimizer } from '../optim/optimizer.js';
import { concat, slice } from '../ops/movement.js';
import { scope, StriateError, synchronize, type Tensor } from '../tensor.js';
import type { Callback } from './callback.js';
import { batchesInFlight, Fitting } from './fitting.js';
import type { Evaluation, History } from './history.js';
import { InFlight } from './inFlight.js';
import { accuracy } from './metrics/accuracy.js';
import type { Metric } from './metrics/metric.js';
import type { Progress } from './progress.js';
import { readOf, Totals, type BatchRead } from './totals.js';

/** From the model's output and the targets to a scalar: the mean over the batch. */
export type Loss = { call(output: Tensor, target: Target): Tensor }['call'];

/** Metrics that go by a name. */
const namedMetrics = { accuracy } as const;
export type MetricName = keyof typeof namedMetrics;

export interface TrainerOptions {
  optimizer: Optimizer;
  loss: Loss;
  /** What is measured beside the loss. Default: nothing. */
  metrics?: readonly (MetricName | Metric)[];
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
  /** Called as training goes, in this order. */
  callbacks?: readonly Callback[];
  /** Ends training after the batch that runs: fit rejects with the signal's reason, the model stays as it is then. */
  signal?: AbortSignal;
  /** A bar on a terminal, lines elsewhere (true, the default), nothing (false), or a display of your own. */
  progress?: boolean | Progress;
}

function metricOf(metric: MetricName | Metric): Metric {
  if (typeof metric === 'object' && typeof metric.measure === 'function') return metric;
  if (Object.hasOwn(namedMetrics, metric as string)) return namedMetrics[metric as MetricName];
  const known = Object.keys(namedMetrics)
    .map((name) => `'${name}'`)
    .join(', ');
  throw new RangeError(`Trainer: metric ${describe(metric)} is none, wants ${known}, or a Metric`);
}

/**
 * Trains a model, measures it, and predicts with it. All three leave the event loop free: they await the compute thread.
 */
export class Trainer {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  /** The epochs of the last fit() so far, also of one that was aborted. */
  history: History = { epochs: [] };
  readonly metrics: readonly Metric[];
  #fitting: Fitting | null = null;

  constructor(model: Module, { optimizer, loss, metrics = [] }: TrainerOptions) {
    if (!(optimizer instanceof Optimizer)) {
      throw new TypeError(
        `Trainer: optimizer is ${describe(optimizer)}, wants one that makes a step of one batch, as SGD or Adam`,
      );
    }
    this.model = model;
    this.optimizer = optimizer;
    this.loss = loss;
    this.metrics = metrics.map(metricOf);
  }

  /** Ends fit() after the epoch that runs: it resolves with the history so far. Nothing where none runs. */
  stop(): void {
    this.#fitting?.stop();
  }

  /**
   * Trains for some epochs over a dataset.
   *
   * @throws StriateError while another fit() of this trainer runs; the signal's reason when aborted
   */
  async fit(train: Dataset, options: FitOptions = {}): Promise<History> {
    if (this.#fitting)
      throw new StriateError('fit: this trainer is at another fit(); wait for it, or abort it');
    const fitting = new Fitting(this, train, options);
    this.#fitting = fitting;
    this.history = { epochs: [] };
    try {
      return await fitting.run();
    } finally {
      this.#fitting = null;
    }
  }

  /** The model's loss and metrics on a dataset, without training. */
  async evaluate(dataset: Dataset, { batchSize = 256 }: { batchSize?: number } = {}): Promise<Evaluation> {
    if (dataset.length === 0) throw new RangeError('evaluate: the dataset is empty');
    const totals = new Totals(this.metrics);
    const inFlight = new InFlight<BatchRead>(batchesInFlight, (read) => totals.add(read));
    for await (const [x, y] of new DataLoader(dataset, { batchSize, seed: 0 })) {
      const { read } = this.#inUse(() => {
        const output = this.model.forward(x);
        return { read: readOf(this.metrics, output, this.loss(output, y), y) };
      });
      await inFlight.add(read);
    }
    await inFlight.drain();
    const { measured, samples } = totals;
    return { ...measured, accuracy: measured.metrics.accuracy ?? NaN, samples };
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
