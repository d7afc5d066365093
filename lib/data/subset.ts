import { batchOf } from './batch.js';
import {
  checkedIndex,
  checkedIndices,
  type Batch,
  type Dataset,
  type Randomness,
  type Sample,
} from './dataset.js';

/**
 * Some samples of a dataset, by their numbers, in this order; a number may come more than once. Random draws follow the
 * numbers in the whole dataset.
 */
export class Subset implements Dataset {
  readonly dataset: Dataset;
  readonly indices: Int32Array;
  readonly labels: (() => Promise<Int32Array>) | undefined;

  /** @throws RangeError for a number that no sample has */
  constructor(dataset: Dataset, indices: Iterable<number>) {
    const numbers = Array.from(indices);
    const wrong = numbers.find((index) => !Number.isInteger(index));
    if (wrong !== undefined) throw new TypeError(`Subset: index ${wrong} is none, wants a whole number`);
    this.dataset = dataset;
    this.indices = checkedIndices('Subset', Int32Array.from(numbers), dataset.length);
    this.labels = dataset.labels && (() => this.#labels());
  }

  get length(): number {
    return this.indices.length;
  }

  get classes(): readonly string[] | undefined {
    return this.dataset.classes;
  }

  get(index: number, randomness?: Randomness): Sample | Promise<Sample> {
    checkedIndex(index, this.length);
    return this.dataset.get(this.indices[index]!, randomness);
  }

  batch(indices: Int32Array, randomness?: Randomness): Promise<Batch> {
    const own = checkedIndices('batch', indices, this.length).map((i) => this.indices[i]!);
    return batchOf(this.dataset, own, randomness);
  }

  async #labels(): Promise<Int32Array> {
    const all = await this.dataset.labels!();
    return this.indices.map((i) => all[i]!);
  }
}
