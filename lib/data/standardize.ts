import { mean } from '../ops/reduce.js';
import { div, square, sub } from '../ops/elementwise.js';
import { scope, type Tensor } from '../tensor.js';
import type { Batch, Dataset } from './dataset.js';
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
  for await (const [x] of new DataLoader(dataset, { batchSize: 1024 })) {
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

  batch(indices: Tensor<'i32'>): Batch {
    const [x, labels] = this.dataset.batch(indices);
    using raw = x;
    return [standardize(raw, this.scale), labels];
  }
}
