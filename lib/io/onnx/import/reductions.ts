import { full } from '../../../ops/creation.js';
import { abs, add, exp, log, mul, sqrt, square, sub } from '../../../ops/elementwise.js';
import { concat, reshape, slice } from '../../../ops/movement.js';
import { argMax, argMin, max, mean, min, sum, type Numeric } from '../../../ops/reduce.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { dtypeOf } from '../elements.js';
import { distinctAxes, namedAxes } from './axes.js';
import { combined } from './hosts.js';
import { asWritten, placeOf } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operator, Operators } from './operator.js';
import {
  knownElements,
  type Extent,
  type Host,
  type HostValue,
  type TensorValue,
  type Value,
} from './value.js';

type Reduce = (x: Tensor, places: readonly number[], keepDims: boolean) => Tensor;

/** The order of a tensor's axes when some of them are gone. */
function withoutAxes(order: readonly number[], gone: ReadonlySet<number>): number[] {
  const before = (axis: number) => [...gone].filter((other) => other < axis).length;
  return order.filter((axis) => !gone.has(axis)).map((axis) => axis - before(axis));
}

/** Reductions of no axes, where the node asks for that, change nothing in those that `idle` marks. */
function buildReduction(node: NodeBuilder, f: Reduce, idle: boolean): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const keepDims = node.flag('keepdims', true);
  const named = namedAxes(node);
  if (named && 'kind' in named) return inRun(node, value, named, f, keepDims);
  const given = named ?? [];
  if (given.length === 0 && node.flag('noop_with_empty_axes', false)) {
    return idle
      ? node.stored(value, { flat: true })
      : node.fail('noop_with_empty_axes is not supported here');
  }
  const axes = given.length === 0 ? new Set(asWritten(rank)) : distinctAxes(node, given, rank);
  const x = node.stored(value, { flat: axes.has(1) });
  const places = [...axes].map((axis) => placeOf(x.order, axis));
  return node.emit([x], resultOf(x, axes, keepDims), ([u]) => f(u!, places, keepDims));
}

function resultOf(
  { shape, order, type }: TensorValue,
  axes: ReadonlySet<number>,
  keepDims: boolean,
): { shape: Extent[]; order: readonly number[]; type: Value['type'] } {
  if (!keepDims)
    return { shape: shape.filter((_, axis) => !axes.has(axis)), order: withoutAxes(order, axes), type };
  return { shape: shape.map((extent, axis) => (axes.has(axis) ? 1 : extent)), order, type };
}

/** Over axes that are there only when the network runs. */
function inRun(node: NodeBuilder, value: Value, axes: HostValue, f: Reduce, keepDims: boolean): Value {
  const x = node.tensor(value);
  const rank = x.shape.length;
  const left = keepDims ? rank : rank - axes.host.elements.length;
  if (left < 0) node.fail(`there are ${axes.host.elements.length} axes to reduce, of ${rank}`);
  const shape = Array.from({ length: left }, () => undefined);
  return node.emit(
    [x],
    { shape, type: x.type },
    ([u], run) => f(u!, run.hosts[0]!.elements as number[], keepDims),
    { hosts: [axes] },
  );
}

/** The extents that are reduced, as one number. */
function reducedCount(x: Tensor, places: readonly number[]): number {
  return places.reduce((n, place) => n * x.shape.at(place)!, 1);
}

function extremum(f: typeof max, nothing: number): Reduce {
  return (x, places, keepDims) => {
    const { dtype } = x as Tensor<DType>;
    // ONNX has a value for what has no elements.
    if (reducedCount(x, places) === 0 && dtype !== 'i32') {
      const shape = keepDims ? withOnes(x, places) : withoutPlaces(x, places);
      const value = dtype === 'f32' ? nothing : Math.max(0, Math.min(255, nothing));
      return full(shape, value, dtype) as Tensor<DType> as Tensor;
    }
    if (dtype === 'u8') {
      return scope(
        () => f((x as Tensor<DType>).cast('i32'), places, keepDims).cast('u8') as Tensor<DType> as Tensor,
      );
    }
    return f(x, places, keepDims);
  };
}

/** ln Σ e^x, computed from x − max x, so that nothing overflows. */
function logSumExp(x: Tensor, places: readonly number[], keepDims: boolean): Tensor {
  if (reducedCount(x, places) === 0) return scope(() => log(sum(x, places, keepDims)));
  return scope(() => {
    const most = max(x, places, true).detach();
    const y = add(log(sum(exp(sub(x, most)), places, true)), most);
    return keepDims ? y : reshape(y, withoutPlaces(y, places));
  });
}

function reduced({ rank }: Tensor, places: readonly number[]): Set<number> {
  return new Set(places.map((place) => (place < 0 ? place + rank : place)));
}

function withOnes(x: Tensor, places: readonly number[]): number[] {
  const set = reduced(x, places);
  return x.shape.map((extent, axis) => (set.has(axis) ? 1 : extent));
}

function withoutPlaces(x: Tensor, places: readonly number[]): number[] {
  const set = reduced(x, places);
  return x.shape.filter((_, axis) => !set.has(axis));
}

/** The product, of halves of each axis in turn. */
function product(x: Tensor, places: readonly number[], keepDims: boolean): Tensor {
  return scope(() => {
    let y = x;
    for (const given of places) {
      const place = given < 0 ? given + x.rank : given;
      const part = (from: number, to: number) =>
        slice(y, [...asWritten(place).map(() => 0), from], [...asWritten(place).map(() => Infinity), to]);
      if (y.shape[place] === 0) y = full(y.shape.with(place, 1), 1);
      for (let n = y.shape[place]!; n > 1; n = y.shape[place]!) {
        const half = n >> 1;
        const halves = mul(part(0, half), part(half, 2 * half));
        y = n % 2 === 0 ? halves : concat([halves, part(n - 1, n)], place);
      }
    }
    return reshape(y, keepDims ? y.shape : withoutPlaces(y, places));
  });
}

/** @param whole whether i32 has it too */
function reduction(f: Reduce, { whole = false, idle = false, bytes = false } = {}): Operator {
  return {
    layout: 'any',
    since: 1,
    build(node) {
      const x = node.input(0);
      const dtype = dtypeOf(x.type);
      if (!(dtype === 'i32' && whole) && !(dtype === 'u8' && bytes)) node.requireFloat('input 0', x);
      return buildReduction(node, f, idle);
    },
  };
}

/** The same of lists on the JavaScript side. */
function ofLists(operator: Operator, numbers: (a: number, b: number) => number): Operator {
  return {
    ...operator,
    host(node, [x, axes]) {
      if (x?.shape.length !== 1 || x.elements.length === 0) return null;
      const named = node.ints('axes') ?? (axes ? knownElements(axes) : []);
      if (!named || (named.length === 0 && node.flag('noop_with_empty_axes', false))) return null;
      for (const axis of named) node.axis(axis, 1);
      const shape = node.flag('keepdims', true) ? [1] : [];
      const [first, ...rest] = x.elements.map((element): Host => ({
        type: x.type,
        shape,
        elements: [element],
      }));
      return rest.reduce<Host | null>((a, b) => a && combined(node, x.type, [a, b], numbers), first!);
    },
  };
}

function buildArg(node: NodeBuilder, f: typeof argMax): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const axis = node.axis(node.int('axis', 0), rank);
  const keepDims = node.flag('keepdims', true);
  const last = node.flag('select_last_index', false);
  const x = node.stored(value);
  const place = placeOf(x.order, axis);
  const result = { ...resultOf(x, new Set([axis]), keepDims), type: 'int64' as const };
  return node.emit([x], result, ([u]) =>
    scope(() => {
      const given = u as Tensor<DType>;
      const ordered = (given.dtype === 'u8' ? given.cast('i32') : given) as Tensor<Numeric>;
      const found = last ? lastPlace(ordered, place, keepDims, f) : f(ordered, place, keepDims);
      return found as Tensor<DType> as Tensor;
    }),
  );
}

/** The last of equal ones is the first from behind. */
function lastPlace(x: Tensor<Numeric>, place: number, keepDims: boolean, f: typeof argMax): Tensor<'i32'> {
  const step = [...asWritten(place).map(() => 1), -1];
  return sub(x.shape[place]! - 1, f(slice(x, [], [], step), place, keepDims));
}

export const reductions: Operators = {
  ReduceSum: ofLists(
    reduction((x, places, keepDims) => sum(x, places, keepDims), { whole: true, idle: true }),
    (a, b) => a + b,
  ),
  ReduceMean: reduction(mean, { idle: true }),
  ReduceMax: ofLists(reduction(extremum(max, -Infinity), { whole: true, idle: true, bytes: true }), Math.max),
  ReduceMin: ofLists(reduction(extremum(min, Infinity), { whole: true, idle: true, bytes: true }), Math.min),
  ReduceProd: ofLists(reduction(product, { idle: true }), (a, b) => a * b),
  ReduceL1: reduction((x, places, keepDims) => scope(() => sum(abs(x), places, keepDims))),
  ReduceL2: reduction((x, places, keepDims) => scope(() => sqrt(sum(square(x), places, keepDims)))),
  ReduceSumSquare: reduction((x, places, keepDims) => scope(() => sum(square(x), places, keepDims))),
  ReduceLogSum: reduction((x, places, keepDims) => scope(() => log(sum(x, places, keepDims)))),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: { layout: 'any', since: 1, build: (node) => buildArg(node, argMax) },
  ArgMin: { layout: 'any', since: 1, build: (node) => buildArg(node, argMin) },
};
