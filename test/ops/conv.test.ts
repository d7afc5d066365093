import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { conv2d } from '../../lib/ops/conv.js';
import { add, relu } from '../../lib/ops/elementwise.js';
import { Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, noisy } from '../check.js';
import { expectDefinition, type Case } from './convDefinition.js';

const cases: Record<string, Case> = {
  'one pixel': { images: 1, side: [1, 1], channels: 1, outputs: 1, kernel: [1, 1] },
  'lenet, first layer': {
    images: 3,
    side: [28, 28],
    channels: 1,
    outputs: 6,
    kernel: [5, 5],
    padding: [2, 2, 2, 2],
  },
  'lenet, second layer': { images: 3, side: [14, 14], channels: 6, outputs: 16, kernel: [5, 5], bias: true },
  'few outputs, whose neighbours share a vector': {
    images: 2,
    side: [9, 17],
    channels: 3,
    outputs: 3,
    kernel: [3, 4],
    stride: [1, 2],
    padding: [1, 0, 2, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  'few outputs, more kernel rows than are summed up at once': {
    images: 3,
    side: [19, 23],
    channels: 3,
    outputs: 10,
    kernel: [7, 6],
    padding: [3, 2, 1, 4],
    bias: true,
    relu: true,
  },
  'few outputs of tall images': {
    images: 2,
    side: [90, 9],
    channels: 1,
    outputs: 3,
    kernel: [3, 3],
    padding: [0, 1, 1, 1],
    bias: true,
  },
  'few outputs, and rows of the kernel that fill vectors': {
    images: 3,
    side: [13, 19],
    channels: 5,
    outputs: 7,
    kernel: [3, 6],
    stride: [2, 3],
    padding: [1, 2, 3, 0],
    dilation: [2, 1],
  },
  'one output, and rows of the kernel that fill vectors': {
    images: 35,
    side: [6, 9],
    channels: 4,
    outputs: 1,
    kernel: [2, 4],
    padding: [1, 0, 0, 1],
  },
  'few channels, of which rows are reached by some rows of the kernel each': {
    images: 13,
    side: [17, 11],
    channels: 3,
    outputs: 5,
    kernel: [5, 3],
    stride: [3, 2],
    padding: [4, 1, 0, 2],
    dilation: [2, 1],
  },
  'one output': {
    images: 2,
    side: [7, 35],
    channels: 2,
    outputs: 1,
    kernel: [2, 5],
    padding: [0, 1, 1, 2],
    bias: true,
  },
  '1×1': {
    images: 2,
    side: [7, 5],
    channels: 19,
    outputs: 35,
    kernel: [1, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  '1×1, pixels a page of memory apart': {
    images: 2,
    side: [11, 9],
    channels: 1024,
    outputs: 13,
    kernel: [1, 1],
  },
  '1×1, every other pixel a page of memory apart': {
    images: 2,
    side: [23, 13],
    channels: 512,
    outputs: 35,
    kernel: [1, 1],
    stride: [3, 2],
  },
  '1×1, more panels than the cache holds, with a residual': {
    images: 1,
    side: [3, 23],
    channels: 262,
    outputs: 1030,
    kernel: [1, 1],
    residual: true,
    relu: true,
  },
  '3×3, wide': { images: 2, side: [9, 11], channels: 33, outputs: 71, kernel: [3, 3], padding: [1, 1, 1, 1] },
  '3×3, wider than a panel': {
    images: 1,
    side: [6, 5],
    channels: 17,
    outputs: 131,
    kernel: [3, 3],
    relu: true,
  },
  'stride 2': {
    images: 2,
    side: [13, 10],
    channels: 5,
    outputs: 7,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
  },
  'stride beyond the kernel': {
    images: 2,
    side: [11, 13],
    channels: 3,
    outputs: 4,
    kernel: [2, 1],
    stride: [3, 4],
  },
  'stem 7×7 stride 2': {
    images: 1,
    side: [23, 19],
    channels: 3,
    outputs: 20,
    kernel: [7, 7],
    stride: [2, 2],
    padding: [3, 3, 3, 3],
  },
  'unequal sides of everything': {
    images: 2,
    side: [12, 9],
    channels: 4,
    outputs: 9,
    kernel: [4, 2],
    stride: [3, 2],
    padding: [0, 3, 2, 1],
    dilation: [2, 3],
    bias: true,
  },
  'dilation 2': {
    images: 1,
    side: [10, 10],
    channels: 6,
    outputs: 5,
    kernel: [3, 3],
    dilation: [2, 2],
    padding: [2, 2, 2, 2],
  },
  'dilation 2, phases of different sizes': {
    images: 2,
    side: [13, 18],
    channels: 67,
    outputs: 70,
    kernel: [3, 3],
    dilation: [2, 2],
    padding: [2, 1, 0, 3],
    bias: true,
    relu: true,
  },
  'dilation 3, 5×5': {
    images: 3,
    side: [17, 12],
    channels: 5,
    outputs: 18,
    kernel: [5, 5],
    dilation: [3, 3],
    padding: [7, 6, 2, 8],
    bias: true,
  },
  'dilation as large as the image': {
    images: 2,
    side: [5, 7],
    channels: 3,
    outputs: 9,
    kernel: [3, 3],
    dilation: [5, 5],
    padding: [5, 5, 5, 5],
  },
  'dilation 3, stride 2': {
    images: 1,
    side: [15, 14],
    channels: 3,
    outputs: 5,
    kernel: [3, 3],
    dilation: [3, 3],
    stride: [2, 2],
    padding: [3, 3, 3, 3],
  },
  groups: {
    images: 2,
    side: [8, 7],
    channels: 12,
    outputs: 18,
    kernel: [3, 3],
    groups: 3,
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  depthwise: {
    images: 2,
    side: [8, 9],
    channels: 21,
    outputs: 21,
    kernel: [3, 3],
    groups: 21,
    padding: [1, 1, 1, 1],
    residual: true,
  },
  'depthwise with a multiplier, stride 2': {
    images: 1,
    side: [9, 8],
    channels: 5,
    outputs: 10,
    kernel: [3, 3],
    groups: 5,
    stride: [2, 2],
  },
  'padding beyond the image': {
    images: 1,
    side: [2, 3],
    channels: 2,
    outputs: 3,
    kernel: [3, 3],
    padding: [4, 5, 6, 4],
    residual: true,
  },
  'more channels than transformed weights are kept for': {
    images: 2,
    side: [5, 6],
    channels: 293,
    outputs: 301,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  'tiles of many images, cut off at the edge': {
    images: 37,
    side: [7, 7],
    channels: 19,
    outputs: 22,
    kernel: [3, 3],
    padding: [0, 2, 1, 1],
    bias: true,
    residual: true,
  },
  'tiles of several chunks, with many channels': {
    images: 15,
    side: [17, 13],
    channels: 66,
    outputs: 67,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
  },
  'tiles of two ranges, of different length, each with sums of its own': {
    images: 479,
    side: [4, 3],
    channels: 57,
    outputs: 65,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
  },
  'points of several images at once, in several blocks; more outputs than channels': {
    images: 4,
    side: [13, 11],
    channels: 21,
    outputs: 50,
    kernel: [1, 1],
  },
  'the same, and points lie apart': {
    images: 3,
    side: [25, 28],
    channels: 17,
    outputs: 37,
    kernel: [1, 1],
    stride: [2, 2],
  },
  'a kernel of one place that leaves the image': {
    images: 2,
    side: [9, 8],
    channels: 18,
    outputs: 40,
    kernel: [1, 1],
    stride: [2, 1],
    padding: [1, 2, 3, 0],
  },
  'weights cut into pieces, across taps and across outputs': {
    images: 2,
    side: [19, 15],
    channels: 39,
    outputs: 290,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 0, 2, 1],
  },
  'tiles with half of their outputs at the edges': {
    images: 5,
    side: [6, 10],
    channels: 66,
    outputs: 35,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  'the same with more channels than transformed weights are kept for': {
    images: 1,
    side: [6, 6],
    channels: 293,
    outputs: 301,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
  },
  'weights and pixels larger than are gone through at once': {
    images: 3,
    side: [13, 11],
    channels: 130,
    outputs: 250,
    kernel: [3, 3],
    dilation: [2, 1],
    padding: [2, 2, 1, 1],
    bias: true,
    relu: true,
  },
  'many pixels of many channels, stride 2': {
    images: 3,
    side: [31, 29],
    channels: 35,
    outputs: 40,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    bias: true,
  },
  'stride 2, tiles of several chunks with edges of two outputs': {
    images: 18,
    side: [27, 19],
    channels: 67,
    outputs: 35,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  'stride 2, images that begin at the other phase along one side, edges of three': {
    images: 9,
    side: [14, 13],
    channels: 18,
    outputs: 130,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [0, 2, 1, 1],
    bias: true,
  },
  'stride 2, images that begin at the other phase, edges of one': {
    images: 7,
    side: [9, 19],
    channels: 35,
    outputs: 17,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [2, 0, 2, 0],
    residual: true,
  },
  'stride 2, more padding than the kernel': {
    images: 2,
    side: [5, 7],
    channels: 5,
    outputs: 19,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [3, 5, 4, 3],
    relu: true,
  },
  'stride 2 with more channels than transformed weights are kept for': {
    images: 3,
    side: [13, 14],
    channels: 195,
    outputs: 301,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    bias: true,
    residual: true,
    relu: true,
  },
  'stride 4, more images than are laid side by side at a time': {
    images: 11,
    side: [200, 190],
    channels: 3,
    outputs: 2,
    kernel: [9, 9],
    stride: [4, 4],
    padding: [3, 5, 4, 0],
    bias: true,
    residual: true,
    relu: true,
  },
  'one place, many pixels and channels': {
    images: 3,
    side: [10, 11],
    channels: 515,
    outputs: 520,
    kernel: [1, 1],
  },
  'deep rows': { images: 1, side: [3, 3], channels: 300, outputs: 10, kernel: [3, 3], padding: [1, 1, 1, 1] },
};

describe.each(Object.entries(cases))('conv2d: %s', (_, c) => {
  test('agrees with the definition, forward and backward, and gives the same bits for 1 and 2 threads', async () => {
    await expectDefinition(c);
  });
});

test('the derivative agrees with a numeric one, by image, weight and bias', async () => {
  const f = (x: ReturnType<typeof f32>, w: ReturnType<typeof f32>, b: ReturnType<typeof f32>) =>
    conv2d(x, w, b, { stride: 2, padding: 1 });
  await expectGradients(f, [noisy([2, 5, 6, 3], 1), noisy([3, 3, 3, 4], 2), noisy([4], 3)]);
});

test('the derivative agrees with a numeric one, by residual too, with and without bias', async () => {
  const f = (x: Tensor, w: Tensor, b: Tensor, residual: Tensor) => conv2d(x, w, b, { padding: 1, residual });
  const inputs = [noisy([2, 3, 4, 3], 1), noisy([3, 3, 3, 4], 2), noisy([2, 3, 4, 4], 4)] as const;
  await expectGradients(f, [inputs[0], inputs[1], noisy([4], 3), inputs[2]]);
  await expectGradients(
    (x: Tensor, w: Tensor, residual: Tensor) => conv2d(x, w, null, { padding: 1, residual }),
    [...inputs],
  );
});

test('what ReLU holds back reaches neither image nor residual', async () => {
  const tensors = () => [noisy([2, 3, 4, 3], 1), noisy([3, 3, 3, 4], 2), noisy([2, 3, 4, 4], 4)] as const;
  const gradients = (f: (...t: ReturnType<typeof tensors>) => Tensor) => {
    const inputs = tensors();
    for (const input of inputs) input.requiresGrad = true;
    const y = f(...inputs);
    return grad(y, [...inputs], noisy(y.shape, 5));
  };
  const fused = gradients((x, w, residual) => conv2d(x, w, null, { padding: 1, residual, relu: true }));
  const apart = gradients((x, w, residual) => relu(add(conv2d(x, w, null, { padding: 1 }), residual)));
  for (const [i, gradient] of fused.entries()) await expectClose(gradient, await apart[i]!.data(), 1e-6);
});

test.each([
  { algorithm: 'winograd4', side: [16, 15], stride: 1 },
  { algorithm: 'polyphase', side: [32, 30], stride: 2 },
])('by weights, ranges of tiles give the same bits, however threads share them: %o', async (c) => {
  const [x, g] = [noisy([24, ...c.side, 57]), noisy([24, 16, 15, 65], 2)];
  const moves = [[c.stride, c.stride], [1, 1, 1, 1], [1, 1], 1] as const;
  const byWeight = () => native.conv2dByWeight(g.handle, x.handle, [3, 3, 57, 65], ...moves, c.algorithm);
  await expectSameBits(() => [new Tensor(byWeight(), 'f32')], [2, 3]);
});

test("padding 'same' keeps the size, and pads right and bottom more", async () => {
  const x = noisy([1, 6, 7, 2]);
  const w = noisy([4, 2, 2, 3], 2);
  const y = conv2d(x, w, null, { padding: 'same' });
  expect(y.shape).toEqual([1, 6, 7, 3]);
  await expectClose(y, await conv2d(x, w, null, { padding: [1, 2, 0, 1] }).data(), 0);
  expect(() => conv2d(x, w, null, { padding: 'same', stride: 2 })).toThrow(
    /conv2d: padding 'same' wants stride 1/,
  );
});

test.each([{}, { residual: true }])('no channels give sums of nothing: %o', async (more) => {
  const c: Case = { images: 2, side: [4, 5], channels: 0, outputs: 3, kernel: [3, 2], bias: true, ...more };
  await expectDefinition(c);
  await expectDefinition({ ...c, kernel: [1, 1], stride: [2, 2], relu: true });
  await expectDefinition({ ...c, kernel: [3, 3] });
  await expectDefinition({ ...c, side: [7, 8], kernel: [5, 5], stride: [2, 2] });
});

test.each([
  { kernel: 3, stride: 1, side: 3 },
  { kernel: 5, stride: 2, side: 2 },
])('no images give no results, and a gradient of zeros: %o', async ({ kernel, stride, side }) => {
  const x = f32([], [0, kernel + 2, kernel + 2, 2]);
  const w = noisy([kernel, kernel, 2, 4]);
  w.requiresGrad = true;
  const y = conv2d(x, w, null, { stride });
  expect(y.shape).toEqual([0, side, side, 4]);
  const [byW] = grad(y, [w], f32([], y.shape));
  expect([...(await byW!.data())]).toEqual(Array(w.size).fill(0));
});

describe('conv2d refuses', () => {
  const x = noisy([1, 5, 5, 3]);
  const w = noisy([3, 3, 3, 4], 2);
  const wrong: [string, () => unknown, RegExp][] = [
    [
      'channels that differ',
      () => conv2d(x, noisy([3, 3, 1, 64])),
      /conv2d: input has 3 channels, weight \[3, 3, 1, 64\] wants 1/,
    ],
    ['an image of three axes', () => conv2d(noisy([5, 5, 3]), w), /input \[5, 5, 3\] wants 4 axes/],
    [
      'a kernel larger than the image',
      () => conv2d(x, noisy([6, 3, 3, 4])),
      /kernel reaches over 6 of the input's padded height of 5/,
    ],
    ['stride 0', () => conv2d(x, w, null, { stride: 0 }), /stride is 0/],
    ['a fractional stride', () => conv2d(x, w, null, { stride: 1.5 }), /stride\[0\] is 1.5/],
    ['negative padding', () => conv2d(x, w, null, { padding: -1 }), /padding is -1/],
    ['groups that do not divide', () => conv2d(x, w, null, { groups: 2 }), /groups is 2, wants a divisor/],
    [
      'a residual of another shape',
      () => conv2d(x, w, null, { residual: x }),
      /residual has shape \[1, 5, 5, 3\], wants \[1, 3, 3, 4\]/,
    ],
    ['a bias of another size', () => conv2d(x, w, noisy([5])), /bias has shape \[5\], wants \[4\]/],
    [
      'an algorithm that cannot compute it',
      () => conv2d(x, w, null, { stride: 2, algorithm: 'winograd4' }),
      /conv2d: algorithm is 'winograd4', wants one of 'auto', 'direct', 'polyphase' for this shape/,
    ],
    ['NaN', () => conv2d(x, w, null, { dilation: NaN }), /dilation\[0\] is NaN/],
    ['what is no tensor', () => conv2d('x' as never, w), /conv2d: input is a string, wants a tensor/],
  ];
  test.each(wrong)('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
