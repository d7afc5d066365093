import { describe } from '../../describe.js';
import { native } from '../../native.js';
import { Tensor, type DType, type Shape } from '../../tensor.js';
import type { Batch, Randomness } from '../dataset.js';

/** What random draws of a transform depend on: each sample's by its number, and these. */
export interface Draws {
  /** The numbers of the batch's samples. */
  indices: Int32Array;
  randomness: Randomness;
  /** Which of the transforms this is, counted from 0. */
  place: number;
}

/**
 * What changes batches on their way from a dataset to a network. x is f32, images [N, H, W, C] in [0, 1].
 *
 * apply() enqueues operations and returns at once; it disposes the tensors of the batch that it replaces, unless they are
 * kept. What becomes of a sample must depend on nothing but the sample and the draws that are its own.
 */
export interface Transform {
  /** The batch, changed. */
  apply(batch: Batch, draws: Draws): Batch;
}

/** Disposes a tensor that has been replaced, unless somebody keeps it. */
export function discard(tensor: Tensor<DType>): void {
  if (!tensor.kept) tensor.dispose();
}

/** A transform of inputs that leaves targets alone. */
export abstract class InputTransform implements Transform {
  /** The inputs, changed. Does not dispose x. */
  protected abstract change(x: Tensor, draws: Draws): Tensor;

  apply([x, y]: Batch, draws: Draws): Batch {
    const changed = this.change(x, draws);
    if (changed !== x) discard(x);
    return [changed, y];
  }
}

/** Numbers that a transform has drawn, as a tensor. */
export function floats(values: Float32Array, shape: Shape): Tensor {
  return new Tensor(native.tensor(values, shape), 'f32');
}

export function integers(values: Int32Array, shape: Shape): Tensor<'i32'> {
  return new Tensor(native.tensor(values, shape), 'i32');
}

/** [N, H, W, C] of a batch of as many samples as there are numbers. */
export function imagesOf(
  transform: string,
  x: Tensor<DType>,
  samples: number,
): readonly [number, number, number, number] {
  const { shape } = x;
  if (shape.length !== 4) {
    throw new RangeError(
      `${transform}: x [${shape.join(', ')}] has ${shape.length} axes, wants images: [N, H, W, C]`,
    );
  }
  requireSamples(transform, x, samples);
  return shape as unknown as readonly [number, number, number, number];
}

export function requireSamples(transform: string, x: Tensor<DType>, samples: number): void {
  if (x.shape[0] === samples) return;
  throw new RangeError(
    `${transform}: x [${x.shape.join(', ')}] comes with ${samples} numbers of samples, wants as many`,
  );
}

export function requireProbability(transform: string, name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new RangeError(`${transform}: ${name} is ${describe(value)}, wants a probability from 0 to 1`);
  }
}

/** A finite number within bounds. */
export function requireNumber(
  transform: string,
  name: string,
  value: unknown,
  least = -Infinity,
  most = Infinity,
): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return;
  const bounds = [
    least > -Infinity ? ` from ${least}` : '',
    most < Infinity ? ` to ${most}` : least > -Infinity ? ' on' : '',
  ];
  throw new RangeError(
    `${transform}: ${name} is ${describe(value)}, wants a finite number${bounds.join('')}`,
  );
}

/** Two numbers within bounds, the first not above the second. */
export function requireRange(
  transform: string,
  name: string,
  value: unknown,
  least = -Infinity,
  most = Infinity,
): asserts value is readonly [number, number] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  const [low, high] = list;
  if (list.length === 2 && typeof low === 'number' && typeof high === 'number') {
    if (Number.isFinite(low) && Number.isFinite(high) && low >= least && high <= most && low <= high) return;
  }
  const bounds = least > -Infinity || most < Infinity ? ` within ${least} to ${most}` : '';
  throw new RangeError(
    `${transform}: ${name} is ${describe(value)}, wants [low, high] of finite numbers${bounds}`,
  );
}
