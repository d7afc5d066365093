import { describe } from '../describe.js';
import { native } from '../native.js';
import { mul } from '../ops/elementwise.js';
import { requireLive, Tensor, type DType, type Shape } from '../tensor.js';

/**
 * What is to be learnt of samples: class labels i32 [N], or values f32 [N, …] (regression, probabilities of classes as
 * mixup makes them, an autoencoder's images).
 */
export type Target = Tensor<'i32'> | Tensor;

/** Inputs and targets of several samples, one along the first axis of each. */
export type Batch = [x: Tensor, y: Target];

/** An input and its target, without the batch axis: a number is the label of a class, a value comes as a tensor. */
export type Sample = [x: Tensor, y: number | Target];

/**
 * What fixes random draws: nothing else does but the sample's number and the place of what draws among the transforms, so
 * that neither the order of batches nor what works at once changes what a sample becomes.
 */
export interface Randomness {
  /** A whole number from 0 to 2⁵³ − 1. */
  seed: number;
  /** Counted from 1. */
  epoch: number;
}

/** Samples that can be taken by number. Tensors that it returns are the caller's, but for those that are kept (`keep()`). */
export interface Dataset {
  readonly length: number;
  /** One sample. */
  get(index: number, randomness?: Randomness): Sample | Promise<Sample>;
  /** Many at once; where a dataset has none, what get() gives is stacked. */
  batch?(indices: Int32Array, randomness?: Randomness): Batch | Promise<Batch>;
  /** The names of the classes, where they are known. */
  readonly classes?: readonly string[] | undefined;
  /** The labels of all samples, where they have any: stratified parts and weights of classes need them. */
  readonly labels?: (() => Promise<Int32Array>) | undefined;
}

export interface TensorDatasetOptions {
  /** The names of the classes; labels are from 0 to classes.length − 1 then. */
  classes?: readonly string[] | undefined;
}

/**
 * Samples held in two tensors: x [N, …], and labels y i32 [N] or values y f32 [N, …]. Where x is u8, as images are,
 * batches are f32 in [0, 1]. The dataset owns the tensors.
 */
export class TensorDataset implements Dataset {
  readonly x: Tensor | Tensor<'u8'>;
  readonly y: Target;
  readonly classes: readonly string[] | undefined;
  /** Where y is labels i32 [N]. */
  readonly labels: (() => Promise<Int32Array>) | undefined;

  /** @throws TypeError, RangeError for tensors of other dtypes or of different lengths */
  constructor(x: Tensor | Tensor<'u8'>, y: Target, { classes }: TensorDatasetOptions = {}) {
    const given: [string, Tensor<DType>, readonly DType[]][] = [
      ['x', x, ['f32', 'u8']],
      ['y', y, ['i32', 'f32']],
    ];
    for (const [name, tensor, dtypes] of given) {
      const { dtype } = requireLive('TensorDataset', name, tensor);
      if (!dtypes.includes(dtype)) {
        throw new TypeError(`TensorDataset: ${name} is ${dtype}, wants ${dtypes.join(' or ')}`);
      }
    }
    if (x.rank === 0 || x.shape[0] !== y.shape[0]) {
      const shapes = `x [${x.shape.join(', ')}] and y [${y.shape.join(', ')}]`;
      throw new RangeError(
        `TensorDataset: ${shapes} want one label or value for each sample: [N, …] and [N, …]`,
      );
    }
    this.x = x.keep();
    this.y = y.keep();
    this.classes = classes;
    this.labels = isLabels(y) ? () => checkedLabels(y, classes?.length) : undefined;
  }

  get length(): number {
    return this.y.shape[0] ?? 0;
  }

  get(index: number): Sample {
    return this.#take(checkedIndex(index, this.length), []);
  }

  batch(indices: Int32Array): Batch {
    return this.#take(checkedIndices('batch', indices, this.length), [indices.length]);
  }

  #take(indices: Int32Array, shape: readonly number[]): Batch {
    using places = new Tensor(native.tensor(indices, shape), 'i32');
    const y = new Tensor<DType>(native.gather(this.y.handle, places.handle, 0), this.y.dtype) as Target;
    const taken = native.gather(this.x.handle, places.handle, 0);
    if (this.x.dtype === 'f32') return [new Tensor(taken, 'f32'), y];
    using bytes = new Tensor(taken, 'u8');
    return [unitRange(bytes), y];
  }

  /** Disposes both tensors. */
  dispose(): void {
    this.x.dispose();
    this.y.dispose();
  }
}

/** 0 to 255 become 0 to 1. */
function unitRange(bytes: Tensor<'u8'>): Tensor {
  using whole = new Tensor(native.cast(bytes.handle, 'f32'), 'f32');
  return mul(whole, 1 / 255);
}

/** Bytes as a tensor f32 in [0, 1]. */
export function fromBytes(data: Uint8Array, shape: Shape): Tensor {
  using bytes = new Tensor(native.tensor(data, shape), 'u8');
  return unitRange(bytes);
}

/** The number of a sample, where it is one of a dataset of this length. */
export function checkedIndex(index: number, length: number): Int32Array {
  if (!Number.isInteger(index)) throw new TypeError(`get: index is ${describe(index)}, wants a whole number`);
  return checkedIndices('get', Int32Array.of(index), length);
}

/** The numbers of samples, where all are of a dataset of this length. */
export function checkedIndices(operation: string, indices: Int32Array, length: number): Int32Array {
  if (!(indices instanceof Int32Array)) {
    throw new TypeError(`${operation}: indices is ${describe(indices)}, wants an Int32Array`);
  }
  const wrong = indices.find((index) => index < 0 || index >= length);
  if (wrong === undefined) return indices;
  throw new RangeError(`${operation}: there is no sample ${wrong}, the dataset has ${length}`);
}

function isLabels(y: Target): y is Tensor<'i32'> {
  return y.dtype === 'i32' && y.rank === 1;
}

async function checkedLabels(y: Tensor<'i32'>, classes = Infinity): Promise<Int32Array> {
  const labels = await y.data();
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong === -1) return labels;
  const wanted = classes === Infinity ? '0 on' : `0 to ${classes - 1}`;
  throw new RangeError(
    `TensorDataset: the label of sample ${wrong} is ${labels[wrong]}, wants one from ${wanted}`,
  );
}
