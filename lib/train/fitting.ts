import { backward } from '../autograd.js';
import type { Batch, Dataset } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { scope } from '../tensor.js';
import type { BatchEnd, Callback, EndReason } from './callback.js';
import type { EpochRecord, History } from './history.js';
import { InFlight } from './inFlight.js';
import { progressOn, type Progress } from './progress.js';
import { readOf, Totals, type BatchRead } from './totals.js';
import type { FitOptions, Trainer } from './trainer.js';

/** Batches on their way at once: one runs while the next is prepared. */
export const batchesInFlight = 2;

/** A batch whose step has been asked for. */
interface Stepped extends BatchRead {
  readonly batch: number;
  readonly step: number;
  readonly learningRate: number;
}

/** One call of fit(). */
export class Fitting {
  readonly #trainer: Trainer;
  readonly #train: Dataset;
  readonly #options: FitOptions;
  readonly #loader: DataLoader;
  readonly #epochs: number;
  readonly #callbacks: readonly Callback[];
  #step = 0;
  #stopping = false;

  constructor(trainer: Trainer, train: Dataset, options: FitOptions) {
    const { epochs = 1, batchSize = 32, shuffle = true, seed, progress = true, callbacks = [] } = options;
    if (!Number.isInteger(epochs) || epochs < 0) {
      throw new RangeError(`fit: epochs is ${epochs}, wants a whole number from 0 on`);
    }
    if (train.length === 0) throw new RangeError('fit: the dataset is empty');
    const display: Progress | null = progress === true ? progressOn() : progress || null;
    this.#trainer = trainer;
    this.#train = train;
    this.#options = options;
    this.#loader = new DataLoader(train, { batchSize, shuffle, ...(seed === undefined ? {} : { seed }) });
    this.#epochs = epochs;
    this.#callbacks = display ? [display, ...callbacks] : callbacks;
  }

  /** Ends it after the epoch that runs. */
  stop(): void {
    this.#stopping = true;
  }

  async run(): Promise<History> {
    const { history } = this.#trainer;
    const { signal } = this.#options;
    signal?.throwIfAborted();
    let reason: EndReason = 'failed';
    try {
      await this.#begin();
      for (let epoch = 1; epoch <= this.#epochs && !this.#stopping; epoch++) await this.#epoch(epoch);
      reason = history.epochs.length < this.#epochs ? 'stopped' : 'finished';
    } catch (error) {
      if (signal?.aborted && error === signal.reason) reason = 'aborted';
      // What went wrong first is what the caller needs to know.
      await this.#end(reason).catch(() => undefined);
      throw error;
    }
    await this.#end(reason);
    return history;
  }

  async #begin(): Promise<void> {
    const { validation } = this.#options;
    const [epochs, train, { batches }] = [this.#epochs, this.#train, this.#loader];
    for (const callback of this.#callbacks) {
      await callback.onTrainBegin?.({ trainer: this.#trainer, epochs, batches, train, validation });
    }
  }

  /** Tells all callbacks, also where one of them throws. */
  async #end(reason: EndReason): Promise<void> {
    const trainer = this.#trainer;
    const failures: unknown[] = [];
    for (const callback of this.#callbacks) {
      try {
        await callback.onTrainEnd?.({ trainer, history: trainer.history, reason });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #epoch(epoch: number): Promise<void> {
    const trainer = this.#trainer;
    const { validation, batchSize = 32, signal } = this.#options;
    signal?.throwIfAborted();
    for (const callback of this.#callbacks) await callback.onEpochBegin?.({ trainer, epoch });
    const record = await this.#trained(epoch);
    if (validation) {
      const { loss, metrics, tables } = await trainer.evaluate(validation, { batchSize });
      record.validation = { loss, metrics, ...(tables && { tables }) };
    }
    trainer.history.epochs.push(record);
    for (const callback of this.#callbacks) await callback.onEpochEnd?.({ trainer, epoch, record });
  }

  /** Trains over the data once. */
  async #trained(epoch: number): Promise<EpochRecord> {
    const trainer = this.#trainer;
    const { signal } = this.#options;
    const totals = new Totals(trainer.metrics);
    const inFlight = new InFlight<Stepped>(batchesInFlight, async (stepped) => {
      totals.add(stepped);
      const event = this.#ended(epoch, stepped, totals);
      for (const callback of this.#callbacks) await callback.onBatchEnd?.(event);
    });
    const start = performance.now();
    let batch = 0;
    let learningRate = trainer.optimizer.lr;
    trainer.model.train();
    for await (const [x, y] of this.#loader) {
      if (signal?.aborted) break;
      batch++;
      const step = ++this.#step;
      for (const callback of this.#callbacks) await callback.onBatchBegin?.({ trainer, epoch, batch, step });
      learningRate = trainer.optimizer.lr;
      const { read } = this.#asked([x, y]);
      const position = { batch, step, learningRate };
      await inFlight.add(read.then((result) => ({ ...result, ...position })));
    }
    await inFlight.drain();
    signal?.throwIfAborted();
    const seconds = (performance.now() - start) / 1000;
    const samplesPerSecond = totals.samples / seconds;
    return { epoch, ...totals.measured, learningRate, seconds, samplesPerSecond };
  }

  /** One step of training; nothing is left of it but what the optimizer changed. */
  #asked([x, y]: Batch): { read: Promise<BatchRead> } {
    const { optimizer, model, loss, metrics } = this.#trainer;
    return scope(() => {
      optimizer.zeroGrad();
      const output = model.forward(x);
      const l = loss(output, y);
      backward(l);
      optimizer.step();
      return { read: readOf(metrics, output, l, y) };
    });
  }

  /** The event of a batch; means are worked out only where they are asked for. */
  #ended(epoch: number, stepped: Stepped, totals: Totals): BatchEnd {
    const trainer = this.#trainer;
    const { batch, step, samples, loss, learningRate } = stepped;
    const own = () => {
      const alone = new Totals(trainer.metrics);
      alone.add(stepped);
      return alone.metrics;
    };
    return {
      ...{ trainer, epoch, batch, step, samples, loss, learningRate },
      get metrics() {
        return own();
      },
      get running() {
        return { loss: totals.loss, metrics: totals.metrics };
      },
    };
  }
}
