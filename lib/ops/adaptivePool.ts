import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';
import { reshape } from './movement.js';
import { pair, type Pair } from './pair.js';
import { wantsIndices, type PooledWithIndices } from './pool.js';

/** Whether x has the size already: pooling leaves it as it is. */
function hasSize(x: Tensor, size: readonly number[]): boolean {
  return x instanceof Tensor && x.rank === 4 && x.shape[1] === size[0] && x.shape[2] === size[1];
}

/**
 * The mean of each of outputSize windows, spread evenly over the image: y[n, i, j, c] is the mean of x[n, u, v, c] over
 * ⌊i·H/OH⌋ ≤ u < ⌈(i + 1)·H/OH⌉, and v likewise. An output of size 1 is the mean of the image (Lin, Chen and Yan, 2013);
 * one of x's own size is x, over the same storage.
 *
 * [N, H, W, C] → [N, OH, OW, C]
 *
 * @param outputSize a number, or [OH, OW]
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and sizes below 1.
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: Pair): Tensor {
  const size = pair('adaptiveAvgPool2d', 'outputSize', outputSize);
  if (hasSize(x, size)) return reshape(x, x.shape);
  const y = new Tensor(native.adaptiveAvgPool2d(handleOf(x), size), 'f32');
  const { shape } = x;
  return record('adaptiveAvgPool2d', y, [x], [], (g) => [
    new Tensor(native.adaptiveAvgPool2dBackward(g.handle, shape), 'f32'),
  ]);
}

/**
 * The largest value of each of the windows of adaptiveAvgPool2d. What is no number wins over every number; the gradient
 * of a window goes to the first of its largest values.
 *
 * [N, H, W, C] → [N, OH, OW, C]
 *
 * @param outputSize a number, or [OH, OW]
 * @param options `returnIndices` asks for the places of the largest values as well, for maxUnpool2d
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and sizes below 1.
 */
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: Pair,
  options: { returnIndices: true },
): PooledWithIndices;
export function adaptiveMaxPool2d(x: Tensor, outputSize: Pair): Tensor;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: Pair,
  options: { returnIndices?: true } = {},
): Tensor | PooledWithIndices {
  const size = pair('adaptiveMaxPool2d', 'outputSize', outputSize);
  const returned = wantsIndices('adaptiveMaxPool2d', options);
  if (hasSize(x, size) && !returned) return reshape(x, x.shape);
  const handles = native.adaptiveMaxPool2d(handleOf(x), size);
  const y = new Tensor(handles[0], 'f32');
  const places = new Tensor(handles[1], 'i32');
  const { shape } = x;
  record('adaptiveMaxPool2d', y, [x], [places], (g, [at]) => [
    new Tensor(native.adaptiveMaxPool2dBackward(g.handle, at.handle, shape), 'f32'),
  ]);
  if (returned) return { output: y, indices: places };
  places.dispose();
  return y;
}
