import { describe } from '../describe.js';
import { native } from '../native.js';
import { reshape } from '../ops/movement.js';
import { Tensor, type DType } from '../tensor.js';
import { batchOf, disposeTaken } from './batch.js';
import { checkedIndices, TensorDataset } from './dataset.js';
import type { Batch, Dataset, Randomness, Sample, Target } from './dataset.js';
import { seedOrDrawn } from './seed.js';
import { applySteps, flatSteps, type Step } from './transforms/chain.js';
import { integers } from './transforms/transform.js';
import { planFrom, WindowTransform } from './transforms/window.js';

/**
 * A dataset whose batches go through transforms; a Module among them (one of `preprocessing`, say) is applied to the
 * inputs.
 *
 * ```ts
 * new data.TransformedDataset(train, [
 *   new transforms.RandomCrop(32, { padding: 4 }),
 *   new transforms.RandomHorizontalFlip(),
 *   new transforms.Normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
 * ])
 * ```
 *
 * What a sample becomes depends on seed and epoch, on its number and on the transform's place among the others: not on the
 * batch that it is in, nor on the number of threads. (MixUp and CutMix, and the interpolation of features, take partners
 * from the batch.) Where no randomness is given, as in evaluation by hand, it is drawn from the numbers that setSeed
 * starts.
 *
 * A crop, mirrors and a normalization that come first, in this order, are one pass over a TensorDataset's images, straight
 * from its bytes.
 */
export class TransformedDataset implements Dataset {
  readonly dataset: Dataset;
  /** With those of a Compose in its place. */
  readonly transforms: readonly Step[];
  readonly labels: (() => Promise<Int32Array>) | undefined;

  constructor(dataset: Dataset, transforms: readonly Step[]) {
    if (typeof (dataset as Dataset | undefined)?.get !== 'function') {
      throw new TypeError(
        `TransformedDataset: dataset is ${describe(dataset)}, wants one with length and get()`,
      );
    }
    this.dataset = dataset;
    this.transforms = flatSteps('TransformedDataset', transforms);
    this.labels = dataset.labels && (() => dataset.labels!());
  }

  get length(): number {
    return this.dataset.length;
  }

  get classes(): readonly string[] | undefined {
    return this.dataset.classes;
  }

  async get(index: number, randomness?: Randomness): Promise<Sample> {
    const [x, y] = await this.batch(Int32Array.of(index), randomness);
    using inputs = x;
    using targets = y as Tensor<DType>;
    return [reshape(inputs, inputs.shape.slice(1)), reshape(targets, targets.shape.slice(1)) as Target];
  }

  async batch(indices: Int32Array, randomness?: Randomness): Promise<Batch> {
    checkedIndices('batch', indices, this.length);
    const draws = { indices, randomness: checkedRandomness(randomness), place: 0 };
    const { dataset, transforms } = this;
    if (
      dataset instanceof TensorDataset &&
      dataset.x.rank === 4 &&
      transforms[0] instanceof WindowTransform
    ) {
      const { plan, taken } = planFrom(transforms, 0, dataset.x, draws, dataset.length);
      using places = integers(indices, [indices.length]);
      const x = plan.run(dataset.x, places);
      const y = new Tensor<DType>(
        native.gather(dataset.y.handle, places.handle, 0),
        dataset.y.dtype,
      ) as Target;
      return applySteps(transforms, [x, y], draws, taken);
    }
    const batch = await batchOf(dataset, indices, randomness);
    if ((batch[0].dtype as DType) !== 'f32') {
      const { dtype } = batch[0];
      disposeTaken(batch);
      throw new TypeError(`TransformedDataset: x of the dataset is ${dtype}, wants f32`);
    }
    return applySteps(transforms, batch, draws);
  }
}

/** What was given, or another seed each time. */
function checkedRandomness(randomness: Randomness | undefined): Randomness {
  const seed = seedOrDrawn('TransformedDataset', randomness?.seed);
  const { epoch } = randomness ?? { epoch: 1 };
  if (Number.isInteger(epoch) && epoch >= 0 && epoch < 2 ** 32) return { seed, epoch };
  throw new RangeError(
    `TransformedDataset: epoch is ${describe(epoch)}, wants a whole number from 0 to ${2 ** 32 - 1}`,
  );
}
