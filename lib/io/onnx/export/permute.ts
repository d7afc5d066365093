import type { TypedArray } from '../../../../binding.js';

/** The elements of an array of this shape with its axes in another order: axis i of the result is axis axes[i]. */
export function permuted(data: TypedArray, shape: readonly number[], axes: readonly number[]): TypedArray {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((n, extent) => n * extent, 1));
  // What keeps its place at the end is copied as a whole.
  let outer = axes.length;
  while (outer > 0 && axes[outer - 1] === outer - 1) outer--;
  const block = shape.slice(outer).reduce((n, extent) => n * extent, 1);
  const extents = axes.slice(0, outer).map((axis) => shape[axis]!);
  const steps = axes.slice(0, outer).map((axis) => strides[axis]!);
  const result = data.slice();
  const place = extents.map(() => 0);
  for (let to = 0, from = 0; to < result.length; to += block) {
    if (block === 1) result[to] = data[from]!;
    else result.set(data.subarray(from, from + block), to);
    for (let axis = outer - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++place[axis]! < extents[axis]!) break;
      from -= steps[axis]! * extents[axis]!;
      place[axis] = 0;
    }
  }
  return result;
}
