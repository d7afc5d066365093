import { describe, expect, test } from 'vitest';
import type { Attribute, Constant } from '../../../lib/io/onnx/schema.js';
import type { Tensor } from '../../../lib/tensor.js';
import { expectGradients, f32, noise, volume } from '../../check.js';
import { expectReference, float, floats, int, ints, longs, network, outputsFor, permuted, text, unchanged, type Reference } from './network.js'; // prettier-ignore
import {
  argOf,
  broadcasting,
  each,
  gathered,
  reducing,
  sliced,
  softmaxOver,
  splitInto,
} from './references.js';

/** [N, C, H, W] */
const shape = [2, 3, 4, 5];
/** In [−3, 3), nowhere near 0 or a whole number, where functions have kinks. */
const values = noise(volume(shape), 7).map((v) => Math.floor(3 * v) + 0.35 + 0.1 * v);

interface Case {
  operation: string;
  attributes?: Record<string, Attribute>;
  /** After the image. */
  constants?: (Constant | null)[];
  opset?: number;
  /** Default: 'y'. */
  outputs?: string[];
  /** Of absolute values, for functions that want them. */
  positive?: boolean;
  /** Whether there is a gradient. Default: true. */
  smooth?: boolean;
  reference: (x: Float32Array) => Reference | Reference[];
}

const logistic = (v: number) => 1 / (1 + Math.exp(-v));
const softplus = (v: number) => Math.log1p(Math.exp(v));
const bell = (v: number) => Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3));
const one = (name: string, value: number) => floats(name, [], [value]);
const elements = (f: (v: number) => number) => each(shape, f);
const of = (operation: string, f: (v: number) => number, more: Partial<Case> = {}): Case => ({
  operation,
  reference: elements(f),
  ...more,
});
const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
const scale = floats('scale', [3, 1, 1], [0.5, -2, 3]);
const row = floats('row', [5], [1, 2, 3, 4, 5]);
const grid = floats('grid', [4, 5], noise(20, 3).map((v) => v + 2)); // prettier-ignore

const functions: Case[] = [
  of('Relu', (v) => Math.max(0, v)),
  of('LeakyRelu', (v) => (v > 0 ? v : 0.01 * v)),
  of('LeakyRelu', (v) => (v > 0 ? v : 0.3 * v), { attributes: { alpha: float(0.3) } }),
  of('Elu', (v) => (v > 0 ? v : Math.expm1(v))),
  of('Elu', (v) => (v > 0 ? v : 2 * Math.expm1(v)), { attributes: { alpha: float(2) } }),
  of('Selu', (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v))),
  of('Selu', (v) => 3 * (v > 0 ? v : 2 * Math.expm1(v)), {
    attributes: { alpha: float(2), gamma: float(3) },
  }),
  of('Celu', (v) => Math.max(0, v) + Math.min(0, 2 * Math.expm1(v / 2)), { attributes: { alpha: float(2) } }),
  of('Sigmoid', logistic),
  of('Tanh', Math.tanh),
  of('HardSigmoid', (v) => Math.min(1, Math.max(0, 0.2 * v + 0.5))),
  of('HardSigmoid', (v) => Math.min(1, Math.max(0, v / 6 + 0.5)), {
    attributes: { alpha: float(Math.fround(1 / 6)) },
  }),
  of('HardSwish', (v) => (v * Math.min(6, Math.max(0, v + 3))) / 6),
  of('Softplus', softplus),
  of('Softsign', (v) => v / (1 + Math.abs(v))),
  of('Gelu', (v) => (v / 2) * (1 + bell(v)), { attributes: { approximate: text('tanh') }, opset: 20 }),
  of('Mish', (v) => v * Math.tanh(softplus(v))),
  of('Swish', (v) => v * logistic(v), { opset: 24 }),
  of('Swish', (v) => v * logistic(2 * v), { attributes: { alpha: float(2) }, opset: 24 }),
  of('ThresholdedRelu', (v) => (v > 1 ? v : 0)),
  of('Clip', (v) => Math.min(1, Math.max(-2, v)), { constants: [one('min', -2), one('max', 1)] }),
  of('Clip', (v) => Math.min(1, v), { constants: [null, one('max', 1)] }),
  of('Clip', (v) => Math.min(6, Math.max(0, v)), { constants: [one('min', 0), one('max', 6)] }),
  of('Clip', (v) => Math.max(0, v), { constants: [one('min', 0)] }),
  of('Clip', (v) => v),
  of('Clip', (v) => Math.min(1, Math.max(-2, v)), {
    attributes: { min: float(-2), max: float(1) },
    opset: 7,
  }),
  of('Neg', (v) => -v),
  of('Abs', Math.abs),
  of('Exp', Math.exp),
  of('Log', Math.log, { positive: true }),
  of('Sqrt', Math.sqrt, { positive: true }),
  of('Reciprocal', (v) => 1 / v),
  of('Sign', Math.sign),
  of('Floor', Math.floor),
  of('Ceil', Math.ceil),
  of('Round', Math.round),
  of('Pow', (v) => v ** 2, { constants: [one('p', 2)] }),
  of('Pow', (v) => v ** 3, { constants: [one('p', 3)] }),
  of('Pow', Math.sqrt, { constants: [one('p', 0.5)], positive: true }),
  of('Pow', (v) => 1 / v, { constants: [one('p', -1)] }),
  of('Pow', (v) => v ** 1.7, { constants: [one('p', 1.7)], positive: true }),
  of('Pow', (v) => v ** 4, { constants: [longs('p', [4], [])] }),
  of('Max', (v) => Math.max(v, 0.5), { constants: [one('m', 0.5)] }),
  of('Sum', (v) => v + 3, { constants: [one('a', 1), one('b', 2)] }),
  of('Mean', (v) => (v + 3) / 3, { constants: [one('a', 1), one('b', 2)] }),
  of('Sum', (v) => v),
  of('Cast', (v) => v, { attributes: { to: int(10) } }),
  of('Cast', Math.trunc, { attributes: { to: int(7) }, smooth: false }),
  of('Cast', (v) => Number(v !== 0), { attributes: { to: int(9) }, smooth: false }),
];

const pairs: Case[] = (
  [
    ['Add', (a, b) => a + b],
    ['Sub', (a, b) => a - b],
    ['Mul', (a, b) => a * b],
    ['Div', (a, b) => a / b],
    ['Min', (a, b) => Math.min(a, b)],
    ['PRelu', (a, b) => (a > 0 ? a : a * b)],
  ] as [string, (a: number, b: number) => number][]
).flatMap(([operation, f]) =>
  [scale, row, grid, floats('image', [1, 3, 4, 1], noise(12, 4)), floats('all', shape, noise(120, 5).map((v) => v + 2))].map(
    (other): Case => ({ operation, constants: [other], smooth: operation !== 'Min', reference: broadcasting(shape, other, f) }),
  ),
); // prettier-ignore

const softmaxes: Case[] = ['Softmax', 'LogSoftmax'].flatMap((operation) => {
  const after = operation === 'Softmax' ? (v: number) => v : Math.log;
  return [
    { operation, reference: softmaxOver(shape, [3], after) },
    { operation, attributes: { axis: int(1) }, reference: softmaxOver(shape, [1], after) },
    { operation, attributes: { axis: int(-2) }, reference: softmaxOver(shape, [2], after) },
    { operation, opset: 11, reference: softmaxOver(shape, [1, 2, 3], after) },
    { operation, opset: 7, attributes: { axis: int(2) }, reference: softmaxOver(shape, [2, 3], after) },
    { operation, opset: 12, attributes: { axis: int(-1) }, reference: softmaxOver(shape, [3], after) },
    {
      operation,
      opset: 12,
      attributes: { axis: int(0) },
      reference: softmaxOver(shape, [0, 1, 2, 3], after),
    },
  ];
});

const reductions: Case[] = (
  [
    ['ReduceMean', mean],
    ['ReduceSum', total],
    ['ReduceMax', (list) => Math.max(...list)],
    ['ReduceMin', (list) => Math.min(...list)],
    ['ReduceProd', (list) => list.reduce((a, b) => a * b, 1)],
    ['ReduceL1', (list) => total(list.map(Math.abs))],
    ['ReduceL2', (list) => Math.hypot(...list)],
    ['ReduceSumSquare', (list) => total(list.map((v) => v * v))],
    ['ReduceLogSumExp', (list) => Math.log(total(list.map(Math.exp)))],
  ] as [string, (list: readonly number[]) => number][]
).flatMap(([operation, f]) => {
  const before = operation === 'ReduceSum' ? 11 : 13;
  // Steps would change which of many is the largest.
  const smooth = operation !== 'ReduceMax' && operation !== 'ReduceMin';
  return [
    { operation, reference: reducing(shape, [0, 1, 2, 3], true, f) },
    { operation, constants: [longs('axes', [1])], reference: reducing(shape, [1], true, f) },
    { operation, constants: [longs('axes', [-1, 2])], attributes: { keepdims: int(0) }, reference: reducing(shape, [2, 3], false, f) },
    { operation, attributes: { axes: ints(1), keepdims: int(0) }, opset: before, reference: reducing(shape, [1], false, f) },
    { operation, attributes: { axes: ints(0, -1), keepdims: int(1) }, opset: before, reference: reducing(shape, [0, 3], true, f) },
  ].map((one_): Case => ({ ...one_, smooth }));
}); // prettier-ignore

const arguments_: Case[] = (['ArgMax', 'ArgMin'] as const).flatMap((operation) => [
  { operation, smooth: false, reference: argOf(operation, shape, 0, true, false) },
  { operation, smooth: false, attributes: { axis: int(1), keepdims: int(0) }, reference: argOf(operation, shape, 1, false, false) },
  { operation, smooth: false, attributes: { axis: int(-2), select_last_index: int(1) }, reference: argOf(operation, shape, 2, true, true) },
]); // prettier-ignore

const selections: Case[] = [
  {
    operation: 'Slice',
    constants: [longs('starts', [1, 0]), longs('ends', [-1, 2]), longs('axes', [2, 1])],
    reference: sliced(shape, [null, [0, 2, 1], [1, 3, 1], null]),
  },
  {
    operation: 'Slice',
    constants: [longs('starts', [-1, 10]), longs('ends', [-1000, -1000]), longs('axes', [1, -1]), longs('steps', [-1, -2])],
    reference: sliced(shape, [null, [2, -1, -1], null, [4, -1, -2]]),
  },
  {
    operation: 'Slice',
    opset: 9,
    attributes: { starts: ints(0, 1), ends: ints(1, 2 ** 31 - 1) },
    reference: sliced(shape, [[0, 1, 1], [1, 3, 1], null, null]),
  },
  { operation: 'Split', outputs: ['y', 'z'], reference: splitInto(shape, 0, [1, 1]) },
  { operation: 'Split', outputs: ['y', 'z'], attributes: { axis: int(1) }, constants: [longs('split', [1, 2])], reference: splitInto(shape, 1, [1, 2]) },
  { operation: 'Split', outputs: ['y', 'z'], attributes: { axis: int(-1), split: ints(2, 3) }, opset: 11, reference: splitInto(shape, 3, [2, 3]) },
  { operation: 'Split', outputs: ['y', 'z'], attributes: { axis: int(3), num_outputs: int(2) }, reference: splitInto(shape, 3, [3, 2]) },
  { operation: 'Gather', constants: [longs('i', [2, 0], [2])], attributes: { axis: int(1) }, reference: gathered(shape, 1, [2, 0], [2]) },
  { operation: 'Gather', constants: [longs('i', [-1], [])], attributes: { axis: int(1) }, reference: gathered(shape, 1, [2], []) },
  { operation: 'Gather', constants: [longs('i', [1, 1, -5, 3], [2, 2])], attributes: { axis: int(-1) }, reference: gathered(shape, 3, [1, 1, 0, 3], [2, 2]) },
  { operation: 'Gather', constants: [longs('i', [1], [])], reference: gathered(shape, 0, [1], []) },
  { operation: 'Unsqueeze', constants: [longs('axes', [1, -1])], reference: each([2, 1, 3, 4, 5, 1], (v) => v) },
  { operation: 'Unsqueeze', attributes: { axes: ints(0) }, opset: 11, reference: each([1, ...shape], (v) => v) },
  { operation: 'Squeeze', reference: each(shape, (v) => v) },
  { operation: 'Tile', constants: [longs('repeats', [1, 2, 1, 1])], reference: gathered(shape, 1, [0, 1, 2, 0, 1, 2], [6]) },
  { operation: 'Expand', constants: [longs('shape', [1, 1, 1])], reference: each(shape, (v) => v) },
  { operation: 'Expand', constants: [longs('shape', [2, 1, 1, 1, 1])], reference: (x) => ({ shape: [2, ...shape], data: [...x, ...x] }) },
]; // prettier-ignore

const cases = [...functions, ...pairs, ...softmaxes, ...reductions, ...arguments_, ...selections];
const named = cases.map((one_) => {
  const { operation, attributes = {}, constants = [], opset = 18 } = one_;
  const list = constants.map((constant) =>
    constant ? `${constant.name} [${constant.shape.join()}]` : 'none',
  );
  const given = Object.entries(attributes).map(([name, { value }]) => `${name} ${JSON.stringify(value)}`);
  return { title: [operation, ...list, ...given, `opset ${opset}`].join(' '), one: one_ };
});

describe.each([
  ['as the file has it', false],
  ['channels last', true],
])('an image laid out %s', (_, last) => {
  test.each(named)('$title', async ({ one: { operation, attributes, constants = [], opset, outputs = ['y'], positive, smooth = true, reference } }) => {
    const { node, weight } = unchanged(3, 'x', 'image x');
    const others = constants.map((constant) => constant?.name ?? '');
    using model = network({
      nodes: [
        ...(last ? [node] : []),
        { operation, inputs: [last ? 'image x' : 'x', ...others], outputs, ...(attributes && { attributes }) },
      ],
      inputs: { x: shape },
      constants: [...constants.filter((constant) => constant !== null), ...(last ? [weight] : [])],
      outputs,
      ...(opset !== undefined && { opset }),
    });
    expect(model.inputs[0]!.layout).toBe(last ? 'channelsLast' : 'asWritten');
    const data = positive ? values.map(Math.abs) : values;
    const results = outputsFor(model, f32(data, shape));
    const wanted = [reference(data)].flat();
    expect(results).toHaveLength(wanted.length);
    for (const [i, y] of results.entries()) await expectReference(y, wanted[i]!, 1e-5);
    if (!smooth) return;
    const x = permuted(f32(data, shape), model.inputs[0]!.layout, true) as Tensor;
    const first = model.outputs[0]!.name;
    await expectGradients((u) => model.run({ x: u })[first] as Tensor, [x], { step: 5e-3, tolerance: 5e-3 });
  }); // prettier-ignore
});
