import { describe } from '../describe.js';
import { express, StriateError, synchronize } from '../tensor.js';
import { batchOf, disposeTaken, stackSamples } from './batch.js';
import type { Batch, Dataset, Sample } from './dataset.js';
import { ignore, prefetched } from './prefetch.js';
import { permutation, seedOrDrawn } from './seed.js';

export interface DataLoaderOptions {
  /** Samples in a batch. Default: 32. */
  batchSize?: number | undefined;
  /** Whether samples come in a new random order each epoch; not of an async iterable. Default: false. */
  shuffle?: boolean | undefined;
  /**
   * Fixes the orders, and the random draws of the dataset: a whole number from 0 to 2⁵³ − 1. Default: one drawn, now, from
   * the numbers that setSeed starts.
   */
  seed?: number | undefined;
  /** Whether a last batch of fewer samples is left out. Default: false. */
  dropLast?: boolean | undefined;
  /**
   * Batches that are prepared in the background beyond the one that is asked for: read, decoded, their operations
   * enqueued. 0: each only when it is asked for. Default: 2.
   */
  prefetch?: number | undefined;
}

/** Batches that are worked on at once: one by the compute thread, one by JavaScript. */
const batchesUnderWay = 2;

/**
 * Batches of a dataset, or of samples as they come from an async iterable. A batch is disposed when the next is asked for;
 * keep() saves a tensor from that. The next batch waits until the work on the one before the last is done; an update in
 * place that failed is told there.
 *
 * Batches to come are prepared while the compute thread works on this one, `prefetch` of them at a time; an error of one is
 * told at its place. There are no worker threads: operations run on the compute thread anyway, files are read and images
 * decoded on threads of libuv and libvips, so that JavaScript has next to nothing to hand to a worker.
 *
 * Each time it is gone through is an epoch, counted from 1: the order of an epoch, and what the dataset draws in it, depend
 * on the seed and its number alone.
 *
 * ```ts
 * for await (const [x, labels] of new DataLoader(train, { batchSize: 128, shuffle: true })) …
 * ```
 */
export class DataLoader implements AsyncIterable<Batch> {
  readonly dataset: Dataset | AsyncIterable<Sample>;
  readonly batchSize: number;
  readonly seed: number;
  readonly #shuffle: boolean;
  readonly #dropLast: boolean;
  readonly #prefetch: number;
  #epochs = 0;
  #begun = false;

  constructor(
    dataset: Dataset | AsyncIterable<Sample>,
    { batchSize = 32, shuffle = false, seed, dropLast = false, prefetch = 2 }: DataLoaderOptions = {},
  ) {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`DataLoader: batchSize is ${describe(batchSize)}, wants a whole number from 1 on`);
    }
    if (!Number.isInteger(prefetch) || prefetch < 0) {
      throw new RangeError(`DataLoader: prefetch is ${describe(prefetch)}, wants a whole number from 0 on`);
    }
    for (const [name, flag] of Object.entries({ shuffle, dropLast })) {
      if (typeof flag !== 'boolean') {
        throw new TypeError(`DataLoader: ${name} is ${describe(flag)}, wants true or false`);
      }
    }
    if (!isIterable(dataset) && typeof (dataset as Dataset | undefined)?.get !== 'function') {
      throw new TypeError(
        `DataLoader: dataset is ${describe(dataset)}, wants length and get(), or an async iterable`,
      );
    }
    if (shuffle && isIterable(dataset)) {
      throw new TypeError('DataLoader: shuffle is true, samples of an async iterable come as they come');
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.seed = seedOrDrawn('DataLoader', seed);
    this.#shuffle = shuffle;
    this.#dropLast = dropLast;
    this.#prefetch = prefetch;
  }

  /** Batches in one epoch; undefined for an async iterable, which does not tell. */
  get batches(): number | undefined {
    if (isIterable(this.dataset)) return undefined;
    const n = this.dataset.length / this.batchSize;
    return this.#dropLast ? Math.floor(n) : Math.ceil(n);
  }

  /** The next epoch. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch> {
    return this.epoch(this.#epochs + 1);
  }

  /**
   * The batches of one epoch, without the first `from` of them, as they were or would be in the whole: to go on after an
   * interruption. The loader goes on with the epoch after it.
   *
   * @param epoch counted from 1
   */
  epoch(epoch: number, { from = 0 }: { from?: number } = {}): AsyncGenerator<Batch> {
    if (!Number.isSafeInteger(epoch) || epoch < 1) {
      throw new RangeError(`DataLoader: epoch is ${describe(epoch)}, wants a whole number from 1 on`);
    }
    const most = this.batches ?? Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(from) || from < 0 || from > most) {
      throw new RangeError(`DataLoader: from is ${describe(from)}, wants a whole number from 0 to ${most}`);
    }
    this.#epochs = epoch;
    return this.#lent(
      isIterable(this.dataset)
        ? this.#streamed(this.dataset, from)
        : this.#taken(this.dataset, epoch, from, this.batches ?? 0),
    );
  }

  /** Disposes each batch when the next is asked for, and keeps JavaScript from running ahead. */
  async *#lent(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
    const underWay: Promise<void>[] = [];
    for await (const batch of batches) {
      try {
        yield batch;
      } finally {
        disposeTaken(batch);
      }
      // What the caller has asked for with this batch. A loop that awaits nothing else still leaves the event loop its
      // turns, and never runs far ahead of the compute thread.
      const done = synchronize();
      done.catch(ignore);
      underWay.push(done);
      if (underWay.length >= batchesUnderWay) await underWay.shift();
    }
  }

  async *#taken(dataset: Dataset, epoch: number, from: number, to: number): AsyncGenerator<Batch> {
    const order = await this.#order(dataset.length, epoch);
    const randomness = { seed: this.seed, epoch };
    let i = from;
    const start = async (): Promise<Batch | undefined> => {
      if (i === to) return undefined;
      const indices = order.slice(i * this.batchSize, ++i * this.batchSize);
      return batchOf(dataset, indices, randomness);
    };
    yield* prefetched(start, this.#prefetch, disposeTaken);
  }

  async #order(n: number, epoch: number): Promise<Int32Array> {
    if (!this.#shuffle) return Int32Array.from({ length: n }, (_, i) => i);
    using order = permutation(n, this.seed, epoch - 1);
    return await express(() => order.data());
  }

  /** Reads ahead in what may be slow to give samples. */
  async *#streamed(samples: AsyncIterable<Sample>, from: number): AsyncGenerator<Batch> {
    const batches = this.#stacked(samples, from);
    const start = async () => (await batches.next()).value as Batch | undefined;
    try {
      yield* prefetched(start, this.#prefetch, disposeTaken);
    } finally {
      // A source that has yet to give a sample is not waited for.
      batches.return(undefined).catch(ignore);
    }
  }

  async *#stacked(source: AsyncIterable<Sample>, from: number): AsyncGenerator<Batch> {
    const samples = source[Symbol.asyncIterator]();
    if (this.#begun && (samples as unknown) === source) {
      throw new StriateError(
        'DataLoader: the async iterable can be gone through once; wants an object that begins anew for each epoch',
      );
    }
    this.#begun = true;
    let waiting: Sample[] = [];
    let number = 0;
    const stacked = (): Batch => {
      const first = number - waiting.length;
      const batch = stackSamples(waiting, (i) => `sample ${first + i}`);
      waiting = [];
      return batch;
    };
    try {
      for await (const sample of { [Symbol.asyncIterator]: () => samples }) {
        number++;
        if (number <= from * this.batchSize) {
          disposeTaken(sample);
          continue;
        }
        waiting.push(sample);
        if (waiting.length === this.batchSize) yield stacked();
      }
      if (waiting.length > 0 && !this.#dropLast) yield stacked();
    } finally {
      for (const sample of waiting) disposeTaken(sample);
    }
  }
}

function isIterable(dataset: Dataset | AsyncIterable<Sample>): dataset is AsyncIterable<Sample> {
  return (
    typeof (dataset as Partial<AsyncIterable<Sample>> | undefined)?.[Symbol.asyncIterator] === 'function'
  );
}
