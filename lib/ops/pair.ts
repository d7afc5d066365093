import { describe } from '../describe.js';

/**
 * A number for both axes of an image, or [height, width].
 *
 * @inline
 */
export type Pair = number | readonly [number, number];

/**
 * [height, width] of an option that accepts one number for both. Ranges are checked by the native side, which knows
 * what each option may be.
 *
 * @throws TypeError, naming operation and argument, for what is neither a number nor two of them.
 */
export function pair(operation: string, name: string, value: Pair): [number, number] {
  if (typeof value === 'number') return [value, value];
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  if (items.length === 2) {
    const [height, width] = items;
    if (typeof height === 'number' && typeof width === 'number') return [height, width];
  }
  throw new TypeError(`${operation}: ${name} is ${describe(value)}, wants a number or [height, width]`);
}

/** [top, bottom, left, right] of a padding: a number, [height, width], or all four. */
export function sides(
  operation: string,
  padding: Pair | readonly [number, number, number, number],
): number[] {
  if (Array.isArray(padding) && padding.length === 4) return [...(padding as readonly number[])];
  const [height, width] = pair(operation, 'padding', padding as Pair);
  return [height, height, width, width];
}
