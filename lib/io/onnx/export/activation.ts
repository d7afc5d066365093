import type { Handle } from '../../../../binding.js';
import { together } from './broadcast.js';
import { pointwise } from './elementwise.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import { fixed } from './operand.js';
import { reduce } from './reduce.js';
import type { Value } from './value.js';

/** Several operators on each element by itself. */
function composed(
  work: (x: string, of: (operation: string, ...inputs: string[]) => string, graph: Graph) => string,
) {
  return (graph: Graph, [input]: readonly [Handle, ...unknown[]]): Value => {
    const x = graph.value(input);
    return x.like(work(x.name, (operation, ...inputs) => graph.node(operation, inputs), graph));
  };
}

/** Above it the softplus of x is x, in floats. */
const largeForFloats = 17;

export const activation: Exporters = {
  sigmoid: pointwise('Sigmoid'),
  tanh: pointwise('Tanh'),
  erf: pointwise('Erf'),
  leakyRelu: (graph, args) =>
    pointwise('LeakyRelu', { alpha: { kind: 'float', value: args[1] } })(graph, args),
  relu6: composed((x, of, graph) => of('Clip', x, graph.scalar(0), graph.scalar(6))),
  elu: (graph, args) => pointwise('Elu', { alpha: { kind: 'float', value: args[1] } })(graph, args),
  selu: pointwise('Selu'),
  gelu: composed((x, of, graph) => {
    const twice = of('Add', of('Erf', of('Mul', x, graph.scalar(Math.SQRT1_2))), graph.scalar(1));
    return of('Mul', of('Mul', x, twice), graph.scalar(0.5));
  }),
  geluTanh: composed((x, of, graph) => {
    const cube = of('Mul', of('Mul', of('Mul', x, x), x), graph.scalar(0.044715));
    const inner = of('Mul', of('Add', x, cube), graph.scalar(Math.sqrt(2 / Math.PI)));
    const twice = of('Add', of('Tanh', inner), graph.scalar(1));
    return of('Mul', of('Mul', x, twice), graph.scalar(0.5));
  }),
  silu: composed((x, of) => of('Mul', x, of('Sigmoid', x))),
  hardswish: pointwise('HardSwish'),
  hardsigmoid: (graph, args) =>
    pointwise('HardSigmoid', {
      alpha: { kind: 'float', value: args[1] },
      beta: { kind: 'float', value: args[2] },
    })(graph, args),
  clamp: (graph, args) => {
    const bounds = args.slice(1) as number[];
    return composed((x, of) =>
      of('Clip', x, ...bounds.map((bound) => (Number.isFinite(bound) ? graph.scalar(bound) : ''))),
    )(graph, args);
  },
  mish: composed((x, of) => of('Mul', x, of('Tanh', of('Softplus', x)))),
  softplus: (graph, args) => {
    const [, beta, threshold] = args;
    return composed((x, of) => {
      const scaled = beta === 1 ? x : of('Mul', x, graph.scalar(beta));
      const soft = of('Softplus', scaled);
      const y = beta === 1 ? soft : of('Div', soft, graph.scalar(beta));
      if (threshold >= largeForFloats) return y;
      return of('Where', of('Greater', scaled, graph.scalar(threshold)), x, y);
    })(graph, args);
  },
  logSigmoid: composed((x, of) => of('Neg', of('Softplus', of('Neg', x)))),
  softsign: pointwise('Softsign'),
  prelu: (graph, [input, weight], { results }) => {
    const operands = [graph.operand(input), graph.operand(weight)];
    const { names, result } = together(graph, operands, graph.shapeOf(results[0]!));
    return result(graph.node('PRelu', names), 'f32');
  },
  maxout: (graph, [input, pieces]) => {
    const x = graph.value(input);
    const { shape } = x;
    const [a, b] = shape.at(-1)!;
    const split = x.reshaped([...shape.slice(0, -1), [a / pieces, b / pieces], fixed(pieces)]);
    return [reduce(graph, 'ReduceMax', split, [shape.length], false), null];
  },
};

/** Those that take each element by itself: what comes out lies as what goes in. */
export const keepsPlace: ReadonlySet<string> = new Set([
  ...[
    'neg',
    'exp',
    'log',
    'sqrt',
    'abs',
    'sign',
    'square',
    'reciprocal',
    'floor',
    'ceil',
    'round',
    'relu',
    'dropout',
    'alias',
  ],
  ...Object.keys(activation).filter((operation) => operation !== 'maxout'),
]);
