import type { Handle } from '../../../../binding.js';
import type { Attribute } from '../schema.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import { count } from './operand.js';
import { cast } from './elementwise.js';
import { Value } from './value.js';

/** From this version of ONNX's operators on all reductions take their axes as an input. */
const axesAreInputs = 18;

/** x reduced over axes counted from 0. */
export function reduce(
  graph: Graph,
  operation: string,
  x: Value,
  axes: readonly number[],
  keepDims: boolean,
): Value {
  // Over no axis it would be over all.
  if (axes.length === 0) return x;
  const order = x.order();
  const name = x.grouped(order.map((axis) => [axis]));
  const places = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
  const keep: Attribute = { kind: 'int', value: Number(keepDims) };
  const asInput = operation === 'ReduceSum' || graph.opset >= axesAreInputs;
  const y = asInput
    ? graph.node(operation, [name, graph.integers(places, 'axes')], { keepdims: keep })
    : graph.node(operation, [name], { axes: { kind: 'ints', value: places }, keepdims: keep });
  return reduced(graph, y, x, order, axes, keepDims);
}

/** How what is left of x lies, whose axes were in this order. */
function reduced(
  graph: Graph,
  name: string,
  x: Value,
  order: readonly number[],
  axes: readonly number[],
  keepDims: boolean,
): Value {
  const gone = new Set(axes);
  if (keepDims) {
    const shape = x.shape.map((extent, axis) => (gone.has(axis) ? ([1, 1] as const) : extent));
    return Value.of(graph, name, x.dtype, shape, order);
  }
  const left = count(order.length).filter((axis) => !gone.has(axis));
  const shape = left.map((axis) => x.shape[axis]!);
  const lying = order.filter((axis) => !gone.has(axis)).map((axis) => left.indexOf(axis));
  return Value.of(graph, name, x.dtype, shape, lying);
}

export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function reduction(operation: string) {
  return (
    graph: Graph,
    [input, axes, keepDims]: readonly [Handle, readonly number[] | null, boolean],
  ): Value => {
    const x = graph.value(input);
    const rank = x.shape.length;
    return reduce(graph, operation, x, axes?.map((axis) => fromFront(axis, rank)) ?? count(rank), keepDims);
  };
}

function alongAxis(operation: string) {
  return (graph: Graph, [input, axis]: readonly [Handle, number]): Value => {
    const x = graph.value(input);
    const order = x.order();
    const name = x.grouped(order.map((one) => [one]));
    const place = order.indexOf(fromFront(axis, order.length));
    const y = graph.node(operation, [name], { axis: { kind: 'int', value: place } });
    return Value.of(graph, y, x.dtype, x.shape, order);
  };
}

export const reductions: Exporters = {
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  softmax: alongAxis('Softmax'),
  logSoftmax: alongAxis('LogSoftmax'),
  argMax: (graph, [input, axis, keepDims]) => {
    const x = graph.value(input);
    const order = x.order();
    const name = x.grouped(order.map((one) => [one]));
    const along = fromFront(axis, order.length);
    const places = graph.node('ArgMax', [name], {
      axis: { kind: 'int', value: order.indexOf(along) },
      keepdims: { kind: 'int', value: Number(keepDims) },
    });
    const result = reduced(graph, cast(graph, places, 'i32'), x, order, [along], keepDims);
    return result.like(result.name, 'i32');
  },
};
