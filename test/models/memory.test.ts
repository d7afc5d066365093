// What a training step holds on to, in bytes of the pool. Sizes are such that the pool rounds none but the smallest.
import { beforeEach, expect, test } from 'vitest';
import { backward } from '../../lib/autograd.js';
import { BasicBlock, Bottleneck, Inception } from '../../lib/models/index.js';
import { native } from '../../lib/native.js';
import * as nn from '../../lib/nn/index.js';
import { synchronize, type Tensor } from '../../lib/tensor.js';
import { noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

beforeEach(collectGarbage);

const f32 = (...shape: number[]) => 4 * volume(shape);
const u8 = volume;
/** The statistics of a batch normalization: the least that the pool gives. */
const norm = 512;
/** A bit for each element, or a byte for each vector that has fewer. */
const mask = (...shape: number[]) => volume(shape) / ({ scalar: 1, neon: 4 }[native.cpuInfo().isa] ?? 8);

interface Kept {
  name: string;
  module: () => nn.Module;
  shape: number[];
  bytes: number[];
}

const image = [2, 8, 16];
const small = [2, 4, 8];
const cases: Kept[] = [
  {
    name: 'convolution, norm and ReLU: the results of the first two',
    module: () =>
      new nn.Sequential(new nn.Conv2d(8, 16, 3, { padding: 1 }), new nn.BatchNorm2d(16), new nn.ReLU()),
    shape: [...image, 8],
    bytes: [f32(...image, 16), f32(...image, 16), norm],
  },
  {
    name: 'convolution and ReLU: the result',
    module: () => new nn.Sequential(new nn.Conv2d(8, 16, 3, { padding: 1 }), new nn.ReLU()),
    shape: [...image, 8],
    bytes: [f32(...image, 16)],
  },
  {
    name: 'pooling: a byte for a window',
    module: () => new nn.Sequential(new nn.MaxPool2d(2), new nn.AdaptiveAvgPool2d(2)),
    shape: [...image, 64],
    bytes: [u8([...small, 64]), f32(2, 2, 2, 64)],
  },
  {
    name: 'linear, ReLU and dropout: the results',
    module: () => new nn.Sequential(new nn.Linear(64, 128), new nn.ReLU(), new nn.Dropout()),
    shape: [32, 64],
    bytes: [f32(32, 128), f32(32, 128)],
  },
  {
    name: 'a block of ResNet-18: two results of each convolution and its norm, and where the last is positive',
    module: () => new BasicBlock(16, 16),
    shape: [...image, 16],
    bytes: Array.from({ length: 4 }, () => f32(...image, 16)).concat(norm, norm, mask(...image, 16)),
  },
  {
    name: 'a block of ResNet-50 that halves the image, but for the result of its shortcut',
    module: () => new Bottleneck(32, 16, 2),
    shape: [...image, 32],
    bytes: [
      ...[f32(...image, 16), f32(...image, 16), norm],
      ...[f32(...small, 16), f32(...small, 16), norm],
      ...[f32(...small, 64), f32(...small, 64), 768, mask(...small, 64)],
      ...[f32(...small, 64), 768],
    ],
  },
  {
    name: 'Inception: what its convolutions take and give, and the whole',
    module: () => new Inception(16, { one: 8, threeReduce: 16, three: 32, fiveReduce: 8, five: 8, pool: 16 }),
    shape: [...image, 16],
    bytes: [
      ...[f32(...image, 8), norm],
      ...[f32(...image, 16), f32(...image, 16), norm, f32(...image, 32), norm],
      ...[f32(...image, 8), f32(...image, 8), norm, f32(...image, 8), norm],
      ...[f32(...image, 16), u8([...image, 16]), f32(...image, 16), norm],
      f32(...image, 64),
    ],
  },
];

async function live(): Promise<number> {
  await synchronize();
  return native.memory().liveBytes;
}

test.each(cases)('a step keeps of $name', async ({ module: make, shape, bytes }) => {
  using module = make();
  using x = noisy(shape);
  x.requiresGrad = true;
  const before = await live();
  using y = module.forward(x);
  expect((await live()) - before).toBe(bytes.reduce((sum, n) => sum + n));
  using g = noisy(y.shape, 2);
  backward(y, g);
  module.zeroGrad();
  // y, g and the gradient of x.
  expect((await live()) - before).toBe(2 * f32(...y.shape) + f32(...shape));
});

test('gradients go as the tape is walked', async () => {
  const shape = [24, 64, 64, 32];
  const each = f32(...shape);
  const depth = 8;
  const layers = Array.from({ length: depth }, () => [
    new nn.Conv2d(32, 32, 1, { bias: false }),
    new nn.BatchNorm2d(32),
    new nn.ReLU(),
  ]);
  using module = new nn.Sequential(...layers.flat());
  using x = noisy(shape);
  const step = async () => {
    using y = module.forward(x);
    using g = noisy(y.shape, 2);
    const kept = await live();
    native.resetPeak();
    backward(y, g);
    await synchronize();
    module.zeroGrad();
    return native.memory().peakBytes - kept;
  };
  await step();
  // The gradient by a layer's result and that by its input, and what the kernels work in.
  expect(await step()).toBeLessThan(2.5 * each);
});

test('a network in use holds two layers at a time', async () => {
  const shape = [24, 64, 64, 32];
  const each = f32(...shape);
  using module: nn.Module = new nn.Sequential(
    new BasicBlock(32, 32),
    new BasicBlock(32, 32),
    new BasicBlock(32, 32),
  ).eval();
  module.freeze();
  using x = noisy(shape);
  const before = await live();
  native.resetPeak();
  const y: Tensor = module.forward(x);
  await synchronize();
  y.dispose();
  // And the input of a block, which waits for its end.
  expect(native.memory().peakBytes - before).toBeLessThan(3.5 * each);
});
