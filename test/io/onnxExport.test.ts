import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { io, loss, models, nn, ops, optim, StriateError, type Shape, type Tensor } from '../../lib/index.js';
import type { OnnxModel } from '../../lib/io/onnx/schema.js';
import { encodeOnnx, writeOnnx } from '../../lib/io/onnx/write.js';
import { native } from '../../lib/native.js';
import { f32, noise, noisy, relativeError } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { decodeModel, floatsOf, integersOf, readModel, type ReadModel } from './onnxReader.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-onnx-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;

async function exported(
  model: nn.Module,
  inputShape: Shape,
  options: Partial<io.SaveOnnxOptions> = {},
): Promise<ReadModel> {
  const file = join(folder, `${++files}.onnx`);
  await io.saveOnnx(model, file, { inputShape, ...options });
  return readModel(file);
}

const operations = ({ nodes }: ReadModel): string[] => nodes.map(({ operation }) => operation);

/** A module of a function. */
class Computed extends nn.Module {
  readonly #work: (x: Tensor) => unknown;

  constructor(work: (x: Tensor) => unknown) {
    super();
    this.#work = work;
  }

  override forward(x: Tensor): Tensor {
    return this.#work(x) as Tensor;
  }
}

describe('what a file says', () => {
  test('LeNet-5: operators, names, an open number of samples', async () => {
    const model = models.lenet5();
    const file = await exported(model, [28, 28, 1], { metadata: { 'ein Schlüssel': 'ein Wert' } });
    expect(file).toMatchObject({
      irVersion: 8,
      producer: 'striate',
      opsets: { '': 17 },
      metadata: { 'ein Schlüssel': 'ein Wert' },
      inputs: [{ name: 'input', type: 1, shape: ['batch', 1, 28, 28] }],
      outputs: [{ name: 'output', type: 1, shape: ['batch', 10] }],
    });
    expect(file.producerVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(operations(file)).toEqual([
      ...['Conv', 'Relu', 'MaxPool', 'Conv', 'Relu', 'MaxPool', 'Flatten'],
      ...['Gemm', 'Relu', 'Gemm', 'Relu', 'Gemm'],
    ]);
    expect(Object.keys(file.tensors).sort()).toEqual([...model.stateDict().keys()].sort());
    expect(file.nodes[0]).toEqual({
      name: 'conv1.Conv',
      operation: 'Conv',
      inputs: ['input', 'conv1.weight', 'conv1.bias'],
      outputs: ['conv1.Conv'],
      attributes: {
        ...{ kernel_shape: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2], dilations: [1, 1], group: 1 },
      },
    });
    expect(file.nodes.at(-1)!.outputs).toEqual(['output']);
  });

  test('a network of models is written for the images that it is made for', async () => {
    const file = join(folder, 'made.onnx');
    await io.saveOnnx(models.lenet5({ side: 32 }), file);
    expect((await readModel(file)).inputs[0]!.shape).toEqual(['batch', 1, 32, 32]);
  });

  test('weights have the layout of ONNX, rows after an image that of its axes', async () => {
    const model = new nn.Sequential(new nn.Conv2d(2, 3, [2, 1]), new nn.Flatten(), new nn.Linear(18, 4));
    const file = await exported(model, [3, 3, 2]);
    const [kernels, rows] = [...model.stateDict().values()].filter(({ rank }) => rank > 1) as Tensor[];
    const { dims, raw } = file.tensors['0.weight']!;
    expect(dims).toEqual([3, 2, 2, 1]);
    using permuted = ops.transpose(kernels!, [3, 2, 0, 1]);
    expect(floatsOf({ dims, raw, type: 1 })).toEqual(await permuted.data());
    using apart = ops.reshape(rows!, [2, 3, 3, 4]);
    using moved = ops.transpose(apart, [2, 0, 1, 3]);
    expect(file.tensors['2.weight']!.dims).toEqual([18, 4]);
    expect(floatsOf(file.tensors['2.weight']!)).toEqual(await moved.data());
  });

  test('names and versions that are asked for', async () => {
    const names = { inputName: 'image', outputName: 'scores', opset: 21 };
    const file = await exported(new nn.Sequential(new nn.Flatten(), new nn.Linear(8, 2)), [2, 2, 2], names);
    expect(file).toMatchObject({ irVersion: 10, opsets: { '': 21 } });
    expect(file.inputs[0]!.name).toBe('image');
    expect(file.outputs[0]!.name).toBe('scores');
    expect(file.nodes.at(-1)!.outputs).toEqual(['scores']);
  });

  test('a name that a weight has, too, is given once', async () => {
    const file = await exported(new nn.Linear(3, 2), [3], { inputName: 'weight' });
    expect(file.inputs[0]!.name).toBe('weight');
    expect(Object.keys(file.tensors)).toEqual(['weight_2', 'bias']);
    expect(file.nodes[0]!.inputs).toEqual(['weight', 'weight_2', 'bias']);
  });

  test('a model that gives its input copies it', async () => {
    const file = await exported(new nn.Identity(), [4]);
    expect(file.nodes).toMatchObject([{ operation: 'Identity', inputs: ['input'], outputs: ['output'] }]);
  });

  test('the model may be another right after the call: the file has it as it was', async () => {
    const model = new nn.Linear(3, 2);
    const before = await model.weight.data();
    const pending = exported(model, [3]);
    using zeros = ops.zeros([3, 2]);
    model.weight.assign(zeros);
    expect(floatsOf((await pending).tensors['weight']!)).toEqual(before);
  });
});

describe('what becomes of layers', () => {
  const noStatistics = (model: nn.Module): void => {
    for (const [path, tensor] of model.namedBuffers()) {
      if (tensor.dtype !== 'f32') continue;
      const values = noise(tensor.size, path.length).map((v) => (path.endsWith('Var') ? 1 + 0.5 * v : v));
      (tensor as Tensor).assign(f32(values, tensor.shape));
    }
  };

  test('batch norms are folded into what is before them, which stays as it is', async () => {
    const model = new nn.Sequential(
      new nn.Conv2d(3, 4, 3, { bias: false }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.Dropout(),
    );
    noStatistics(model);
    const before = await Promise.all(Array.from(model.stateDict().values(), (t) => t.data()));
    const file = await exported(model, [6, 6, 3]);
    expect(operations(file)).toEqual(['Conv', 'Relu']);
    expect(Object.keys(file.tensors)).toEqual(['0.weight', '0.bias']);
    expect([model.training, model.at(1).training]).toEqual([true, true]);
    const after = await Promise.all(Array.from(model.stateDict().values(), (t) => t.data()));
    expect(after).toEqual(before);
    nn.fuseForInference(model.eval());
    const [weight, bias] = ['0.weight', '0.bias'].map((name) => model.stateDict().get(name) as Tensor);
    using permuted = ops.transpose(weight!, [3, 2, 0, 1]);
    expect(relativeError(floatsOf(file.tensors['0.weight']!), await permuted.data())).toBeLessThan(1e-6);
    expect(relativeError(floatsOf(file.tensors['0.bias']!), await bias!.data())).toBeLessThan(1e-6);
  });

  test('a batch norm stays where ReLU or another use is before it', async () => {
    const norm = () => new nn.BatchNorm2d(3);
    const after = new nn.Sequential(new nn.Conv2d(3, 3, 1), new nn.ReLU(), norm());
    expect(operations(await exported(after, [4, 4, 3]))).toEqual(['Conv', 'Relu', 'BatchNormalization']);
    const twice = new nn.Sequential(new nn.Conv2d(3, 3, 1), new nn.Residual(norm()));
    expect(operations(await exported(twice, [4, 4, 3]))).toEqual(['Conv', 'BatchNormalization', 'Add']);
  });

  const small: Record<string, [make: () => nn.Module, inputShape: Shape]> = {
    resnet20: [() => models.resnet20(), [32, 32, 3]],
    'resnet18, small images': [() => models.resnet18({ smallImages: true }), [32, 32, 3]],
    googlenet: [() => models.googlenet({ classes: 5 }), [64, 64, 3]],
    mobilenetV2: [() => models.mobilenetV2({ width: 0.25, classes: 5 }), [32, 32, 3]],
    squeezenet: [() => models.squeezenet({ classes: 5 }), [64, 64, 3]],
    smallVgg: [() => models.smallVgg({ widths: [4, 8] }), [32, 32, 3]],
    sequences: [
      () =>
        new nn.Sequential(
          ...[new nn.Conv1d(4, 8, 3), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.MaxPool1d(2)],
          ...[new nn.Conv1d(8, 6, 3), new nn.GroupNorm(2, 6), new nn.Flatten(), new nn.Linear(30, 2)],
        ),
      [16, 4],
    ],
    'an autoencoder': [
      () =>
        new nn.Sequential(
          ...[new nn.Conv2d(1, 4, 3, { stride: 2, padding: 1 }), new nn.ReLU(), new nn.Flatten()],
          ...[
            new nn.Linear(64, 8),
            new nn.Tanh(),
            new nn.Linear(8, 64),
            new nn.BatchNorm1d(64),
            new nn.ReLU(),
          ],
          ...[new nn.Reshape([4, 4, 4]), new nn.ConvTranspose2d(4, 1, 2, { stride: 2 }), new nn.Sigmoid()],
        ),
      [8, 8, 1],
    ],
    'normalized images': [
      () => new nn.Sequential(new nn.Conv2d(3, 6, 3), new nn.LayerNorm(6), new nn.InstanceNorm2d(6)),
      [8, 8, 3],
    ],
  };

  test.each(Object.entries(small))(
    '%s: nothing is transposed, no batch is fixed',
    async (_, [make, shape]) => {
      const file = await exported(make(), shape);
      expect(operations(file)).not.toContain('Transpose');
      expect(operations(file)).not.toContain('Dropout');
      for (const { inputs } of file.nodes.filter(({ operation }) => operation === 'Reshape')) {
        const [first, ...rest] = integersOf(file.tensors[inputs[1]!]!);
        expect(first).toBe(-1);
        expect(rest.every((extent) => extent > 0)).toBe(true);
      }
      // Nodes come after what they use.
      const known = new Set([...Object.keys(file.tensors), 'input', '']);
      for (const { inputs, outputs } of file.nodes) {
        expect(inputs.filter((name) => !known.has(name))).toEqual([]);
        for (const name of outputs) known.add(name);
      }
      expect(known).toContain('output');
    },
  );

  test('what is used twice is there once, and what does not matter is not', async () => {
    const shared = new nn.Linear(4, 4);
    const unused = new nn.Linear(4, 4);
    const model = new Computed((x) => {
      unused.forward(x);
      return shared.forward(shared.forward(x));
    });
    Object.assign(model, { shared, unused });
    const file = await exported(model, [4]);
    expect(operations(file)).toEqual(['Gemm', 'Gemm']);
    expect(Object.keys(file.tensors)).toEqual(['shared.weight', 'shared.bias']);
  });

  test('what is computed of weights alone is done before', async () => {
    const layer = new nn.Linear(4, 3);
    const model = new Computed((x) =>
      ops.matmul(x, ops.mul(ops.transpose(layer.weight), 2), { transposeB: true }),
    );
    Object.assign(model, { layer });
    const file = await exported(model, [4]);
    expect(operations(file)).toEqual(['MatMul']);
    using twice = ops.mul(layer.weight, 2);
    const [matrix] = Object.values(file.tensors);
    expect(floatsOf(matrix!)).toEqual(await twice.data());
  });

  test('training goes on afterwards, and no tensor is left', async () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.BatchNorm2d(2),
      new nn.Flatten(),
      new nn.Linear(8, 2),
    );
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    await collectGarbage();
    const { liveTensors } = native.memory();
    await exported(model, [4, 4, 1]);
    await collectGarbage();
    expect(native.memory().liveTensors).toBe(liveTensors);
    using l = loss.crossEntropy(model.forward(noisy([4, 4, 4, 1])), ops.zeros([4], 'i32'));
    l.backward();
    optimizer.step();
    expect(await l.item()).toBeGreaterThan(0);
  });
});

describe('what is refused', () => {
  const refused: [name: string, work: (x: Tensor) => unknown, message: RegExp][] = [
    ['an operation without a form', (x) => ops.rgbToHsv(x), /saveOnnx: rgbToHsv \(in Computed\) has no form in ONNX/],
    ['values that are looked at', (x) => ops.mul(x, x.dataSync()[0]!), /looks at values/],
    ['changes in place', (x) => { const y = ops.neg(x); y.assign(x); return y; }, /changes a tensor in place/],
    ['random numbers', (x) => ops.add(x, ops.randn([3])), /normal.*has no form in ONNX/],
    ['dropout in use', (x) => ops.dropout(x), /draws random numbers/],
    ['an output that is none', () => ({}), /forward\(\) gives an object, wants a tensor/],
    ['an output that does not depend on the input', () => ops.zeros([5]), /does not depend on its input/],
    ['a computation that depends on the number of samples', (x) => (x.shape[0] === 2 ? ops.neg(x) : x), /another thing for a batch of 2 than/],
    ['places that adaptive pooling finds', (x) => { const { output, indices } = ops.adaptiveMaxPool2d(x, 2, { returnIndices: true }); return ops.maxUnpool2d(output, indices, 4); }, /adaptiveMaxPool2d .*gives the places/],
    ['a part that depends on it', (x) => ops.slice(x, [x.shape[0]! - 1]), /takes a part that depends on the size of the batch/],
    ['a layer that does not fit', (x) => new nn.Linear(4, 2).forward(x), /saveOnnx: the model \(Computed\), given \[N, 4, 4, 3\]: .*linear/],
  ]; // prettier-ignore

  test.each(refused)('%s', async (_, work, message) => {
    await expect(exported(new Computed(work), [4, 4, 3])).rejects.toThrow(message);
  });

  test('errors are of striate and name the layer', async () => {
    class Hue extends nn.Module {
      override forward(x: Tensor): Tensor {
        return ops.rgbToHsv(x);
      }
    }
    const model = new nn.Sequential({ features: new nn.Sequential(new nn.Identity(), new Hue()) });
    const error = await exported(model, [4, 4, 3]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StriateError);
    expect((error as Error).message).toContain('rgbToHsv (in features.1, Hue)');
  });

  const wrong: [options: Record<string, unknown>, message: RegExp][] = [
    [{ inputShape: undefined }, /inputShape is undefined, wants the sizes of one sample/],
    [{ inputShape: [0] }, /inputShape is \[0\]/],
    [{ opset: 16 }, /opset is 16, wants one from 17 to 21/],
    [{ dtype: 'f64' }, /dtype is 'f64'/],
    [{ inputName: '' }, /inputName is '', wants a name/],
    [{ outputName: 'input' }, /both 'input', wants two names/],
    [{ metadata: { a: 1 } }, /metadata has 1 for 'a', wants a string/],
  ];

  test.each(wrong)('options %j', async (options, message) => {
    await expect(exported(new nn.Identity(), [3], options)).rejects.toThrow(message);
    await expect(io.saveOnnx({} as never, 'x', { inputShape: [3] })).rejects.toThrow(/model is an object/);
  });

  test('a folder that is not there; nothing is left', async () => {
    const file = join(folder, 'none', 'x.onnx');
    await expect(io.saveOnnx(new nn.Linear(2, 2), file, { inputShape: [2] })).rejects.toThrow(/none/);
    expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
  });
});

describe('the format', () => {
  const model = (constants: OnnxModel['graph']['constants']): OnnxModel => ({
    irVersion: 8,
    producer: 'test',
    opsets: new Map([['', 17], ['a.domain', 3]]),
    graph: {
      name: 'graph',
      nodes: [
        {
          name: 'node',
          operation: 'Any',
          domain: '',
          inputs: ['', 'x'],
          outputs: ['y'],
          attributes: new Map([
            ['a', { kind: 'float', value: 0.1 }],
            ['b', { kind: 'int', value: -(2 ** 40) }],
            ['c', { kind: 'string', value: 'größer' }],
            ['d', { kind: 'floats', value: [1.5, -Infinity] }],
            ['e', { kind: 'ints', value: [0, -1, 300] }],
            ['f', { kind: 'strings', value: ['a', ''] }],
            ['g', { kind: 'tensor', value: { name: '', type: 'uint8', shape: [2], bytes: Uint8Array.of(7, 8) } }],
          ]),
        },
      ],
      constants,
      inputs: [{ name: 'x', type: 'int64', shape: [1, 'n', undefined] }],
      outputs: [{ name: 'y', type: 'float16', shape: undefined }],
    },
    metadata: { key: 'value' },
  }); // prettier-ignore

  test('all kinds of attributes and shapes are read back by others', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const { bytes: length, parts } = encodeOnnx(
      model([{ name: 'c', type: 'int32', shape: [2, 1], bytes }, { name: 'd', type: 'float32', shape: [0], bytes: new Uint8Array() }]), // prettier-ignore
    );
    const file = Buffer.concat([...parts]);
    expect(file).toHaveLength(length);
    const read = decodeModel(file);
    expect(read.opsets).toEqual({ '': 17, 'a.domain': 3 });
    expect(read.metadata).toEqual({ key: 'value' });
    expect(read.inputs).toEqual([{ name: 'x', type: 7, shape: [1, 'n', undefined] }]);
    expect(read.outputs).toEqual([{ name: 'y', type: 10, shape: [] }]);
    expect(read.tensors['c']).toEqual({ dims: [2, 1], type: 6, raw: Buffer.from(bytes) });
    expect(read.tensors['d']!.dims).toEqual([0]);
    expect(read.nodes[0]).toMatchObject({
      inputs: ['', 'x'],
      attributes: {
        ...{ a: Math.fround(0.1), b: -(2 ** 40), c: 'größer', d: [1.5, -Infinity], e: [0, -1, 300] },
        ...{ f: ['a', ''], g: { dims: [2], type: 2, raw: Buffer.of(7, 8) } },
      },
    });
  });

  test('more than 2 GiB is refused before any of it is made', async () => {
    const large = {
      name: 'large',
      type: 'float32',
      shape: [2 ** 15, 2 ** 14],
      get bytes(): Uint8Array {
        throw new Error('asked for');
      },
    } as const;
    const file = join(folder, 'large.onnx');
    await expect(writeOnnx(file, model([large]))).rejects.toThrow(
      /large\.onnx: the model takes 21\d+ bytes as ONNX, which holds 2147483647/,
    );
  });

  test('a constant that has other bytes than its shape is refused', async () => {
    const wrong = { name: 'wrong', type: 'float32', shape: [3], bytes: new Uint8Array(8) } as const;
    await expect(writeOnnx(join(folder, 'w.onnx'), model([wrong]))).rejects.toThrow(
      /wrong: has 8 bytes, float32 of shape \[3\] takes 12/,
    );
    expect((await readdir(folder)).filter((name) => name.includes('tmp') || name === 'w.onnx')).toEqual([]);
  });
});
