import type { Batch, Dataset, Randomness } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import type { Shape } from '../tensor.js';

/** Samples that are looked at again after each epoch, the same ones. */
export interface Probe {
  /** What they are of. */
  of: 'validation' | 'training';
  /** Samples in it, and in all. */
  samples: number;
  total: number;
  /** The number of each in the data set. */
  indices: Int32Array;
  batches: readonly Batch[];
  /** Of one sample's input. */
  shape: Shape;
  classes: readonly string[] | undefined;
}

/** Bytes of inputs that are held during training, at the most. */
const mostBytes = 64 * 2 ** 20;
/** Samples that go through the model at once, at the most. */
const most = 64;

/** Takes `limit` samples, evenly over the data set, or as many as 64 MiB hold. They are the caller's to dispose. */
export async function probeOf(dataset: Dataset, of: Probe['of'], limit: number): Promise<Probe> {
  const [first] = await load(dataset, Int32Array.of(0), 1);
  const shape = first![0].shape.slice(1);
  const bytes = 4 * first![0].size;
  disposeBatches([first!]);
  const total = dataset.length;
  const samples = Math.max(1, Math.min(total, limit, Math.floor(mostBytes / Math.max(1, bytes))));
  const evenly = Array.from({ length: samples }, (_, i) => i);
  // Each batch goes over the whole data set, which may be in the order of its classes.
  const rounds = Math.ceil(samples / most);
  evenly.sort((a, b) => (a % rounds) - (b % rounds) || a - b);
  const indices = Int32Array.from(evenly, (i) => Math.floor((i * total) / samples));
  const batches = await load(dataset, indices, Math.ceil(samples / rounds));
  return { of, samples, total, indices, batches, shape, classes: dataset.classes };
}

async function load(dataset: Dataset, indices: Int32Array, batchSize: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  try {
    for await (const [x, y] of new DataLoader(new Picked(dataset, indices), { batchSize, seed: 0 })) {
      // Handles of its own: the loader disposes its batches, and what a data set keeps stays the data set's.
      batches.push([x.detach().keep(), y.detach().keep()] as Batch);
    }
  } catch (error) {
    disposeBatches(batches);
    throw error;
  }
  return batches;
}

export function disposeBatches(batches: readonly Batch[]): void {
  for (const [x, y] of batches) {
    x.dispose();
    y.dispose();
  }
}

/** Some samples of a data set. */
class Picked implements Dataset {
  readonly length: number;
  readonly get: Dataset['get'];
  readonly batch?: NonNullable<Dataset['batch']>;

  constructor(dataset: Dataset, indices: Int32Array) {
    this.length = indices.length;
    this.get = (i: number, randomness?: Randomness) => dataset.get(indices[i]!, randomness);
    if (dataset.batch) {
      this.batch = (places, randomness) =>
        dataset.batch!(
          places.map((i) => indices[i]!),
          randomness,
        );
    }
  }
}
