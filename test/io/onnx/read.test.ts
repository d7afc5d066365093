import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { loadOnnx } from '../../../lib/io/index.js';
import { arrayOf, numbersOf } from '../../../lib/io/onnx/elements.js';
import { readOnnx } from '../../../lib/io/onnx/read.js';
import { readTensor } from '../../../lib/io/onnx/readTensor.js';
import type { Constant } from '../../../lib/io/onnx/schema.js';
import { bytesOf, fixture, info, model, node, weight, whole } from './models.js';

/** A tensor of a file, by its fields. */
function proto(write: (writer: BinaryWriter) => void): Constant {
  const writer = new BinaryWriter();
  write(writer);
  return readTensor(writer.finish(), 'tensor 0');
}

const packed = (writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void) => {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
};
const shaped = (writer: BinaryWriter, type: number, ...shape: (number | string)[]) => {
  for (const extent of shape) writer.tag(1, WireType.Varint).int64(extent);
  return writer.tag(2, WireType.Varint).int32(type);
};

describe('readTensor()', () => {
  test('elements in fields of their own, packed or one by one', () => {
    const floats = proto((w) => packed(shaped(w, 1, 2), 4, (p) => p.float(1.5).float(-2)));
    expect(arrayOf(floats)).toEqual(Float32Array.of(1.5, -2));
    const single = proto((w) =>
      shaped(w, 1, 2).tag(4, WireType.Bit32).float(3).tag(4, WireType.Bit32).float(4),
    );
    expect(arrayOf(single)).toEqual(Float32Array.of(3, 4));
    const doubles = proto((w) => packed(shaped(w, 11, 2), 10, (p) => p.double(0.1).double(1e300)));
    expect(arrayOf(doubles)).toEqual(Float32Array.of(0.1, Infinity));
    const halves = proto((w) => packed(shaped(w, 10, 2), 5, (p) => p.int32(0x3c00).int32(0xc000)));
    expect(numbersOf(halves)).toEqual([1, -2]);
    const brain = proto((w) => packed(shaped(w, 16, 1), 5, (p) => p.int32(0x4049)));
    expect(numbersOf(brain)).toEqual([3.140625]);
    const bytes = proto((w) => packed(shaped(w, 3, 2), 5, (p) => p.int32(-128).int32(127)));
    expect(arrayOf(bytes)).toEqual(Int32Array.of(-128, 127));
    const flags = proto((w) => packed(shaped(w, 9, 3), 5, (p) => p.int32(0).int32(1).int32(1)));
    expect(arrayOf(flags)).toEqual(Uint8Array.of(0, 1, 1));
  });

  test('whole numbers beyond what a number holds become the nearest', () => {
    const ends = proto((w) =>
      packed(shaped(w, 7, 2), 7, (p) => p.int64('9223372036854775807').int64('-9223372036854775808')),
    );
    expect(numbersOf(ends)).toEqual([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
    expect(arrayOf(ends)).toEqual(Int32Array.of(2 ** 31 - 1, -(2 ** 31)));
    const raw = whole('', [2 ** 40]);
    expect(arrayOf(raw)).toEqual(Int32Array.of(2 ** 31 - 1));
  });

  test('shares the memory of what is stored as it is', () => {
    const file = bytesOf(
      model([node('Add', ['x', 'w'], ['y'])], [weight('w', [100])], [info('x', [100])], [info('y', [100])]),
    );
    const { bytes } = readOnnx(file).graph.constants[0]!;
    expect(bytes.buffer).toBe(file.buffer);
  });

  const raw = (w: BinaryWriter, n: number) => w.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(n));
  const damages: readonly [what: string, write: (writer: BinaryWriter) => void, error: RegExp][] = [
    [
      'too few bytes',
      (w) => raw(shaped(w, 1, 2, 3), 20),
      /tensor 0 has 20 bytes, \[2, 3\] of float32 takes 24/,
    ],
    ['too many bytes', (w) => raw(shaped(w, 1, 2, 3), 28), /has 28 bytes/],
    ['too few elements', (w) => packed(shaped(w, 7, 3), 7, (p) => p.int64(1)), /has 1 elements, \[3\] has 3/],
    [
      'elements in the wrong field',
      (w) => packed(shaped(w, 1, 1), 7, (p) => p.int64(1)),
      /in int64_data, which holds no float32/,
    ],
    [
      'elements given twice',
      (w) => packed(raw(shaped(w, 1, 1), 4), 4, (p) => p.float(1)),
      /gives its elements twice/,
    ],
    ['a negative extent', (w) => raw(shaped(w, 1, -1), 4), /shape \[-1\]/],
    [
      'a huge extent',
      (w) => raw(shaped(w, 1, '4611686018427387904', 0), 0),
      /wants extents from 0 to 2\^31 - 1/,
    ],
    ['extents that overflow', (w) => raw(shaped(w, 1, 2 ** 30, 2 ** 30, 2 ** 30), 4), /elements/],
    ['huge extents beside nothing', (w) => raw(shaped(w, 1, 0, 2 ** 30, 2 ** 30), 0), /elements/],
    ['strings', (w) => shaped(w, 8, 1), /element type 8 \(string\), which is not supported/],
    ['an unknown type', (w) => shaped(w, 77, 1), /element type 77/],
    [
      'data in another file',
      (w) => shaped(w, 1, 1).tag(14, WireType.Varint).int32(1),
      /in another file \(external data\)/,
    ],
    [
      'a place in another file',
      (w) => shaped(w, 1, 1).tag(13, WireType.LengthDelimited).bytes(new Uint8Array(2)),
      /in another file/,
    ],
    ['a segment', (w) => shaped(w, 1, 1).tag(3, WireType.LengthDelimited).bytes(new Uint8Array()), /segment/],
    [
      'another wire type',
      (w) => w.tag(2, WireType.Bit32).fixed32(1),
      /element type of tensor 0 has wire type 5, wants 0/,
    ],
  ];
  test.each(damages)('%s is refused', (_, write, error) => {
    expect(() => proto(write)).toThrow(error);
  });
});

describe('readOnnx()', () => {
  const x = info('x', [2]);
  const y = info('y', [2]);
  const refused: readonly [what: string, file: Parameters<typeof model>, error: RegExp][] = [
    ['a name given by two nodes', [[node('Relu', ['x'], ['y']), node('Abs', ['x'], ['y'])], [], [x], [y]], /gives "y", a name that is taken/],
    ['a name given to two initializers', [[node('Relu', ['x'], ['y'])], [weight('w', [2]), weight('w', [2])], [x], [y]], /initializer "w" has a name that is taken/],
    ['a node that gives an input', [[node('Relu', ['x'], ['x'])], [], [x], [x]], /gives "x", a name that is taken/],
    ['two inputs of one name', [[node('Relu', ['x'], ['y'])], [], [x, x], [y]], /input "x" has a name that is taken/],
    ['two outputs of one name', [[node('Relu', ['x'], ['y'])], [], [x], [y, y]], /output "y" is named twice/],
    ['a node that uses nothing', [[node('Add', ['x', 'z'], ['y'])], [], [x], [y]], /uses "z", which nothing gives/],
    ['an output of nothing', [[node('Relu', ['x'], ['y'])], [], [x], [info('z', [2])]], /output "z" is given by nothing/],
    ['a cycle', [[node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['b'], ['y'])], [], [x], [y]], /the graph has a cycle/],
    ['a node that waits for itself', [[node('Add', ['x', 'y'], ['y'])], [], [x], [y]], /cycle/],
    ['no operator', [[node('', ['x'], ['y'])], [], [x], [y]], /node 0 has no op_type/],
    ['an output without a name', [[node('Relu', ['x'], ['y'])], [], [x], [info('', [2])]], /output 0 has no name/],
  ]; // prettier-ignore
  test.each(refused)('%s is refused', (_, given, error) => {
    expect(() => readOnnx(bytesOf(model(...given)))).toThrow(error);
  });

  test('nodes in any order are sorted', () => {
    const nodes = [node('Relu', ['b'], ['y']), node('Relu', ['a'], ['b']), node('Relu', ['x'], ['a'])];
    const { graph } = readOnnx(bytesOf(model(nodes, [], [x], [y])));
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['a', 'b', 'y']);
  });

  test('a chain of 20,000 nodes, last first', () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) =>
      node('Relu', [i === 0 ? 'x' : `v${i - 1}`], [`v${i}`]),
    );
    const { graph } = readOnnx(bytesOf(model(nodes.reverse(), [], [x], [info('v19999', [2])])));
    expect(graph.nodes[0]!.outputs).toEqual(['v0']);
  });

  test('initializers among the inputs, as early files have them, are no inputs', () => {
    const file = model([node('Add', ['x', 'w'], ['y'])], [weight('w', [2])], [x, info('w', [2])], [y]);
    expect(readOnnx(bytesOf(file)).graph.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  test('subgraphs are refused', () => {
    const attribute = new BinaryWriter();
    attribute.tag(1, WireType.LengthDelimited).string('body').tag(20, WireType.Varint).int32(5);
    attribute.tag(6, WireType.LengthDelimited).bytes(new Uint8Array());
    const loop = new BinaryWriter();
    loop
      .tag(4, WireType.LengthDelimited)
      .string('Loop')
      .tag(5, WireType.LengthDelimited)
      .bytes(attribute.finish());
    const graph = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(loop.finish());
    const file = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
    expect(() => readOnnx(file)).toThrow(/attribute "body" of node 0 is a subgraph, which is not supported/);
  });

  test('what is no file of ONNX is refused by name', async () => {
    await expect(loadOnnx(new Uint8Array())).rejects.toThrow(/loadOnnx: the model: there is no graph/);
    await expect(loadOnnx(Buffer.from('{"format": "json"}'))).rejects.toThrow(/loadOnnx: the model: /);
    await expect(loadOnnx(new Uint8Array(1000))).rejects.toThrow(/loadOnnx: the model: /);
  });

  test('a file that is cut short anywhere is refused', async () => {
    const { bytes } = fixture('sequence');
    let refusals = 0;
    for (let length = 0; length < bytes.length; length++) {
      try {
        (await loadOnnx(bytes.subarray(0, length))).dispose();
      } catch (error) {
        expect(String(error)).toMatch(/^Error: loadOnnx: the model: ./);
        refusals++;
      }
    }
    // But for what comes after the graph and the opsets, which may be missing.
    expect(bytes.length - refusals).toBeLessThan(8);
  });
});
