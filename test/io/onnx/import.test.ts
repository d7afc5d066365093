import { describe, expect, test } from 'vitest';
import { loadOnnx } from '../../../lib/io/index.js';
import { noGrad } from '../../../lib/autograd.js';
import { native } from '../../../lib/native.js';
import * as nn from '../../../lib/nn/index.js';
import { profile } from '../../../lib/profile.js';
import { transpose } from '../../../lib/ops/movement.js';
import { synchronize } from '../../../lib/tensor.js';
import { expectClose, expectSameBits, f32, i32, noisy, relativeError } from '../../check.js';
import { collectGarbage } from '../../garbage.js';
import { bytesOf, fixture, info, model, node, weight, whole } from './models.js';

describe('networks that PyTorch wrote', () => {
  test.each(['residual', 'shapes', 'sequence'])('%s: its outputs', async (name) => {
    const { bytes, shape, x, y } = fixture(name);
    using network = await loadOnnx(bytes);
    expect(network.training).toBe(false);
    await expectClose(
      noGrad(() => network.forward(f32(x, shape))),
      y,
      1e-5,
    );
  });

  test.each(['residual', 'shapes', 'sequence'])('%s: the same after fuseForInference()', async (name) => {
    const { bytes, shape, x, y } = fixture(name);
    using network = await loadOnnx(bytes);
    const before = network.stateDict().size;
    nn.fuseForInference(network);
    if (name !== 'shapes') expect(network.stateDict().size).toBeLessThan(before);
    await expectClose(
      noGrad(() => network.forward(f32(x, shape))),
      y,
      1e-5,
    );
  });

  test('parameters and buffers have the names of the file, in layouts of ours', async () => {
    using network = await loadOnnx(fixture('residual').bytes);
    const parameters = [...network.namedParameters()].map(([name, { shape }]) => [name, [...shape]]);
    expect(Object.fromEntries(parameters)).toMatchObject({
      'stem.weight': [3, 3, 3, 8],
      'down.weight': [1, 1, 8, 16],
      'down.bias': [16],
      'fc.weight': [16, 5],
      'bn.weight': [8],
    });
    expect([...network.namedBuffers()].map(([name]) => name).sort()).toEqual([
      'bn.running_mean',
      'bn.running_var',
      'bnA.running_mean',
      'bnA.running_var',
    ]);
    expect(network.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
    expect(network.inputs).toEqual([
      { name: 'x', dtype: 'f32', shape: [null, 9, 9, 3], layout: 'channelsLast' },
    ]);
    expect(network.outputs).toEqual([{ name: 'y', dtype: 'f32', shape: [null, 5], layout: 'asWritten' }]);
  });

  test('one whose batch the file fixes takes any', async () => {
    const { bytes, shape } = fixture('sequence');
    using network = await loadOnnx(bytes);
    expect(network.inputs[0]!.shape).toEqual([null, 16, 3]);
    expect(noGrad(() => network.forward(noisy([7, ...shape.slice(1)]))).shape).toEqual([7, 4]);
  });

  test('nothing is transposed inside', async () => {
    const { bytes, shape, x } = fixture('residual');
    using network = await loadOnnx(bytes);
    using input = f32(x, shape);
    const entries = await profile(() => noGrad(() => network.forward(input)).data());
    const operations = entries.map(({ operation }) => operation);
    expect(operations.length).toBeGreaterThan(0);
    expect(operations.filter((operation) => operation === 'transpose')).toEqual([]);
    // Batch norms take the additions and ReLUs with them.
    expect(operations.filter((operation) => ['add', 'relu'].includes(operation))).toEqual([]);
  });

  test('the same bits for any number of threads', async () => {
    const { bytes, shape, x } = fixture('shapes');
    using network = await loadOnnx(bytes);
    await expectSameBits(() => [noGrad(() => network.forward(f32(x, shape)))]);
  });

  test('leaves nothing behind', async () => {
    const { bytes, shape, x } = fixture('shapes');
    await collectGarbage();
    const before = native.memory().liveTensors;
    const network = await loadOnnx(bytes);
    using input = f32(x, shape);
    const loaded = native.memory().liveTensors;
    noGrad(() => network.forward(input)).dispose();
    await synchronize();
    expect(native.memory().liveTensors).toBe(loaded);
    expect(() => network.forward(noisy([2, 3, 3, 4]))).toThrow();
    await collectGarbage();
    network.dispose();
    expect(native.memory().liveTensors).toBe(before + 1);
  });
});

describe('layouts', () => {
  const kernels = weight('w', [6, 3, 3, 3]);
  const conv = node('Conv', ['a', 'w'], ['b'], { pads: [1, 1, 1, 1] });

  test('transpositions around a convolution of a file that has channels last are undone: nothing moves', async () => {
    const file = model(
      [
        node('Transpose', ['x'], ['a'], { perm: [0, 3, 1, 2] }),
        conv,
        node('Transpose', ['b'], ['y'], { perm: [0, 2, 3, 1] }),
      ],
      [kernels],
      [info('x', ['N', 8, 8, 3])],
      [info('y', ['N', 8, 8, 6])],
    );
    using network = await loadOnnx(bytesOf(file));
    expect(network.inputs[0]).toMatchObject({ shape: [null, 8, 8, 3], layout: 'asWritten' });
    expect(network.outputs[0]).toMatchObject({ shape: [null, 8, 8, 6], layout: 'asWritten' });
    using x = noisy([2, 8, 8, 3]);
    const entries = await profile(() => noGrad(() => network.forward(x)).data());
    expect(entries.filter(({ operation }) => operation === 'transpose')).toEqual([]);
  });

  test('a constant that is added to channels, and one to columns', async () => {
    const file = model(
      [conv, node('Add', ['b', 'c'], ['d']), node('Add', ['r', 'd'], ['y'])],
      [kernels, weight('c', [6, 1, 1]), weight('r', [8])],
      [info('a', ['N', 3, 8, 8])],
      [info('y', ['N', 6, 8, 8])],
    );
    using network = await loadOnnx(bytesOf(file));
    using x = noisy([2, 8, 8, 3]);
    using only = await loadOnnx(
      bytesOf(model([conv], [kernels], [info('a', ['N', 3, 8, 8])], [info('b', undefined)])),
    );
    const plain = await noGrad(() => only.forward(x)).data();
    const [c, r] = [await network.stateDict().get('c')!.data(), await network.stateDict().get('r')!.data()];
    const wanted = plain.map((value, i) => value + c[i % 6]! + r[Math.floor(i / 6) % 8]!);
    await expectClose(
      noGrad(() => network.forward(x)),
      wanted,
      1e-6,
    );
  });

  test('an image that is flattened before a product permutes the weights, not the image', async () => {
    const nodes = [conv, node('Flatten', ['b'], ['f']), node('Gemm', ['f', 'm'], ['y'])];
    const file = model(
      nodes,
      [kernels, weight('m', [6 * 64, 5])],
      [info('a', ['N', 3, 8, 8])],
      [info('y', ['N', 5])],
    );
    using network = await loadOnnx(bytesOf(file));
    using images = await loadOnnx(bytesOf(file), { outputs: ['b'] });
    using x = noisy([2, 8, 8, 3]);
    const first = noGrad(() => transpose(images.forward(x), [0, 3, 1, 2]).reshape([2, 6 * 64]));
    const m = f32(new Float32Array(weight('m', [6 * 64, 5]).bytes.buffer), [6 * 64, 5]);
    await expectClose(
      noGrad(() => network.forward(x)),
      await first.matmul(m).data(),
      1e-5,
    );
    const entries = await profile(() => noGrad(() => network.forward(x)).data());
    expect(entries.filter(({ operation }) => operation === 'transpose')).toEqual([]);
  });

  test('a flattened image that is an output is as the file has it', async () => {
    const file = model(
      [conv, node('Flatten', ['b'], ['y'])],
      [kernels],
      [info('a', ['N', 3, 8, 8])],
      [info('y', ['N', 384])],
    );
    using network = await loadOnnx(bytesOf(file));
    using images = await loadOnnx(bytesOf(file), { outputs: ['b'] });
    using x = noisy([2, 8, 8, 3]);
    const wanted = noGrad(() => transpose(images.forward(x), [0, 3, 1, 2]));
    await expectClose(
      noGrad(() => network.forward(x)),
      await wanted.data(),
      1e-7,
    );
  });

  test('a weight that two nodes use in two layouts is one parameter', async () => {
    const nodes = [node('Gemm', ['x', 'w'], ['h'], { transB: 1 }), node('MatMul', ['h', 'w'], ['y'])];
    const file = model(nodes, [weight('w', [3, 4])], [info('x', ['N', 4])], [info('y', ['N', 4])]);
    using network = await loadOnnx(bytesOf(file));
    expect(network.parameters().length).toBe(1);
    using x = noisy([2, 4]);
    const w = f32(new Float32Array(weight('w', [3, 4]).bytes.buffer), [3, 4]);
    await expectClose(network.forward(x), await x.matmul(w.transpose()).matmul(w).data(), 1e-6);
    network.forward(x).sum().backward();
    expect(network.parameters()[0]!.grad!.shape).toEqual([4, 3]);
  });
});

describe('run()', () => {
  const file = model(
    [node('Add', ['a', 'b'], ['sum']), node('MatMul', ['sum', 'w'], ['y']), node('Shape', ['y'], ['s'])],
    [weight('w', [3, 2])],
    [info('a', ['N', 3]), info('b', ['N', 3])],
    [info('y', ['N', 2]), info('s', [2], 'int64')],
  );

  test('takes and gives tensors by name', async () => {
    using network = await loadOnnx(bytesOf(file));
    const { y, s } = network.run({ a: noisy([5, 3]), b: noisy([5, 3], 2) });
    expect(y!.shape).toEqual([5, 2]);
    expect([...(await s!.data())]).toEqual([5, 2]);
  });

  test('refuses what does not fit', async () => {
    using network = await loadOnnx(bytesOf(file));
    const a = noisy([5, 3]);
    expect(() => network.forward(a)).toThrow(/2 inputs and 2 outputs/);
    expect(() => network.run({ a })).toThrow(/input "b" is missing, wants "a", "b"/);
    expect(() => network.run({ a, b: a, c: a })).toThrow(/no input "c"/);
    expect(() => network.run({ a, b: noisy([4, 3]) })).toThrow(/input "b" is \[4, 3\], wants \[5, 3\]/);
    expect(() => network.run({ a, b: noisy([5, 4]) })).toThrow(/input "b" is \[5, 4\], wants \[5, 3\]/);
    expect(() => network.run({ a, b: i32([1, 2, 3], [1, 3]) })).toThrow(/input "b" is i32, wants f32/);
    const gone = noisy([5, 3]);
    gone.dispose();
    expect(() => network.run({ a, b: gone })).toThrow(/disposed/);
  });
});

describe('loadOnnx()', () => {
  test('gives values from inside a network, and leaves out what they do not need', async () => {
    const { bytes, shape, x } = fixture('residual');
    using network = await loadOnnx(bytes, { outputs: ['/Flatten_output_0'] });
    expect(network.outputs[0]).toMatchObject({ name: '/Flatten_output_0', shape: [null, 16] });
    expect(network.stateDict().has('fc.weight')).toBe(false);
    expect(noGrad(() => network.forward(f32(x, shape))).shape).toEqual([2, 16]);
    await expect(loadOnnx(bytes, { outputs: ['nothing'] })).rejects.toThrow(/there is no value "nothing"/);
  });

  test('names that a module has already get another end', async () => {
    const names = ['forward', 'training', '__proto__', 'constructor', 'run'];
    const nodes = names.map((name, i) => node('Add', [i === 0 ? 'x' : `s${i - 1}`, name], [`s${i}`]));
    const constants = names.map((name, i) => weight(name, [2], [i, 1]));
    using network = await loadOnnx(bytesOf(model(nodes, constants, [info('x', [2])], [info('s4', [2])])));
    expect([...network.stateDict().keys()]).toEqual(names.map((name) => `${name}_`));
    expect([...(await network.forward(f32([1, 1], [2])).data())]).toEqual([11, 6]);
  });

  test('what it is not given as it wants it', async () => {
    await expect(loadOnnx(3 as never)).rejects.toThrow(TypeError);
    await expect(loadOnnx(new Uint8Array(), { outputs: 'y' as never })).rejects.toThrow(
      /outputs is 'y', wants an array of names/,
    );
    await expect(loadOnnx('/nowhere/model.onnx')).rejects.toThrow(/loadOnnx: \/nowhere\/model\.onnx: ENOENT/);
  });

  const refusals: readonly [what: string, file: Parameters<typeof model>, error: RegExp][] = [
    [
      'an unknown operator',
      [[node('Dance', ['x'], ['y'])], [], [info('x', [2])], [info('y', [2])]],
      /Dance node "y": the operator is not supported/,
    ],
    [
      'three axes of places',
      [
        [node('MaxPool', ['x'], ['y'], { kernel_shape: [2, 2, 2] })],
        [],
        [info('x', [1, 1, 4, 4, 4])],
        [info('y', undefined)],
      ],
      /3 axes of places/,
    ],
    [
      'an old version',
      [
        [node('Gemm', ['x', 'w'], ['y'])],
        [weight('w', [2, 2])],
        [info('x', [1, 2])],
        [info('y', undefined)],
        6,
      ],
      /uses version 6 of ONNX's operators, wants 7 or later/,
    ],
    [
      'a version to come',
      [[node('Relu', ['x'], ['y'])], [], [info('x', [2])], [info('y', [2])], 99],
      /version 99/,
    ],
    [
      'channels that differ',
      [
        [node('Conv', ['x', 'w'], ['y'])],
        [weight('w', [2, 3, 1, 1])],
        [info('x', [1, 4, 2, 2])],
        [info('y', undefined)],
      ],
      /its input has 4 channels, its weight wants 3/,
    ],
    [
      'groups that do not divide',
      [
        [node('Conv', ['x', 'w'], ['y'], { group: 2 })],
        [weight('w', [3, 2, 1, 1])],
        [info('x', [1, 4, 2, 2])],
        [info('y', undefined)],
      ],
      /group is 2/,
    ],
    [
      'a kernel larger than the image',
      [
        [node('Conv', ['x', 'w'], ['y'])],
        [weight('w', [1, 1, 5, 5])],
        [info('x', [1, 1, 2, 2])],
        [info('y', undefined)],
      ],
      /its window of 5 is larger/,
    ],
    [
      'a shape of other elements',
      [
        [node('Reshape', ['x', 's'], ['y'])],
        [whole('s', [5, -1])],
        [info('x', [2, 3])],
        [info('y', undefined)],
      ],
      /no multiple/,
    ],
    [
      'an attribute of another kind',
      [[node('Flatten', ['x'], ['y'], { axis: 'one' })], [], [info('x', [2, 3])], [info('y', undefined)]],
      /attribute axis is of kind string, wants int/,
    ],
    [
      'an input of unknown axes',
      [[node('Relu', ['x'], ['y'])], [], [info('x', undefined)], [info('y', undefined)]],
      /does not say how many axes/,
    ],
    [
      'padding to gigabytes',
      [
        [node('Pad', ['x', 'p'], ['y'])],
        [whole('p', [0, 2 ** 30])],
        [info('x', [1])],
        [info('y', undefined)],
      ],
      /more than 4194304/,
    ],
    [
      'resizing to gigabytes',
      [
        [node('Resize', ['x', '', 's'], ['y'])],
        [weight('s', [4], [1, 1, 1e4, 1e4])],
        [info('x', [1, 1, 8, 8])],
        [info('y', undefined)],
      ],
      /more than 4194304/,
    ],
  ];
  test.each(refusals)('%s is refused', async (_, given, error) => {
    await expect(loadOnnx(bytesOf(model(...given)))).rejects.toThrow(error);
  });

  test('padding to gigabytes that is known in a run alone is refused there', async () => {
    const file = model(
      [node('Conv', ['x', 'w'], ['y'], { pads: [2e4, 2e4, 2e4, 2e4] })],
      [weight('w', [1, 1, 1, 1])],
      [info('x', [1, 1, 'H', 'W'])],
      [info('y', undefined)],
    );
    using network = await loadOnnx(bytesOf(file));
    expect(() => network.forward(noisy([1, 4, 4, 1]))).toThrow(
      /Conv node "y": a result .* more than 4194304/,
    );
  });

  test('a network is smaller than its file by nothing but rounding', async () => {
    const half = Uint16Array.from([0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x8000]);
    const constant = { name: 'w', type: 'float16', shape: [6], bytes: new Uint8Array(half.buffer) } as const;
    using network = await loadOnnx(
      bytesOf(model([node('Add', ['x', 'w'], ['y'])], [constant], [info('x', [6])], [info('y', [6])])),
    );
    const found = await network.parameters()[0]!.data();
    expect(relativeError(found, [1, -2, 0.333251953125, 65504, 2 ** -24, 0])).toBe(0);
  });
});
