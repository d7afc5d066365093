// Data sets that the tests of data make.
import { data, tensor, type Tensor } from '../../lib/index.js';
import { noise } from '../check.js';

/** x[i] = [i], label i. */
export function numbered(n: number): data.TensorDataset {
  const numbers = Array.from({ length: n }, (_, i) => i);
  return new data.TensorDataset(tensor(numbers, [n, 1]), tensor(Int32Array.from(numbers)));
}

/** Two classes of noisy points on either side of a line. */
export function points(n: number, seed: number): data.TensorDataset {
  const x = noise(n * 2, seed);
  const labels = Int32Array.from({ length: n }, (_, i) => (x[2 * i]! + x[2 * i + 1]! > 0 ? 1 : 0));
  return new data.TensorDataset(tensor(x, [n, 2]), tensor(labels));
}

/** Two samples of two features each, and the labels of these classes. */
export function labelled(labels: readonly number[], classes?: readonly string[]): data.TensorDataset {
  const x = tensor(
    labels.map((_, i) => i),
    [labels.length, 1],
  );
  return new data.TensorDataset(x, tensor(Int32Array.from(labels)), { classes });
}

/** A data set that has get() only, and counts how many samples are being made. */
export class Slow implements data.Dataset {
  readonly length: number;
  readonly asked: number[] = [];
  underWay = 0;
  mostUnderWay = 0;
  readonly #sample: (index: number, randomness?: data.Randomness) => data.Sample;

  constructor(length: number, sample: (index: number, randomness?: data.Randomness) => data.Sample) {
    this.length = length;
    this.#sample = sample;
  }

  async get(index: number, randomness?: data.Randomness): Promise<data.Sample> {
    this.asked.push(index);
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    // Later ones are ready sooner.
    await new Promise((resolve) => setTimeout(resolve, 3 - (index % 3)));
    this.underWay--;
    return this.#sample(index, randomness);
  }
}

/** What the loader gives, as numbers. */
export async function numbersOf(batches: AsyncIterable<data.Batch>): Promise<number[][]> {
  const all: number[][] = [];
  for await (const [x] of batches) all.push([...(await x.data())]);
  return all;
}

export function scalar(value: number): Tensor {
  return tensor([value]);
}
