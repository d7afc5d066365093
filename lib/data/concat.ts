import { tensor } from '../ops/creation.js';
import { concat, gather } from '../ops/movement.js';
import { scope, type DType, type Tensor } from '../tensor.js';
import { batchOf, disposeTaken } from './batch.js';
import {
  checkedIndex,
  checkedIndices,
  type Batch,
  type Dataset,
  type Randomness,
  type Sample,
  type Target,
} from './dataset.js';

/** Several datasets as one, their samples one after the other. */
export class ConcatDataset implements Dataset {
  readonly datasets: readonly Dataset[];
  readonly length: number;
  readonly classes: readonly string[] | undefined;
  readonly labels: (() => Promise<Int32Array>) | undefined;
  /** The number of each part's first sample. */
  readonly #starts: readonly number[];

  /** @throws RangeError where there is none, or their classes have different names */
  constructor(datasets: Iterable<Dataset>) {
    this.datasets = Array.from(datasets);
    if (this.datasets.length === 0)
      throw new RangeError('ConcatDataset: datasets is empty, wants at least one');
    const names = this.datasets.map(({ classes }) => classes?.join(', '));
    const other = names.findIndex((name) => name !== names[0]);
    if (other !== -1) {
      const told = (i: number) =>
        names[i] === undefined ? 'classes without names' : `the classes ${names[i]}`;
      throw new RangeError(`ConcatDataset: datasets[${other}] has ${told(other)}, datasets[0] ${told(0)}`);
    }
    let length = 0;
    this.#starts = this.datasets.map((dataset) => (length += dataset.length) - dataset.length);
    this.length = length;
    this.classes = this.datasets[0]?.classes;
    if (this.datasets.every(({ labels }) => labels)) this.labels = () => this.#labels();
  }

  get(index: number, randomness?: Randomness): Sample | Promise<Sample> {
    checkedIndex(index, this.length);
    const part = this.#partOf(index);
    return this.datasets[part]!.get(index - this.#starts[part]!, randomness);
  }

  async batch(indices: Int32Array, randomness?: Randomness): Promise<Batch> {
    checkedIndices('batch', indices, this.length);
    /** For each part, the places in the batch that it fills. */
    const places: number[][] = this.datasets.map(() => []);
    indices.forEach((index, place) => places[this.#partOf(index)]!.push(place));
    const wanted = places.flatMap((own, part) => (own.length > 0 ? [{ own, part }] : []));
    const taken = await Promise.allSettled(
      wanted.map(({ own, part }) => {
        const numbers = Int32Array.from(own, (place) => indices[place]! - this.#starts[part]!);
        return batchOf(this.datasets[part]!, numbers, randomness);
      }),
    );
    const batches = taken.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = taken.find((result) => result.status === 'rejected');
    if (!failed && batches.length === 1) return batches[0]!;
    try {
      if (failed) throw failed.reason;
      const back = new Int32Array(indices.length);
      wanted.flatMap(({ own }) => own).forEach((place, i) => (back[place] = i));
      return scope(() => {
        const order = tensor(back);
        const x = gather(concat(batches.map((batch) => batch[0])), order);
        const y = gather(concat<DType>(batches.map((batch) => batch[1]) as Tensor<DType>[]), order);
        return [x, y as Target];
      });
    } finally {
      batches.forEach(disposeTaken);
    }
  }

  #partOf(index: number): number {
    let part = this.#starts.length - 1;
    while (this.#starts[part]! > index) part--;
    return part;
  }

  async #labels(): Promise<Int32Array> {
    const parts = await Promise.all(this.datasets.map((dataset) => dataset.labels!()));
    return Int32Array.from(parts.flatMap((labels) => Array.from(labels)));
  }
}
