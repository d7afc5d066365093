import { describe } from '../../../describe.js';
import { add, less, mul } from '../../../ops/elementwise.js';
import { gather, slice, split } from '../../../ops/movement.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { dtypeOf } from '../elements.js';
import { picked } from './hosts.js';
import { arranged, asWritten, placeOf } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { Compute } from './step.js';
import { knownElements, type Extent, type Host, type HostValue, type Value } from './value.js';

// Slice

/** What Slice picks: lists of one length, for some of the axes. */
interface Picks {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

/** The picks for every axis of so many; null for axes that are taken whole. */
function picksByAxis(
  node: NodeBuilder,
  { starts, ends, axes, steps }: Picks,
  rank: number,
): ({ start: number; end: number; step: number } | null)[] {
  const lists = [starts, ends, axes, steps];
  if (lists.some((list) => list.length !== starts.length)) {
    node.fail(`it has ${lists.map((list) => list.length).join(', ')} starts, ends, axes and steps`);
  }
  const byAxis: ({ start: number; end: number; step: number } | null)[] = asWritten(rank).map(() => null);
  for (const [i, given] of axes.entries()) {
    const axis = node.axis(given, rank);
    if (byAxis[axis]) node.fail(`it names axis ${axis} twice`);
    if (steps[i] === 0) node.fail('a step is 0');
    byAxis[axis] = { start: starts[i]!, end: ends[i]!, step: steps[i]! };
  }
  return byAxis;
}

/** The places from `start` to `end` by `step` of so many, as Python counts. */
function placesOf(
  extent: number,
  { start, end, step }: { start: number; end: number; step: number },
): number[] {
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const within = (index: number) => Math.max(low, Math.min(high, index < 0 ? index + extent : index));
  const places: number[] = [];
  for (let i = within(start); step > 0 ? i < within(end) : i > within(end); i += step) places.push(i);
  return places;
}

/** How many elements a slice of an extent has, as far as that is known. */
function slicedExtent(
  node: NodeBuilder,
  extent: Extent,
  pick: { start: number; end: number; step: number } | null,
): Extent {
  if (!pick) return extent;
  const { start, end, step } = pick;
  if (start === 0 && step === 1 && end >= 2 ** 31 - 1) return extent;
  if (extent === undefined) return undefined;
  if (typeof extent === 'string') return node.derived(`${extent} from ${start} to ${end} by ${step}`);
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const within = (index: number) => Math.max(low, Math.min(high, index < 0 ? index + extent : index));
  return Math.max(0, Math.ceil((within(end) - within(start)) / step));
}

/** The lists of a slice, null for those left out: attributes before opset 10, inputs since. */
function sliceLists(node: NodeBuilder): (HostValue | readonly number[] | null)[] {
  if (node.opset < 10) return [node.ints('starts'), node.ints('ends'), node.ints('axes'), null];
  return [1, 2, 3, 4].map((i) => {
    const value = node.optional(i);
    if (!value) return null;
    if (value.shape.length !== 1) node.fail(`input ${i} is no list`);
    const host = node.asHost(value);
    return knownElements(host.host) ?? host;
  });
}

/** The picks of lists of numbers. */
function picksOf(
  node: NodeBuilder,
  [starts, ends, axes, steps]: readonly (readonly number[] | null)[],
): Picks {
  if (!starts || !ends) return node.fail('its starts or ends are missing');
  const picks = { starts, ends, axes: axes ?? asWritten(starts.length), steps: steps ?? starts.map(() => 1) };
  if (!Object.values(picks).flat().every(Number.isInteger))
    node.fail('what it picks is not told by whole numbers');
  return picks;
}

/** x at the picks for each of its axes, in the order of the tensor's. */
function sliced(x: Tensor, picks: readonly ({ start: number; end: number; step: number } | null)[]): Tensor {
  return slice(
    x,
    picks.map((pick) => pick?.start ?? 0),
    picks.map((pick) => pick?.end ?? Infinity),
    picks.map((pick) => pick?.step ?? 1),
  );
}

function buildSlice(node: NodeBuilder): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const lists = sliceLists(node);
  const hosts = lists.filter((list) => list !== null && 'kind' in list);
  if (hosts.length === 0) {
    const picks = picksByAxis(node, picksOf(node, lists as (readonly number[] | null)[]), rank);
    const x = node.stored(value);
    const shape = x.shape.map((extent, axis) => slicedExtent(node, extent, picks[axis]!));
    const stored = arranged(picks, x.order);
    return node.emit([x], { shape, order: x.order, type: x.type }, ([u]) => sliced(u!, stored));
  }
  const x = node.stored(value);
  const axes = lists[2] ?? asWritten(hosts[0]!.shape[0]!);
  const touched = new Set('kind' in axes ? asWritten(rank) : axes.map((axis) => node.axis(axis, rank)));
  const shape = x.shape.map((extent, axis) => (touched.has(axis) ? undefined : extent));
  const compute: Compute = ([u], { hosts: found }) => {
    let next = 0;
    const numbers = lists.map((list) =>
      list !== null && 'kind' in list ? (found[next++]!.elements as number[]) : list,
    );
    return sliced(u!, arranged(picksByAxis(node, picksOf(node, numbers), rank), x.order));
  };
  return node.emit([x], { shape, order: x.order, type: x.type }, compute, { hosts });
}

function sliceHost(node: NodeBuilder, [x, ...inputs]: readonly (Host | null)[]): Host | null {
  if (!x) return null;
  const lists =
    node.opset < 10
      ? [node.ints('starts'), node.ints('ends'), node.ints('axes')]
      : inputs.map((list) => list && knownElements(list));
  if (inputs.some((list, i) => list && !lists[i])) return null;
  const picks = picksByAxis(node, picksOf(node, lists), x.shape.length);
  return picks.reduce<Host | null>((host, pick, axis) => {
    return host && pick ? picked(host, axis, placesOf(x.shape[axis]!, pick)) : host;
  }, x);
}

// Split

/** The sizes of equal parts, where the last may be smaller. */
function evenSizes(node: NodeBuilder, extent: number, parts: number): number[] {
  const size = Math.ceil(extent / parts);
  if (!node.has('num_outputs') && size * parts !== extent) {
    node.fail(`${extent} elements do not make ${parts} equal parts`);
  }
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(size, extent - i * size)));
}

/** The sizes of the parts as the node has them: null where they are to be equal. */
function namedSizes(node: NodeBuilder): readonly number[] | HostValue | null {
  const listed = node.ints('split');
  if (listed) return listed;
  const value = node.optional(1);
  if (!value) return null;
  const host = node.asHost(value);
  return knownElements(host.host) ?? host;
}

/** @param extent what the sizes have to add up to; null where it is not known */
function requireSizes(
  node: NodeBuilder,
  sizes: readonly number[],
  count: number,
  extent: number | null,
): void {
  if (sizes.length !== count) node.fail(`it has ${sizes.length} sizes for ${count} outputs`);
  const whole = sizes.every((size) => Number.isInteger(size) && size >= 0);
  const sum = sizes.reduce((n, size) => n + size, 0);
  if (!whole || (extent !== null && sum !== extent)) {
    node.fail(`sizes ${describe(sizes)} are not those of parts of ${extent ?? 'an axis'}`);
  }
}

function buildSplit(node: NodeBuilder): readonly Value[] {
  const value = node.input(0);
  const x = node.stored(value);
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const count = node.node.outputs.length;
  const sizes = namedSizes(node);
  const extent = x.shape[axis];
  const host = sizes !== null && 'kind' in sizes ? sizes : null;
  const known = sizes !== null && 'kind' in sizes ? null : sizes;
  if (known) requireSizes(node, known, count, typeof extent === 'number' ? extent : null);
  const extents: readonly Extent[] =
    known ??
    (sizes === null && typeof extent === 'number'
      ? evenSizes(node, extent, count)
      : Array.from({ length: count }, () => undefined));
  const place = placeOf(x.order, axis);
  const results = extents.map((size) => ({
    shape: x.shape.with(axis, size),
    order: x.order,
    type: x.type,
  }));
  return node.emitAll(
    [x],
    results,
    ([u], run) => {
      const found =
        known ?? (run.hosts[0]?.elements as number[] | undefined) ?? evenSizes(node, u!.shape[place]!, count);
      requireSizes(node, found, count, u!.shape[place]!);
      return split(u!, found, place);
    },
    { hosts: host ? [host] : [] },
  );
}

function splitHost(node: NodeBuilder, [x, given]: readonly (Host | null)[]): Host[] | null {
  if (!x) return null;
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const extent = x.shape[axis]!;
  const count = node.node.outputs.length;
  const sizes = node.ints('split') ?? (given ? knownElements(given) : evenSizes(node, extent, count));
  if (!sizes) return null;
  requireSizes(node, sizes, count, extent);
  let from = 0;
  const parts = sizes.map((size) => {
    from += size;
    return picked(
      x,
      axis,
      Array.from({ length: size }, (_, i) => from - size + i),
    );
  });
  return parts.every((part) => part !== null) ? parts : null;
}

// Gather

function buildGather(node: NodeBuilder): Value {
  const [value, given] = [node.input(0), node.input(1)];
  const rank = value.shape.length;
  if (rank === 0) node.fail('input 0 is a scalar, wants at least one axis');
  const axis = node.axis(node.int('axis', 0), rank);
  if (dtypeOf(given.type) !== 'i32') node.fail(`input 1 is ${given.type}, wants whole numbers`);
  const x = node.stored(value);
  const indices = node.tensor(given);
  const more = indices.shape.length;
  const place = placeOf(x.order, axis);
  const order = x.order.flatMap((other) => {
    if (other === axis) return asWritten(more).map((i) => axis + i);
    return [other < axis ? other : other + more - 1];
  });
  const shape = x.shape.toSpliced(axis, 1, ...indices.shape);
  const fromFront = given.kind !== 'tensor' && (node.known(given)?.every((index) => index >= 0) ?? false);
  return node.emit([x, indices], { shape, order, type: x.type }, ([u, v], run) => {
    const places = v as Tensor<DType> as Tensor<'i32'>;
    run.allow(u!.shape.toSpliced(place, 1, ...places.shape));
    if (fromFront) return gather(u!, places, place);
    return scope(() => gather(u!, add(places, mul(less(places, 0).cast('i32'), u!.shape[place]!)), place));
  });
}

function gatherHost(node: NodeBuilder, [x, indices]: readonly (Host | null)[]): Host | null {
  const list = indices && knownElements(indices);
  if (!x || !list) return null;
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  const extent = x.shape[axis]!;
  const places = list.map((index) => {
    if (Number.isInteger(index) && index >= -extent && index < extent)
      return index < 0 ? index + extent : index;
    return node.fail(`index ${index} is not one of ${extent}`);
  });
  return picked(x, axis, places, x.shape.toSpliced(axis, 1, ...indices.shape));
}

export const selections: Operators = {
  Slice: { layout: 'any', since: 1, build: buildSlice, host: sliceHost },
  Split: { layout: 'any', since: 2, build: buildSplit, host: splitHost },
  Gather: { layout: 'any', since: 1, build: buildGather, host: gatherHost },
};
