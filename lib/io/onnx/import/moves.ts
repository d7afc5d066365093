import { reshape, transpose } from '../../../ops/movement.js';
import type { DType, Tensor } from '../../../tensor.js';
import { sameOrder } from './layout.js';

/** A step from the layout of a tensor in the file to the one in which it is used. */
export type Move =
  | { readonly shape: readonly number[] }
  | /** As transpose() takes them. */ { readonly axes: readonly number[] };

/** The shape after the moves. */
export function movedShape<T>(shape: readonly T[], moves: readonly Move[]): readonly (T | number)[] {
  return moves.reduce<readonly (T | number)[]>(
    (before, move) => ('shape' in move ? move.shape : move.axes.map((axis) => before[axis]!)),
    shape,
  );
}

/** The moves back. */
export function inverseMoves(shape: readonly number[], moves: readonly Move[]): Move[] {
  const back: Move[] = [];
  let before = shape;
  for (const move of moves) {
    const inverse =
      'shape' in move ? { shape: before } : { axes: move.axes.map((_, i) => move.axes.indexOf(i)) };
    back.unshift(inverse);
    before = movedShape(before, [move]);
  }
  return back;
}

/** The same moves without those that leave all as it is. */
export function simplified(shape: readonly number[], moves: readonly Move[]): Move[] {
  const kept: Move[] = [];
  let before = shape;
  for (const move of moves) {
    const after = movedShape(before, [move]);
    const still = 'shape' in move ? sameOrder(before, after) : move.axes.every((axis, i) => axis === i);
    if (!still) kept.push(move);
    before = after;
  }
  return kept;
}

/** A tensor after the moves, which autograd follows; x itself where there are none. */
export function moved<D extends DType>(x: Tensor<D>, moves: readonly Move[]): Tensor<D> {
  let current = x;
  for (const move of moves) {
    const next = 'shape' in move ? reshape(current, move.shape) : transpose(current, move.axes);
    if (current !== x) current.dispose();
    current = next;
  }
  return current;
}

/** The same of elements on the JavaScript side. */
export function movedElements<T>(
  elements: readonly T[],
  shape: readonly number[],
  moves: readonly Move[],
): T[] {
  let [current, before] = [[...elements], shape];
  for (const move of moves) {
    if ('axes' in move) current = transposed(current, before, move.axes);
    before = movedShape(before, [move]);
  }
  return current;
}

function transposed<T>(elements: readonly T[], shape: readonly number[], axes: readonly number[]): T[] {
  const steps = shape.map((_, axis) => shape.slice(axis + 1).reduce((n, extent) => n * extent, 1));
  let places = [0];
  for (const axis of axes) {
    places = places.flatMap((at) => Array.from({ length: shape[axis]! }, (_, i) => at + i * steps[axis]!));
  }
  return places.map((at) => elements[at]!);
}
