import type { DType } from '../../../../binding.js';
import type { Extent } from '../trace.js';

/** What an operation is given: a tensor that is computed in the graph, or a constant. Axes and shapes are striate's. */
export interface Operand {
  readonly dtype: DType;
  readonly shape: readonly Extent[];
  /** The elements in the same order under another shape. */
  reshaped(shape: readonly Extent[]): Operand;
  /** Axis i of the result is axis axes[i]. */
  transposed(axes: readonly number[]): Operand;
  /** The name in the graph of a tensor whose axis i is the axes groups[i], in this order, as one. */
  grouped(groups: readonly (readonly number[])[]): string;
}

export const same = (a: Extent, b: Extent): boolean => a[0] === b[0] && a[1] === b[1];
export const isStatic = ([a, b]: Extent): boolean => a === b;
export const fixed = (n: number): Extent => [n, n];
export const product = (extents: readonly Extent[]): Extent =>
  extents.reduce(([a, b], [c, d]) => [a * c, b * d], [1, 1]);

/** The extents as numbers, where none depends on the batch. */
export function numbers(extents: readonly Extent[]): number[] | null {
  return extents.every(isStatic) ? extents.map(([n]) => n) : null;
}

/** 0 to n − 1 */
export const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The order of axes that ONNX's operators on images want: the last, the channels, after the first. */
export function channelsFirst(rank: number): number[] {
  return rank < 3 ? count(rank) : [0, rank - 1, ...count(rank - 2).map((i) => i + 1)];
}
