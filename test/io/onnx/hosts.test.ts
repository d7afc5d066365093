// What networks compute of shapes, with extents that are known only when they run.
import { expect, test } from 'vitest';
import type { Tensor } from '../../../lib/tensor.js';
import { f32, i32, noisy } from '../../check.js';
import { float, floats, int, ints, longs, network, type NodeOf } from './network.js';

const scalar = (name: string, value: number) => longs(name, [value], []);
const shapeOf: NodeOf = { operation: 'Shape', inputs: ['x'], outputs: ['shape'] };

test.each<[string, NodeOf[], number[]]>([
  [
    'Gather, Unsqueeze, Concat',
    [
      { operation: 'Gather', inputs: ['shape', 'zero'], outputs: ['n'] },
      { operation: 'Unsqueeze', inputs: ['n', 'axes'], outputs: ['rows'] },
      { operation: 'Concat', inputs: ['rows', 'minus'], outputs: ['to'], attributes: { axis: int(0) } },
    ],
    [6, 4],
  ],
  [
    'Slice, ReduceProd, arithmetic',
    [
      { operation: 'Slice', inputs: ['shape', 'starts', 'ends'], outputs: ['tail'] },
      { operation: 'ReduceProd', inputs: ['tail'], outputs: ['count'] },
      { operation: 'Mul', inputs: ['count', 'two'], outputs: ['doubled'] },
      { operation: 'Div', inputs: ['doubled', 'two'], outputs: ['same'] },
      { operation: 'Sub', inputs: ['same', 'zero'], outputs: ['less'] },
      { operation: 'Add', inputs: ['less', 'zero'], outputs: ['more'] },
      { operation: 'Concat', inputs: ['minus', 'more'], outputs: ['to'], attributes: { axis: int(0) } },
    ],
    [6, 4],
  ],
  [
    'Split, Squeeze, Max, Cast, Floor',
    [
      { operation: 'Split', inputs: ['shape'], outputs: ['n', 'c', 'w'], attributes: { axis: int(0) } },
      { operation: 'Squeeze', inputs: ['n', 'axes'], outputs: ['single'] },
      { operation: 'Cast', inputs: ['single'], outputs: ['real'], attributes: { to: int(1) } },
      { operation: 'Mul', inputs: ['real', 'half'], outputs: ['halved'] },
      { operation: 'Floor', inputs: ['halved'], outputs: ['floored'] },
      { operation: 'Cast', inputs: ['floored'], outputs: ['whole'], attributes: { to: int(7) } },
      { operation: 'Max', inputs: ['whole', 'two'], outputs: ['rows'] },
      { operation: 'Unsqueeze', inputs: ['rows', 'axes'], outputs: ['list'] },
      { operation: 'Concat', inputs: ['list', 'minus'], outputs: ['to'], attributes: { axis: int(0) } },
    ],
    [3, 8],
  ],
  [
    'Equal, Where, ConstantOfShape, as exporters write an expansion',
    [
      { operation: 'ConstantOfShape', inputs: ['three'], outputs: ['zeros'] },
      { operation: 'Cast', inputs: ['zeros'], outputs: ['whole'], attributes: { to: int(7) } },
      { operation: 'Equal', inputs: ['whole', 'zero'], outputs: ['isZero'] },
      { operation: 'Where', inputs: ['isZero', 'shape', 'whole'], outputs: ['to'] },
    ],
    [6, 2, 2],
  ],
  [
    'Range and a negative index',
    [
      { operation: 'Range', inputs: ['zero', 'two', 'one'], outputs: ['places'] },
      { operation: 'Sub', inputs: ['places', 'four'], outputs: ['before'] },
      { operation: 'Add', inputs: ['before', 'one'], outputs: ['from behind'] },
      { operation: 'Gather', inputs: ['shape', 'from behind'], outputs: ['front'] },
      { operation: 'Concat', inputs: ['front', 'minus'], outputs: ['to'], attributes: { axis: int(0) } },
    ],
    [6, 2, 2],
  ],
  [
    'Mod, Neg, Abs, Min, Expand, Tile',
    [
      { operation: 'Mod', inputs: ['shape', 'four'], outputs: ['rest'] },
      { operation: 'Neg', inputs: ['rest'], outputs: ['negative'] },
      { operation: 'Abs', inputs: ['negative'], outputs: ['positive'] },
      { operation: 'Min', inputs: ['positive', 'two'], outputs: ['least'] },
      { operation: 'ReduceMin', inputs: ['least'], outputs: ['one of two'], attributes: { axes: ints(0) } },
      { operation: 'Tile', inputs: ['one of two', 'times'], outputs: ['twice'] },
      { operation: 'Concat', inputs: ['twice', 'minus'], outputs: ['to'], attributes: { axis: int(0) } },
    ],
    [2, 2, 6],
  ],
])('%s', async (_, nodes, shape) => {
  const constants = [
    ...[scalar('zero', 0), scalar('one', 1), scalar('two', 2), scalar('four', 4)],
    ...[longs('axes', [0]), longs('minus', [-1]), longs('starts', [1]), longs('ends', [2 ** 40])],
    ...[longs('three', [3]), longs('times', [2]), floats('half', [], [0.5])],
  ];
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  using model = network({
    nodes: [shapeOf, ...nodes, { operation: 'Reshape', inputs: ['x', 'to'] }],
    inputs: { x: ['N', 2, undefined] },
    constants: constants.filter(({ name }) => used.has(name)),
    opset: 13,
  });
  const x = noisy([6, 2, 2]);
  const { y } = model.run({ x });
  expect(y!.shape).toEqual(shape);
  expect(await y!.data()).toEqual(await x.data());
});

test('what is told by tensors is read when the network runs', async () => {
  using model = network({
    nodes: [
      { operation: 'Slice', inputs: ['x', 'starts', 'ends'], outputs: ['part'] },
      { operation: 'ReduceSum', inputs: ['part', 'axes'], outputs: ['sum'] },
      { operation: 'Expand', inputs: ['sum', 'shape'], outputs: ['wide'] },
      { operation: 'Tile', inputs: ['wide', 'repeats'], outputs: ['y'] },
      { operation: 'Split', inputs: ['x', 'sizes'], outputs: ['a', 'b'] },
      { operation: 'Range', inputs: ['from', 'to', 'by'], outputs: ['range'] },
      { operation: 'Clip', inputs: ['x', 'from', 'to'], outputs: ['clipped'] },
      { operation: 'ConstantOfShape', inputs: ['shape'], outputs: ['zeros'] },
      { operation: 'Unsqueeze', inputs: ['x', 'starts'], outputs: ['longer'] },
      { operation: 'Squeeze', inputs: ['longer', 'starts'], outputs: ['shorter'] },
    ],
    inputs: { x: [4, 3], starts: [1], ends: [1], axes: [1], shape: [2], repeats: [2], sizes: [2], from: [], to: [], by: [] }, // prettier-ignore
    types: {
      starts: 'int64',
      ends: 'int64',
      axes: 'int64',
      shape: 'int64',
      repeats: 'int64',
      sizes: 'int64',
    },
    outputs: ['y', 'a', 'b', 'range', 'clipped', 'zeros', 'longer', 'shorter'],
  });
  const list = (...values: number[]) => i32(values, [values.length]);
  const inputs = { x: f32([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [4, 3]), starts: list(1), ends: list(3), axes: list(0), shape: list(2, 1), repeats: list(1, 2), sizes: list(1, 3), from: f32([2], []), to: f32([5], []), by: f32([1.5], []) }; // prettier-ignore
  const results = model.run(inputs);
  const data = async (name: string) => [...(await results[name]!.data())];
  expect(await data('y')).toEqual([11, 13, 15, 11, 13, 15, 11, 13, 15, 11, 13, 15]);
  expect(results.y!.shape).toEqual([2, 6]);
  expect([results.a!.shape, results.b!.shape]).toEqual([[1, 3], [3, 3]]); // prettier-ignore
  expect(await data('range')).toEqual([2, 3.5]);
  expect(await data('clipped')).toEqual([2, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5]);
  expect(results.zeros!.shape).toEqual([2, 1]);
  expect([results.longer!.shape, results.shorter!.shape]).toEqual([[4, 1, 3], [4, 3]]); // prettier-ignore
  expect(() => model.run({ ...inputs, sizes: list(1, 1) })).toThrow(
    /Split.*sizes \[1, 1\] are not those of parts of 4/,
  );
  expect(() => model.run({ ...inputs, shape: list(2, 2) })).toThrow(/Expand.*does not broadcast/);
  expect(() => model.run({ ...inputs, repeats: list(1, -2) })).toThrow(/Tile.*repeats are \[1, -2\]/);
  expect(() => model.run({ ...inputs, by: f32([0], []) })).toThrow(/Range.*runs from 2 to 5 by 0/);
  expect(() => model.run({ ...inputs, shape: list(2 ** 22, 1) })).toThrow(/elements, more than/);
});

test('masks', async () => {
  const nodes: NodeOf[] = [
    { operation: 'Greater', inputs: ['x', 'z'], outputs: ['greater'] },
    { operation: 'LessOrEqual', inputs: ['x', 'one'], outputs: ['atMost'] },
    { operation: 'And', inputs: ['greater', 'atMost'], outputs: ['both'] },
    { operation: 'Not', inputs: ['both'], outputs: ['not'] },
    { operation: 'Or', inputs: ['both', 'greater'], outputs: ['or'] },
    { operation: 'Xor', inputs: ['both', 'greater'], outputs: ['xor'] },
    { operation: 'Where', inputs: ['both', 'x', 'z'], outputs: ['chosen'] },
    { operation: 'IsNaN', inputs: ['x'], outputs: ['nan'] },
    { operation: 'Equal', inputs: ['x', 'one'], outputs: ['equal'] },
    { operation: 'ArgMax', inputs: ['x'], outputs: ['place'], attributes: { keepdims: int(0) } },
    { operation: 'Mul', inputs: ['place', 'place'], outputs: ['squared'] },
  ];
  const outputs = ['both', 'not', 'or', 'xor', 'chosen', 'nan', 'equal', 'squared'];
  using model = network({ nodes, inputs: { x: [4] }, constants: [floats('z', [1], [0]), floats('one', [], [1])], outputs, opset: 16 }); // prettier-ignore
  const results = model.run({ x: f32([-1, 1, 2, NaN], [4]) });
  const data = async (name: string) => [...(await results[name]!.data())];
  expect(await data('both')).toEqual([0, 1, 0, 0]);
  expect(await data('not')).toEqual([1, 0, 1, 1]);
  expect(await data('or')).toEqual([0, 1, 1, 0]);
  expect(await data('xor')).toEqual([0, 0, 1, 0]);
  expect(await data('chosen')).toEqual([0, 1, 0, 0]);
  expect(await data('nan')).toEqual([0, 0, 0, 1]);
  expect(await data('equal')).toEqual([0, 1, 0, 0]);
  expect(await data('squared')).toEqual([9]);
  expect([results.nan!.dtype, results.squared!.dtype]).toEqual(['u8', 'i32']);
});

test.each<[string, NodeOf, RegExp]>([
  ['axes that are not there', { operation: 'ReduceSum', inputs: ['x', 'five'] }, /ReduceSum.*axis 5 is not in a tensor of 2 axes/],
  ['an axis named twice', { operation: 'ReduceMax', inputs: ['x'], attributes: { axes: ints(0, -2) } }, /ReduceMax.*axes \[0, -2\] name one twice/],
  ['sizes that do not add up', { operation: 'Split', inputs: ['x', 'five'], outputs: ['y'] }, /Split.*sizes \[5\] are not those of parts of 2/],
  ['parts that are not equal', { operation: 'Split', inputs: ['x'], outputs: ['y', 'z'], attributes: { axis: int(1) } }, /Split.*3 elements do not make 2 equal parts/],
  ['a step of 0', { operation: 'Slice', inputs: ['x', 'zero', 'five', 'zero', 'zero'] }, /Slice.*a step is 0/],
  ['lists of different lengths', { operation: 'Slice', inputs: ['x', 'zero', 'pair'] }, /Slice.*1, 2, 1, 1 starts, ends, axes and steps/],
  ['no starts', { operation: 'Slice', inputs: ['x'] }, /Slice.*its starts or ends are missing/],
  ['the place of a float', { operation: 'Gather', inputs: ['x', 'x'] }, /Gather.*input 1 is float32, wants whole numbers/],
  ['an axis that is not 1', { operation: 'Squeeze', inputs: ['x', 'zero'] }, /Squeeze.*axis 0 has extent 2, wants 1/],
  ['no axes', { operation: 'Unsqueeze', inputs: ['x'] }, /Unsqueeze.*it names no axes/],
  ['shapes that do not fit', { operation: 'Expand', inputs: ['x', 'five'] }, /Expand.*extents 3 and 5 do not broadcast/],
  ['as many repeats as axes', { operation: 'Tile', inputs: ['x', 'five'] }, /Tile.*1 repeats for 2 axes/],
  ['a negative alpha', { operation: 'Elu', inputs: ['x'], attributes: { alpha: float(-1) } }, /Elu.*alpha is -1, which is supported from 0 on/],
  ['another approximation', { operation: 'Gelu', inputs: ['x'], attributes: { approximate: { kind: 'string', value: 'fast' } } }, /Gelu.*approximate is "fast"/],
  ['bounds of two elements', { operation: 'Clip', inputs: ['x', 'pair'] }, /Clip.*min has shape \[2\], wants one element/],
  ['more slopes than elements', { operation: 'PRelu', inputs: ['x', 'cube'] }, /PRelu.*the slope has 3 axes/],
  ['different types', { operation: 'Add', inputs: ['x', 'five'] }, /Add.*input 1 is int64, wants float32/],
  ['division by 0', { operation: 'Div', inputs: ['five', 'zero'] }, /Div.*divides by 0/],
  ['a condition of floats', { operation: 'Where', inputs: ['x', 'x', 'x'] }, /Where.*input 0 is float32, wants bool/],
  ['bits of floats', { operation: 'And', inputs: ['x', 'x'] }, /And.*input 0 is float32, wants bool/],
  ['an unknown type', { operation: 'Cast', inputs: ['x'], attributes: { to: int(8) } }, /Cast.*element type 8 \(string\)/],
  ['noop of squares', { operation: 'ReduceL2', inputs: ['x'], attributes: { noop_with_empty_axes: int(1) } }, /ReduceL2.*noop_with_empty_axes is not supported/],
  ['an attribute of another kind', { operation: 'Softmax', inputs: ['x'], attributes: { axis: float(1) } }, /Softmax.*attribute axis is of kind float, wants int/],
])('%s is refused', (_, node, message) => {
  const constants = [longs('zero', [0]), longs('five', [5]), longs('pair', [1, 2]), floats('cube', [1, 1, 1], [1])];
  const used = new Set(node.inputs);
  const build = () =>
    network({
      nodes: [node],
      inputs: { x: [2, 3] },
      constants: constants.filter(({ name }) => used.has(name)),
    });
  expect(build).toThrow(message);
}); // prettier-ignore

test('a squeeze that names no axes wants to know them', () => {
  const build = () => network({ nodes: [{ operation: 'Squeeze', inputs: ['x'] }], inputs: { x: ['N', 1] } });
  expect(build).toThrow(/Squeeze.*it names no axes, and whether axis 0 is of extent 1 is not known/);
});

test('indices out of range are told at the read', async () => {
  using model = network({ nodes: [{ operation: 'Gather', inputs: ['x', 'i'] }], inputs: { x: [2, 3], i: ['K'] }, types: { i: 'int64' } }); // prettier-ignore
  const x = noisy([2, 3]);
  const picks = (...places: number[]): Tensor =>
    model.run({ x, i: i32(places, [places.length]) }).y as Tensor;
  expect((await picks(-1, 0, -2).data()).length).toBe(9);
  await expect(picks(-3).data()).rejects.toThrow(/index -1 at place 0 is not in \[0, 2\)/);
});
