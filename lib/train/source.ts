import { describe } from '../describe.js';
import { disposeTaken } from '../data/batch.js';
import type { Batch, Dataset } from '../data/dataset.js';
import { DataLoader, type DataLoaderOptions } from '../data/loader.js';

/** Where batches come from, epoch by epoch. */
export interface Source {
  /** In an epoch; undefined where the data does not tell. */
  readonly batches: number | undefined;
  /** What an epoch's batches depend on, for a checkpoint. */
  readonly identity: SourceIdentity;
  /** Takes over a seed, where none was given. */
  reseed?(seed: number): void;
  /** The batches of an epoch, counted from 1, without the first `from`. */
  epoch(epoch: number, from: number): AsyncIterable<Batch>;
}

export interface SourceIdentity {
  readonly samples: number | null;
  readonly batches: number | null;
  readonly batchSize: number | null;
  readonly shuffle: boolean | null;
  readonly seed: number | null;
}

/** @throws TypeError or RangeError that begins with `caller` for what is no data */
export function sourceOf(
  caller: string,
  data: Dataset | AsyncIterable<Batch>,
  options: DataLoaderOptions,
): Source {
  if (data instanceof DataLoader) {
    const { dataset, batchSize, seed, batches } = data;
    const samples = 'length' in dataset ? dataset.length : null;
    if (batches === 0) throw new RangeError(`${caller}: the data has no batches`);
    return {
      batches,
      identity: { samples, batches: batches ?? null, batchSize, shuffle: null, seed },
      epoch: (epoch, from) => data.epoch(epoch, { from }),
    };
  }
  if (typeof data !== 'object' || (data as unknown) === null) {
    throw new TypeError(
      `${caller}: data is ${describe(data)}, wants a Dataset, or an async iterable of batches`,
    );
  }
  if (Symbol.asyncIterator in data) {
    return {
      batches: undefined,
      identity: { samples: null, batches: null, batchSize: null, shuffle: null, seed: null },
      epoch: (epoch, from) => lent(caller, data, epoch, from),
    };
  }
  if (data.length === 0) throw new RangeError(`${caller}: the dataset is empty`);
  let loader = new DataLoader(data, options);
  const reseed = (seed: number) => {
    loader = new DataLoader(data, { ...options, seed });
  };
  const { batchSize, batches } = loader;
  const { shuffle = false } = options;
  return {
    batches,
    get identity() {
      return { samples: data.length, batches: batches ?? null, batchSize, shuffle, seed: loader.seed };
    },
    epoch: (epoch, from) => loader.epoch(epoch, { from }),
    ...(options.seed === undefined && { reseed }),
  };
}

/** Batches without the first ones, each disposed when the next is asked for. */
async function* lent(
  caller: string,
  batches: AsyncIterable<Batch>,
  epoch: number,
  from: number,
): AsyncGenerator<Batch> {
  let count = 0;
  for await (const batch of batches) {
    try {
      if (++count > from) yield batch;
    } finally {
      disposeTaken(batch);
    }
  }
  if (count > from || (from > 0 && count === from)) return;
  const had = count === 0 ? 'no batches' : `only ${count} batches, wants more than ${from}`;
  throw new RangeError(`${caller}: epoch ${epoch} has ${had}; the data is to be gone through once an epoch`);
}
