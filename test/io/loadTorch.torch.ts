// Weights that PyTorch wrote, and what it computed with them; and the way back.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  emptyPool,
  io,
  models,
  nn,
  noGrad,
  ops,
  randn,
  tensor,
  type DType,
  type Tensor,
} from '../../lib/index.js';
import { packageRoot } from '../../lib/native.js';
import { expectClose } from '../check.js';

const script = join(packageRoot, 'test', 'fixtures', 'torchvision.py');
const python = (command: string) =>
  promisify(execFile)(process.env['STRIATE_TORCH']!, [script, command, folder]);

let folder: string;
let vectors: Map<string, Tensor<DType>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-torch-'));
  await python('write');
  vectors = (await io.readSafetensors(join(folder, 'vectors.safetensors'))).tensors;
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true });
  emptyPool();
});

const classes = 10;
const networks: Record<string, () => nn.Module> = {
  lenet5: () => models.lenet5(),
  alexnet: () => models.alexnet({ classes }),
  vgg11: () => models.vgg11({ classes }),
  googlenet: () => models.googlenet({ classes, form: 'torchvision', auxLogits: true }),
  resnet18: () => models.resnet18({ classes }),
  resnet50: () => models.resnet50({ classes }),
  mobilenetV2: () => models.mobilenetV2({ classes }),
  fcnResnet50: () => models.fcnResnet50({ classes: 3, auxLoss: true }),
  decoder: () => {
    const network = new nn.Sequential({
      fc: new nn.Linear(7, 60),
      norm: new nn.BatchNorm1d(60),
      relu: new nn.ReLU(),
      image: new nn.Reshape([4, 5, 3]),
      up: new nn.ConvTranspose2d(3, 4, 3, { stride: 2, padding: 1 }),
      depthwise: new nn.Conv2d(4, 8, 3, { groups: 4 }),
      flatten: new nn.Flatten(),
      between: new nn.BatchNorm1d(8 * 5 * 7),
      slope: new nn.PReLU(8 * 5 * 7),
      last: new nn.Linear(8 * 5 * 7, 12),
      toSequence: new nn.Reshape([6, 2]),
      sequence: new nn.Conv1d(2, 3, 3),
      wider: new nn.ConvTranspose1d(3, 2, 2, { stride: 2 }),
      flat: new nn.Flatten(),
      end: new nn.Linear(16, 4),
    });
    network.inputShape = [7];
    return network;
  },
};

/** The others would take their time for the same. */
const writtenBack = Object.keys(networks).filter((name) => name !== 'alexnet' && name !== 'vgg11');

function computed(name: string, network: nn.Module): Tensor {
  const x = vectors.get(`${name}.x`)! as Tensor;
  return noGrad(() => {
    if (!(network instanceof models.GoogLeNet)) return network.forward(x);
    const { logits, aux1, aux2 } = network.allScores(x);
    return ops.concat([logits, aux1, aux2], 1);
  });
}

describe.each(Object.entries(networks))('%s', (name, make) => {
  test("with PyTorch's weights gives PyTorch's logits, and is written back", async () => {
    using network = make().eval();
    const report = await io.loadTorch(network, join(folder, `${name}.safetensors`));
    expect(report).toEqual({ loaded: report.loaded, missing: [], unexpected: [] });
    expect(new Set(report.loaded)).toEqual(new Set(network.stateDict().keys()));
    await expectClose(computed(name, network), await vectors.get(`${name}.y`)!.data(), 1e-4);
    const counts = [...network.stateDict()].filter(([key]) => key.endsWith('numBatchesTracked'));
    for (const [, count] of counts) expect(await count.item()).toBe(7);
    if (!writtenBack.includes(name)) return;
    await io.saveTorch(network, join(folder, `${name}.back.safetensors`));
  }, 60_000);
});

test('what is written back is read by PyTorch, and computes the same', async () => {
  const all = new Map<string, Tensor<DType>>([
    ['f', tensor([[0.1, -2], [3, 65504]])], ['i', tensor(new Int32Array([-7]))], ['u', tensor(new Uint8Array([200]), [])], ['s', randn([1000])],
  ]); // prettier-ignore
  for (const dtype of ['f32', 'f16', 'bf16'] as const) {
    await io.saveSafetensors(all, join(folder, `plain.${dtype}.safetensors`), {}, { dtype });
  }
  await python('read');
  const { tensors } = await io.readSafetensors(join(folder, 'back.safetensors'));
  for (const name of writtenBack) {
    await expectClose(tensors.get(name)! as Tensor, await vectors.get(`${name}.y`)!.data(), 1e-6);
  }
  for (const [dtype, torch] of [['f32', 'float32'], ['f16', 'float16'], ['bf16', 'bfloat16']] as const) {
    // Read by striate, these are what PyTorch has read.
    const { tensors: own } = await io.readSafetensors(join(folder, `plain.${dtype}.safetensors`));
    for (const key of ['f', 's']) {
      const found = tensors.get(`${dtype}.${key}.${torch}`);
      expect(found?.shape).toEqual(own.get(key)!.shape);
      expect(await found?.data()).toEqual(await own.get(key)!.data());
    }
    expect(await tensors.get(`${dtype}.i.int32`)?.data()).toEqual(Float32Array.of(-7));
    expect(await tensors.get(`${dtype}.u.uint8`)?.item()).toBe(200);
  }
}, 120_000); // prettier-ignore

test('all kinds of elements that PyTorch writes and tensors hold are read', async () => {
  const { tensors, metadata } = await io.readSafetensors(join(folder, 'kinds.safetensors'));
  expect({ ...metadata }).toEqual({ note: 'é' });
  const values: Record<string, unknown> = {};
  for (const [name, t] of tensors) values[name] = [t.dtype, t.shape, ...(await t.data())];
  expect(values).toEqual({
    float64: ['f32', [2], Math.fround(0.1), -Infinity],
    float16: ['f32', [3, 1], 1.5, 65504, 2 ** -24],
    bfloat16: ['f32', [], 3.140625],
    int64: ['i32', [2], -(2 ** 31), 2 ** 31 - 1],
    int16: ['i32', [1], -5],
    int8: ['i32', [2], -128, 127],
    bool: ['u8', [2], 1, 0],
    uint8: ['u8', [1], 255],
    none: ['f32', [0, 3]],
  });
});
