// A state dict of PyTorch's in another model, and what does not fit. test/io/loadTorch.torch.ts has more networks.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { io, memory, models, nn, noGrad, ops, type DType, type Tensor } from '../../lib/index.js';
import { packageRoot } from '../../lib/native.js';
import { expectClose, f32, noise, noisy } from '../check.js';
import { pattern } from '../fixtures/pattern.js';
import { collectGarbage } from '../garbage.js';

/** By `python test/fixtures/torchvision.py lenet`, in 16 bits. */
const lenet = join(packageRoot, 'test', 'fixtures', 'lenet5.safetensors');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-torch-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(collectGarbage);

const path = (name: string) => join(folder, `${name}.safetensors`);

/** A file of f32 tensors of these shapes, as PyTorch has them. */
async function written(name: string, shapes: Record<string, number[]>): Promise<string> {
  const entries = Object.entries(shapes).map(([key, shape], i) => [key, noisy(shape, i + 1)] as const);
  await io.saveSafetensors(new Map<string, Tensor<DType>>(entries), path(name));
  for (const [, t] of entries) t.dispose();
  return path(name);
}

test("LeNet-5 with PyTorch's weights gives PyTorch's logits, and leaves nothing behind", async () => {
  const { metadata } = await io.readSafetensors(lenet);
  await collectGarbage();
  using network = models.lenet5().eval();
  const before = memory().liveTensors;
  const report = await io.loadTorch(network, lenet);
  expect(memory().liveTensors).toBe(before);
  expect(report.loaded).toHaveLength(10);
  const y = noGrad(() => network.forward(f32(pattern([2, 28, 28, 1], 1), [2, 28, 28, 1])));
  await expectClose(y, JSON.parse(metadata['logits']!) as number[], 1e-5);

  await io.saveTorch(network, path('back'), { dtype: 'f16' });
  const [given, back] = await Promise.all([lenet, path('back')].map((file) => io.readSafetensors(file)));
  expect(new Set(back!.tensors.keys())).toEqual(new Set(given!.tensors.keys()));
  for (const [name, t] of given!.tensors) {
    expect(back!.tensors.get(name)?.shape).toEqual(t.shape);
    expect(await back!.tensors.get(name)?.data()).toEqual(await t.data());
  }
});

test('the weights of a linear layer behind a Flatten are put in order, from what flattened tells as well', async () => {
  class Own extends nn.Module {
    readonly conv = new nn.Conv2d(1, 3, 2);
    readonly fc = new nn.Linear(2 * 4 * 3, 2);
    override forward(x: Tensor): Tensor {
      return this.fc.forward(ops.flatten(this.conv.forward(x)));
    }
  }
  const file = await written('own', { 'conv.weight': [3, 1, 2, 2], 'conv.bias': [3], 'fc.weight': [2, 24], 'fc.bias': [2] });
  const own = new Own();
  const inputShape = [3, 5, 1];
  await expect(io.loadTorch(own, file)).rejects.toThrow(
    'loadTorch: the model has linear layers and no inputShape, by which the order of their weights is found',
  );
  await expect(io.loadTorch(own, file, { inputShape })).rejects.toThrow(
    "loadTorch: cannot find what fc (Linear) is given, as it is no result of layers alone; tell it by flattened: { 'fc': [H, W, C] }",
  );
  await io.loadTorch(own, file, { flattened: { fc: [2, 4, 3] } });
  const row = noise(48, 3);
  const weight = await own.fc.weight.data();
  for (let i = 0; i < 24; i++) {
    const [place, c] = [Math.floor(i / 3), i % 3];
    for (let k = 0; k < 2; k++) expect(weight[2 * i + k]).toBe(row[24 * k + 8 * c + place]);
  }
  // The same by layers alone.
  const layers = new nn.Sequential({ conv: new nn.Conv2d(1, 3, 2), flatten: new nn.Flatten(), drop: new nn.Dropout(), fc: new nn.Linear(24, 2) });
  await io.loadTorch(layers, file, { inputShape });
  expect(await layers.stateDict().get('fc.weight')!.data()).toEqual(weight);
  // And as it is, where it was no image.
  await io.loadTorch(own, file, { flattened: { fc: [24] } });
  expect(await own.fc.weight.data()).toEqual(Float32Array.from({ length: 48 }, (_, i) => row[24 * (i % 2) + (i >> 1)]!));
  await expect(io.loadTorch(own, file, { flattened: { fc: [2, 4] } })).rejects.toThrow(
    'loadTorch: flattened has [2, 4] for fc, wants a shape of 24 elements',
  );
  await expect(io.loadTorch(own, file, { flattened: { conv: [2, 4] } })).rejects.toThrow(
    'flattened has conv, which is no linear layer',
  );
  await expect(io.loadTorch(layers, file, { inputShape: [3, 3, 1] })).rejects.toThrow(
    /loadTorch: the model does not take \[1, 3, 3, 1\]: /,
  );
}); // prettier-ignore

describe('what does not fit', () => {
  test('is listed in one error, and changes nothing', async () => {
    const file = await written('wrong', {
      ...{ 'features.0.weight': [4, 1, 3, 3], 'features.1.running_mean': [4], 'features.1.running_var': [5] },
      ...{ 'fc.weight': [10, 4], 'fc.bias': [10], 'head.weight': [3], other: [] },
    });
    const model = models.smallVgg({ channels: 1, widths: [4] });
    const before = await model.stateDict().get('fc.weight')!.data();
    const error = await io.loadTorch(model, file).catch((e: unknown) => e as Error);
    expect((error as Error).message).toBe(
      `loadTorch: ${file} does not fit: missing features.1.weight, features.1.bias, features.1.num_batches_tracked, ` +
        'features.3.weight, features.4.weight, features.4.bias, features.4.running_mean, features.4.running_var, ' +
        'features.4.num_batches_tracked; unexpected head.weight, other; features.1.running_var is F32 [5], wants f32 [4]',
    );
    await expect(io.loadTorch(model, file, { strict: false })).rejects.toThrow(
      `loadTorch: ${file} does not fit: features.1.running_var is F32 [5], wants f32 [4]`,
    );
    expect(await model.stateDict().get('fc.weight')!.data()).toEqual(before);
  });

  test('is left alone where names need not agree, and reported', async () => {
    const file = await written('part', { 'features.0.weight': [4, 1, 3, 3], 'classifier.weight': [2] });
    const model = models.smallVgg({ channels: 1, widths: [4] });
    const report = await io.loadTorch(model, file, { strict: false });
    expect(report.loaded).toEqual(['features.0.weight']);
    expect(report.unexpected).toEqual(['classifier.weight']);
    expect(report.missing).toHaveLength(model.stateDict().size - 1);
    expect(report.missing).toContain('features.1.runningMean');
    const [source, weight] = [noise(36, 1), await model.stateDict().get('features.0.weight')!.data()];
    for (let k = 0; k < 4; k++) for (let i = 0; i < 9; i++) expect(weight[4 * i + k]).toBe(source[9 * k + i]);
  });

  test('may go by other names', async () => {
    const file = await written('prefixed', { 'module.0.weight': [4, 2], 'module.0.bias': [4] });
    const model = new nn.Sequential(new nn.Linear(2, 4));
    await expect(io.loadTorch(model, file, { inputShape: [2] })).rejects.toThrow('missing 0.weight, 0.bias; unexpected');
    const report = await io.loadTorch(model, file, { inputShape: [2], names: (name) => `module.${name}` });
    expect(report.loaded).toEqual(['0.weight', '0.bias']);
    expect(await model.parameters()[1]!.data()).toEqual(noise(4, 2));
  }); // prettier-ignore

  test('is told where the layout of a tensor is not known, or the file is damaged', async () => {
    class Own extends nn.Module {
      readonly table = new nn.Parameter(noisy([2, 3]));
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const file = await written('table', { table: [2, 3] });
    await expect(io.loadTorch(new Own(), file)).rejects.toThrow(
      'loadTorch: table [2, 3] is of a Own, whose layout in PyTorch is not known',
    );
    await expect(io.saveTorch(new nn.LayerNorm([2, 3]), path('none'))).rejects.toThrow(
      'saveTorch: weight [2, 3] is of a LayerNorm, whose layout',
    );
    const whole = await readFile(lenet);
    await writeFile(path('short'), whole.subarray(0, -1));
    await expect(io.loadTorch(models.lenet5(), path('short'))).rejects.toThrow(/short\.safetensors: tensor /);
    await expect(io.loadTorch(models.lenet5(), path('missing'))).rejects.toThrow(/cannot read .*missing.*ENOENT/);
    await expect(io.saveTorch(models.lenet5(), join(folder, 'no', 'file'))).rejects.toThrow(/cannot write .*file/);
    await expect(io.saveTorch(models.lenet5(), path('f64'), { dtype: 'f64' as never })).rejects.toThrow(
      "saveTorch: dtype is 'f64', wants",
    );
  }); // prettier-ignore
});

test('features are followed through layers that keep them, blocks, and layers that are called twice', async () => {
  const body = new nn.Sequential(new nn.Linear(6, 6), new nn.Tanh());
  const model = new nn.Sequential({
    conv: new nn.Conv2d(1, 2, 1),
    pool: new nn.GlobalAvgPool2d(),
    first: new nn.Linear(2, 6),
    block: new nn.Residual(body),
    again: body,
    last: new nn.Linear(6, 3),
  });
  await io.saveTorch(model, path('blocks'), { inputShape: [4, 4, 1] });
  const { tensors } = await io.readSafetensors(path('blocks'));
  const own = model.stateDict();
  expect(await tensors.get('last.weight')!.data()).toEqual(await ops.transpose(own.get('last.weight')! as Tensor).data());
  // An activation is none's own.
  const relu = new nn.ReLU();
  const free = new nn.Sequential(new nn.Flatten(), relu, new nn.Linear(8, 8), relu, new nn.Linear(8, 1));
  await io.saveTorch(free, path('free'), { inputShape: [2, 2, 2] });
  // Two orders for one layer are none.
  const shared = new nn.Linear(8, 8);
  const twice = new nn.Sequential(new nn.Flatten(), shared, new nn.ReLU(), shared);
  await expect(io.saveTorch(twice, path('twice'), { inputShape: [2, 2, 2] })).rejects.toThrow(
    'saveTorch: a Linear is called with features in two orders',
  );
}); // prettier-ignore

test('what a module makes of vectors by itself is told by unflattened', async () => {
  class Decoder extends nn.Module {
    readonly fc = new nn.Linear(2, 12);
    readonly conv = new nn.Conv2d(3, 1, 1);
    override forward(x: Tensor): Tensor {
      return this.conv.forward(ops.reshape(this.fc.forward(x), [-1, 2, 2, 3]));
    }
  }
  const own = new Decoder();
  const inputShape = [2];
  await expect(io.saveTorch(own, path('own'), { inputShape })).rejects.toThrow(
    'saveTorch: cannot find what conv (Conv2d) is given, as it is no result of layers alone, and may be made of what fc (Linear) ' +
      "gives; tell it by unflattened: { 'fc': [H, W, C] }, or [F] for what becomes no image",
  );
  await io.saveTorch(own, path('own'), { inputShape, unflattened: { fc: [2, 2, 3] } });
  const layers = new nn.Sequential({ fc: own.fc, image: new nn.Reshape([2, 2, 3]), conv: own.conv });
  await io.saveTorch(layers, path('layers'), { inputShape });
  expect(await readFile(path('own'))).toEqual(await readFile(path('layers')));
  const { tensors } = await io.readSafetensors(path('own'));
  const [bias, wanted] = [await tensors.get('fc.bias')!.data(), await own.fc.bias!.data()];
  for (let c = 0; c < 3; c++) for (let i = 0; i < 4; i++) expect(bias[4 * c + i]).toBe(wanted[3 * i + c]);
  await expect(io.saveTorch(own, path('own'), { inputShape, unflattened: { fc: [5] } })).rejects.toThrow(
    'saveTorch: unflattened has [5] for fc, wants a shape of 12 elements',
  );
}); // prettier-ignore

test('an embedding has the same order in PyTorch, also when it is flattened', async () => {
  const table = new nn.Embedding(5, 3);
  class Words extends nn.Module {
    readonly table = table;
    readonly flatten = new nn.Flatten();
    readonly fc = new nn.Linear(6, 2);
    override forward(x: Tensor): Tensor {
      return this.fc.forward(this.flatten.forward(this.table.forward(ops.cast(x, 'i32'))));
    }
  }
  const model = new Words();
  await io.saveTorch(model, path('words'), { inputShape: [2] });
  const { tensors } = await io.readSafetensors(path('words'));
  expect(await tensors.get('table.weight')!.data()).toEqual(await table.weight.data());
  expect(await tensors.get('fc.weight')!.data()).toEqual(await ops.transpose(model.fc.weight).data());
});
