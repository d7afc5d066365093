import type { ElementType } from '../schema.js';
import { isFloat } from '../elements.js';
import type { NodeBuilder } from './nodeBuilder.js';
import { sameExtent, type Extent, type Host } from './value.js';

/** Arrays on the JavaScript side have at most so many elements. */
export const mostHostElements = 4096;

/** The places of `shape`'s elements in an array of shape `own` that is broadcast to it. */
function placesIn(own: readonly number[], shape: readonly number[]): number[] {
  const skipped = shape.length - own.length;
  let step = own.reduce((n, extent) => n * extent, 1);
  let places = [0];
  for (const [axis, extent] of shape.entries()) {
    const mine = own[axis - skipped];
    if (mine === undefined || mine === 0) {
      if (mine === 0) return [];
      places = places.flatMap((at) => Array.from({ length: extent }, () => at));
      continue;
    }
    step /= mine;
    const by = mine === 1 ? 0 : step;
    places = places.flatMap((at) => Array.from({ length: extent }, (_, i) => at + i * by));
  }
  return places;
}

/** The shape of which all are, or to which they are repeated. */
function commonShape(node: NodeBuilder, hosts: readonly Host[]): number[] {
  const rank = Math.max(0, ...hosts.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = hosts.flatMap(({ shape }) => shape[axis - (rank - shape.length)] ?? []);
    const extent = extents.find((other) => other !== 1) ?? 1;
    if (extents.every((other) => other === 1 || other === extent)) return extent;
    return node.fail(
      `shapes ${hosts.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')} do not broadcast`,
    );
  });
}

/**
 * Arrays broadcast to one shape and combined element by element; null where the result would be too large.
 *
 * @param f of elements that all are numbers
 * @param otherwise of others. Default: nothing is known.
 */
export function combined(
  node: NodeBuilder,
  type: ElementType,
  hosts: readonly Host[],
  f: (...values: number[]) => number,
  otherwise: (...values: Extent[]) => Extent = () => undefined,
): Host | null {
  const shape = commonShape(node, hosts);
  if (shape.reduce((n, extent) => n * extent, 1) > mostHostElements) return null;
  const all = hosts.map((host) => placesIn(host.shape, shape).map((at) => host.elements[at]));
  const elements = Array.from({ length: all[0]?.length ?? 0 }, (_, i) => {
    const values = all.map((list) => list[i]);
    if (values.every((value) => typeof value === 'number')) return rounded(node, type, f(...values));
    return otherwise(...values);
  });
  return { type, shape, elements };
}

/** A number as an element of the type: cut off to a whole one, or rounded to a float. */
export function rounded(node: NodeBuilder, type: ElementType, value: number): number {
  if (type === 'float64') return value;
  if (isFloat(type)) return Math.fround(value);
  if (type === 'bool') return value === 0 ? 0 : 1;
  if (!Number.isFinite(value)) return node.fail(`computes ${value}, which is no whole number`);
  const whole = Math.trunc(value);
  return whole === 0 ? 0 : whole;
}

/** Parts of an array along an axis, by their places; null for a result that would be too large. */
export function picked(
  { type, shape, elements }: Host,
  axis: number,
  places: readonly number[],
  result: readonly number[] = shape.with(axis, places.length),
): Host | null {
  if (result.reduce((n, extent) => n * extent, 1) > mostHostElements) return null;
  const outer = shape.slice(0, axis).reduce((n, extent) => n * extent, 1);
  const inner = shape.slice(axis + 1).reduce((n, extent) => n * extent, 1);
  const block = shape[axis]! * inner;
  const found: Extent[] = [];
  for (let o = 0; o < outer; o++) {
    for (const place of places) {
      const at = o * block + place * inner;
      for (let i = 0; i < inner; i++) found.push(elements[at + i]);
    }
  }
  return { type, shape: result, elements: found };
}

/** a + b where a number is not known. */
export const sumOf = (a: Extent, b: Extent): Extent => (b === 0 ? a : a === 0 ? b : undefined);
/** a − b where a number is not known. */
export const differenceOf = (a: Extent, b: Extent): Extent =>
  b === 0 ? a : sameExtent(a, b) ? 0 : undefined;
/** a·b where a number is not known. */
export const productOf = (a: Extent, b: Extent): Extent =>
  b === 1 ? a : a === 1 ? b : a === 0 || b === 0 ? 0 : undefined;
/** a / b where a number is not known. */
export const quotientOf = (a: Extent, b: Extent): Extent => (b === 1 ? a : undefined);
