import { mean } from '../ops/reduce.js';
import { div, square, sub } from '../ops/elementwise.js';
import { scope, type Tensor } from '../tensor.js';
import { batchOf } from './batch.js';
import type { Batch, Dataset, Randomness, Sample } from './dataset.js';
import { DataLoader } from './loader.js';

/** The mean and the standard deviation of all values of a data set's inputs. */
export interface Scale {
  mean: number;
  deviation: number;
}

/** Measures the scale of a data set: of the training part, to be used for all parts. */
export async function scaleOf(dataset: Dataset): Promise<Scale> {
  let values = 0;
  let sum = 0;
  let squares = 0;
  for await (const [x] of new DataLoader(dataset, { batchSize: 1024, seed: 0 })) {
    const { size } = x;
    const reads = scope(() => ({ mean: mean(x).item(), square: mean(square(x)).item() }));
    values += size;
    sum += size * (await reads.mean);
    squares += size * (await reads.square);
  }
  const average = sum / values;
  return { mean: average, deviation: Math.sqrt(Math.max(0, squares / values - average ** 2)) };
}

/** (x − mean)/deviation */
export function standardize(x: Tensor, { mean: centre, deviation }: Scale): Tensor {
  return scope(() => div(sub(x, centre), deviation));
}

/** A data set whose inputs are brought to mean 0 and deviation 1, by the scale given. */
export class StandardizedDataset implements Dataset {
  readonly dataset: Dataset;
  readonly scale: Scale;

  /** @throws RangeError where the deviation is not greater than 0 */
  constructor(dataset: Dataset, scale: Scale) {
    if (!(scale.deviation > 0 && scale.deviation < Infinity) || !Number.isFinite(scale.mean)) {
      const given = `mean ${scale.mean} and deviation ${scale.deviation}`;
      throw new RangeError(
        `StandardizedDataset: scale has ${given}, wants finite ones and a deviation above 0`,
      );
    }
    this.dataset = dataset;
    this.scale = scale;
  }

  get length(): number {
    return this.dataset.length;
  }

  get classes(): readonly string[] | undefined {
    return this.dataset.classes;
  }

  get labels(): (() => Promise<Int32Array>) | undefined {
    return this.dataset.labels?.bind(this.dataset);
  }

  async get(index: number, randomness?: Randomness): Promise<Sample> {
    const [x, y] = await this.dataset.get(index, randomness);
    return [this.#standardized(x), y];
  }

  async batch(indices: Int32Array, randomness?: Randomness): Promise<Batch> {
    const [x, y] = await batchOf(this.dataset, indices, randomness);
    return [this.#standardized(x), y];
  }

  #standardized(x: Tensor): Tensor {
    const standardized = standardize(x, this.scale);
    if (!x.kept) x.dispose();
    return standardized;
  }
}
