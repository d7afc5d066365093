import { requireLive, scope, type DType, type Tensor } from '../tensor.js';
import { describe } from '../describe.js';
import { broadcastTo, reshape } from './movement.js';

/**
 * x, so many times along each axis: [A, B] with repeats [2, 3] becomes [2·A, 3·B].
 *
 * @param repeats for the axes of x, aligned at the end: where there are more, x gets axes of 1 in front; where there are
 * fewer, the first axes stay.
 * @throws RangeError for what is no whole number from 0 on.
 */
export function tile<D extends DType>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> {
  requireLive('tile', 'input', x);
  const given: unknown = repeats;
  if (!Array.isArray(given) || !given.every((times: number) => Number.isInteger(times) && times >= 0)) {
    throw new RangeError(`tile: repeats is ${describe(given)}, wants an array of whole numbers from 0 on`);
  }
  const rank = Math.max(x.rank, repeats.length);
  const before = [...Array.from({ length: rank - x.rank }, () => 1), ...x.shape];
  const skipped = rank - repeats.length;
  return scope(() => {
    let y = reshape(x, before);
    for (let axis = skipped; axis < rank; axis++) {
      const times = repeats[axis - skipped]!;
      if (times === 1) continue;
      const { shape } = y;
      const outer = volume(shape.slice(0, axis));
      const inner = volume(shape.slice(axis));
      const repeated = broadcastTo(reshape(y, [outer, 1, inner]), [outer, times, inner]);
      y = reshape(repeated, shape.with(axis, shape[axis]! * times));
    }
    return y;
  });
}

function volume(shape: readonly number[]): number {
  return shape.reduce((n, extent) => n * extent, 1);
}
