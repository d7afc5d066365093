import { describe } from '../describe.js';
import type { Tensor } from '../tensor.js';
import { batchOf } from './batch.js';
import { checkedIndex, type Batch, type Dataset, type Randomness, type Sample } from './dataset.js';

/** A dataset whose targets are its inputs. */
class ReconstructionDataset implements Dataset {
  readonly dataset: Dataset;

  constructor(dataset: Dataset) {
    this.dataset = dataset;
  }

  get length(): number {
    return this.dataset.length;
  }

  async get(index: number, randomness?: Randomness): Promise<Sample> {
    checkedIndex(index, this.length);
    return aimedAtItself(await this.dataset.get(index, randomness));
  }

  async batch(indices: Int32Array, randomness?: Randomness): Promise<Batch> {
    return aimedAtItself(await batchOf(this.dataset, indices, randomness));
  }
}

function aimedAtItself([x, y]: Sample | Batch): Batch {
  if (typeof y !== 'number' && (y as Tensor) !== x && !y.kept) y.dispose();
  return [x, x.detach()];
}

/**
 * The same inputs with themselves as targets, which is what autoencoders and restricted Boltzmann machines learn from;
 * labels are left out. Input and target share their storage.
 *
 * ```ts
 * await trainer.fit(data.reconstruction(train), { epochs: 10 });
 * ```
 *
 * @throws TypeError for what is no dataset
 */
export function reconstruction(dataset: Dataset): Dataset {
  if (typeof (dataset as Dataset | undefined)?.get !== 'function') {
    throw new TypeError(`reconstruction: dataset is ${describe(dataset)}, wants one with length and get()`);
  }
  return new ReconstructionDataset(dataset);
}
