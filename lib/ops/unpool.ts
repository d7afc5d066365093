import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';
import { pair, type Pair } from './pair.js';
import { alone, asRow, asSequence } from './sequences.js';

/**
 * The partial inverse of maxPool2d (Zeiler and Fergus, 2014, section 2.1; the switches of a deconvnet): zeros but for x
 * at the places that pooling found, y[n, indices[n, i, j, c], c] = x[n, i, j, c] with places counted as row·W + column.
 * Where windows overlap and one place is named more than once, the last of them counts, and the gradient by y there goes
 * to each.
 *
 * [N, OH, OW, C] → [N, H, W, C]
 *
 * @param indices of x's shape, as maxPool2d gives them with `returnIndices`
 * @param outputSize [H, W], or one number for both: the size of the image that was pooled
 * @throws TypeError for other dtypes, RangeError for shapes that do not fit; at the next read of the result, StriateError
 *   for an index that is no place.
 */
export function maxUnpool2d(x: Tensor, indices: Tensor<'i32'>, outputSize: Pair): Tensor {
  const size = pair('maxUnpool2d', 'outputSize', outputSize);
  const y = new Tensor(native.maxUnpool2d(handleOf(x), handleOf(indices), size), 'f32');
  return record('maxUnpool2d', y, [x], [indices], (g, [places]) => [
    new Tensor(native.maxUnpool2dBackward(g.handle, places.handle), 'f32'),
  ]);
}

/**
 * maxUnpool2d of sequences: y[n, indices[n, i, c], c] = x[n, i, c], 0 elsewhere.
 *
 * [N, OL, C] → [N, L, C]
 *
 * @param indices of x's shape, as maxPool1d gives them with `returnIndices`
 * @param outputSize L, the length of the sequence that was pooled
 * @throws as maxUnpool2d.
 */
export function maxUnpool1d(x: Tensor, indices: Tensor<'i32'>, outputSize: number): Tensor {
  const length = alone('maxUnpool1d', 'outputSize', outputSize);
  using row = asRow('maxUnpool1d', 'input', x);
  using places = asRow('maxUnpool1d', 'indices', indices);
  return asSequence(maxUnpool2d(row, places, [1, length]));
}
