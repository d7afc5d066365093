import { native } from '../native.js';
import { randperm } from '../ops/creation.js';
import { synchronize, Tensor } from '../tensor.js';
import type { Batch, Dataset } from './dataset.js';

export interface DataLoaderOptions {
  /** Samples in a batch. Default: 32. */
  batchSize?: number;
  /** Whether samples come in a new random order each time. Default: false. */
  shuffle?: boolean;
  /** Fixes the orders; otherwise they follow setSeed. */
  seed?: number;
  /** Whether a last batch of fewer samples is left out. Default: false. */
  dropLast?: boolean;
}

/** Batches that are worked on at once: one by the compute thread, one by JavaScript. */
const batchesUnderWay = 2;

/**
 * Batches of a dataset, as an async iterable to go through any number of times. A batch is disposed when the next is
 * asked for; keep() saves a tensor from that. The next batch waits until the work on the one before the last is done; an
 * update in place that failed is told there.
 */
export class DataLoader implements AsyncIterable<Batch> {
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly #shuffle: boolean;
  readonly #seed: number | undefined;
  readonly #dropLast: boolean;
  #rounds = 0;

  constructor(
    dataset: Dataset,
    { batchSize = 32, shuffle = false, seed, dropLast = false }: DataLoaderOptions = {},
  ) {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`DataLoader: batchSize is ${batchSize}, wants a whole number from 1 on`);
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.#shuffle = shuffle;
    this.#seed = seed;
    this.#dropLast = dropLast;
  }

  /** Batches in one round. */
  get batches(): number {
    const n = this.dataset.length / this.batchSize;
    return this.#dropLast ? Math.floor(n) : Math.ceil(n);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const n = this.dataset.length;
    const round = this.#rounds++;
    using order = this.#shuffle ? this.#permutation(n, round).keep() : null;
    const underWay: Promise<void>[] = [];
    for (let i = 0; i < this.batches; i++) {
      const from = i * this.batchSize;
      const to = Math.min(n, from + this.batchSize);
      using indices = order
        ? new Tensor(native.slice(order.handle, [from], [to], [1]), 'i32')
        : new Tensor(native.arange(from, to, 1, 'i32'), 'i32');
      const batch = this.dataset.batch(indices);
      try {
        yield batch;
      } finally {
        for (const tensor of batch) if (!tensor.kept) tensor.dispose();
      }
      // What the caller has asked for with this batch. A loop that awaits nothing else still leaves the event loop its
      // turns, and never runs far ahead of the compute thread.
      const done = synchronize();
      done.catch(() => undefined);
      underWay.push(done);
      if (underWay.length >= batchesUnderWay) await underWay.shift();
    }
  }

  #permutation(n: number, round: number): Tensor<'i32'> {
    return this.#seed === undefined
      ? randperm(n)
      : new Tensor(native.permutation(n, this.#seed, round), 'i32');
  }
}
