import { sameExtent, type Extent } from './value.js';

/** The axes as the file has them. */
export function asWritten(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** [N, C, H, W] as [N, H, W, C], and so for any number of axes. */
export function channelsLast(rank: number): number[] {
  return rank < 3 ? asWritten(rank) : [0, ...asWritten(rank).slice(2), 1];
}

/** Kernels [K, C/groups, H, W] as [H, W, C/groups, K], and so for any number of axes. */
export function kernelsLast(rank: number): number[] {
  return [...asWritten(rank).slice(2), 1, 0];
}

export function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/** Whether a tensor laid out by either order has its elements in the same places: axes of extent 1 do not count. */
export function samePlaces(shape: readonly Extent[], a: readonly number[], b: readonly number[]): boolean {
  const solid = (order: readonly number[]) => order.filter((axis) => shape[axis] !== 1);
  return sameOrder(solid(a), solid(b));
}

/** Where axis `axis` of the file is in a tensor laid out by `order`. */
export function placeOf(order: readonly number[], axis: number): number {
  return order.indexOf(axis);
}

/** What is in the order of the file's axes, in that of the tensor's. */
export function arranged<T>(byAxis: readonly T[], order: readonly number[]): T[] {
  return order.map((axis) => byAxis[axis]!);
}

/** What is in the order of the tensor's axes, in that of the file's. */
export function asFile<T>(stored: readonly T[], order: readonly number[]): T[] {
  const byAxis: T[] = Array.from({ length: stored.length });
  order.forEach((axis, i) => (byAxis[axis] = stored[i]!));
  return byAxis;
}

/** Axes of two shapes that hold the same elements. */
interface Group {
  from: number[];
  to: number[];
}

/**
 * The layout of a tensor after a reshape that moves nothing, where there is one: `shape` laid out by `order` becomes
 * `target`. Null where elements have to move, or too little is known.
 */
export function reshapedOrder(
  shape: readonly Extent[],
  order: readonly number[],
  target: readonly Extent[],
): number[] | null {
  const rank = target.length;
  if (samePlaces(shape, order, asWritten(shape.length))) return asWritten(rank);
  const groups = grouped(shape, target);
  if (!groups) return null;
  const groupOf = new Map(groups.flatMap((group) => group.from.map((axis) => [axis, group] as const)));
  const solid: number[] = [];
  const stored = order.filter((axis) => shape[axis] !== 1);
  for (let i = 0; i < stored.length;) {
    const group = groupOf.get(stored[i]!);
    if (!group?.from.every((axis, j) => stored[i + j] === axis)) return null;
    solid.push(...group.to);
    i += group.from.length;
  }
  return withOnes(solid, target);
}

/** An order of all axes of which `solid` are those of other extents than 1. */
function withOnes(solid: readonly number[], target: readonly Extent[]): number[] {
  const rank = target.length;
  const common = [asWritten(rank), channelsLast(rank)].find((order) =>
    sameOrder(
      order.filter((axis) => target[axis] !== 1),
      solid,
    ),
  );
  return common ?? [...asWritten(rank).filter((axis) => target[axis] === 1), ...solid];
}

/** The smallest groups of axes, without those of extent 1, that hold the same elements; null where that is not known. */
function grouped(shape: readonly Extent[], target: readonly Extent[]): Group[] | null {
  if (shape.includes(0) || target.includes(0)) return null;
  const from = asWritten(shape.length).filter((axis) => shape[axis] !== 1);
  const to = asWritten(target.length).filter((axis) => target[axis] !== 1);
  const [front, back]: [Group[], Group[]] = [[], []];
  const same = (i: number | undefined, j: number | undefined) =>
    i !== undefined && j !== undefined && sameExtent(shape[i], target[j]);
  while (same(from[0], to[0])) front.push({ from: [from.shift()!], to: [to.shift()!] });
  while (same(from.at(-1), to.at(-1))) back.unshift({ from: [from.pop()!], to: [to.pop()!] });
  const middle = between(from, to, shape, target);
  return middle && [...front, ...middle, ...back];
}

function between(
  from: number[],
  to: number[],
  shape: readonly Extent[],
  target: readonly Extent[],
): Group[] | null {
  if (from.length === 0 && to.length === 0) return [];
  if (from.length === 0 || to.length === 0) return null;
  if (from.length === 1 || to.length === 1) return [{ from, to }];
  const groups: Group[] = [];
  while (from.length > 0 && to.length > 0) {
    const group: Group = { from: [from.shift()!], to: [to.shift()!] };
    let [a, b] = [shape[group.from[0]!], target[group.to[0]!]];
    while (a !== b) {
      if (typeof a !== 'number' || typeof b !== 'number') return null;
      const [rest, taken, extents] = a < b ? [from, group.from, shape] : [to, group.to, target];
      const axis = rest.shift();
      const extent = axis === undefined ? undefined : extents[axis];
      if (axis === undefined || typeof extent !== 'number') return null;
      taken.push(axis);
      if (a < b) a *= extent;
      else b *= extent;
    }
    if (a === undefined) return null;
    groups.push(group);
  }
  return from.length === 0 && to.length === 0 ? groups : null;
}
