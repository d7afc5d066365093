import type { DType, Handle } from '../../../../binding.js';
import type { Attribute } from '../schema.js';
import { together } from './broadcast.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import type { Operand } from './operand.js';
import { Value } from './value.js';

/** An operator on each element by itself. */
export function pointwise(operation: string, attributes: Readonly<Record<string, Attribute>> = {}) {
  return (graph: Graph, [input]: readonly [Handle, ...unknown[]]): Value => {
    const x = graph.value(input);
    return x.like(graph.node(operation, [x.name], attributes));
  };
}

/** An operator on two tensors that broadcast. */
export function binaryOf(graph: Graph, operation: string, a: Operand, b: Operand, result: Handle): Value {
  const { names, result: made } = together(graph, [a, b], graph.shapeOf(result));
  return made(graph.node(operation, names), a.dtype);
}

function binary(operation: string) {
  return (
    graph: Graph,
    [a, b]: readonly [Handle, Handle],
    { results }: { readonly results: readonly (Handle | null)[] },
  ): Value => binaryOf(graph, operation, graph.operand(a), graph.operand(b), results[0]!);
}

/** ONNX's comparisons give booleans, striate's u8. */
function comparison(operation: string, negated = false) {
  return (
    graph: Graph,
    [a, b]: readonly [Handle, Handle],
    { results }: { readonly results: readonly (Handle | null)[] },
  ): Value => {
    const operands = [graph.operand(a), graph.operand(b)];
    const { names, result } = together(graph, operands, graph.shapeOf(results[0]!));
    const holds = graph.node(operation, names);
    return result(cast(graph, negated ? graph.node('Not', [holds]) : holds, 'u8'), 'u8');
  };
}

/** onnx.proto, TensorProto.DataType */
const types = { f32: 1, i32: 6, u8: 2, bool: 9 };

export function cast(graph: Graph, name: string, to: DType | 'bool'): string {
  return graph.node('Cast', [name], { to: { kind: 'int', value: types[to] } });
}

export const elementwise: Exporters = {
  neg: pointwise('Neg'),
  exp: pointwise('Exp'),
  log: pointwise('Log'),
  sqrt: pointwise('Sqrt'),
  abs: pointwise('Abs'),
  sign: pointwise('Sign'),
  square: (graph, [input]) => {
    const x = graph.value(input);
    return x.like(graph.node('Mul', [x.name, x.name]));
  },
  reciprocal: pointwise('Reciprocal'),
  floor: pointwise('Floor'),
  ceil: pointwise('Ceil'),
  round: pointwise('Round'),
  relu: pointwise('Relu'),
  add: binary('Add'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  divTruncated: binary('Div'),
  pow: binary('Pow'),
  maximum: binary('Max'),
  minimum: binary('Min'),
  equal: comparison('Equal'),
  notEqual: comparison('Equal', true),
  less: comparison('Less'),
  lessEqual: comparison('LessOrEqual'),
  greater: comparison('Greater'),
  greaterEqual: comparison('GreaterOrEqual'),
  where: (graph, handles, { results }) => {
    const operands = handles.map((handle) => graph.operand(handle));
    const { names, result } = together(graph, operands, graph.shapeOf(results[0]!));
    const [condition, ...choices] = names;
    return result(graph.node('Where', [cast(graph, condition!, 'bool'), ...choices]), operands[1]!.dtype);
  },
  cast: (graph, [input, dtype]) => {
    const x = graph.operand(input);
    if (x.dtype === dtype) return x;
    const value = graph.valueOf(x);
    return value.like(cast(graph, value.name, dtype), dtype);
  },
};
