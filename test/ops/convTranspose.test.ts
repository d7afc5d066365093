import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { ConvTranspose2d } from '../../lib/nn/convTranspose.js';
import { convTranspose2d, type ConvTranspose2dOptions } from '../../lib/ops/convTranspose.js';
import {
  expectClose,
  expectGradients,
  expectSameBits,
  expectWithin,
  f32,
  noise,
  noisy,
  volume,
} from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

type Two = [number, number];

interface Vector {
  shape: [number, number, number, number];
  kernel: Two;
  outputs: number;
  stride?: Two;
  padding?: Two;
  outputPadding?: Two;
  dilation?: Two;
  groups?: number;
  bias?: boolean;
  relu?: boolean;
  outputShape: number[];
  y: number[];
  dx: number[];
  dw: number[];
  db?: number[];
}

function optionsOf(c: Omit<Vector, 'outputShape' | 'y' | 'dx' | 'dw' | 'db'>): ConvTranspose2dOptions {
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1, relu = false } = c;
  return { stride, padding, outputPadding, dilation, groups, relu };
}

describe.each(vectors<Vector>('convTranspose'))('PyTorch, $shape by $kernel to $outputs', (c) => {
  test('y and all gradients', async () => {
    const x = f32(pattern(c.shape, 1), c.shape);
    const weightShape = [...c.kernel, c.outputs / (c.groups ?? 1), c.shape[3]];
    const weight = f32(pattern(weightShape, 2), weightShape);
    const bias = c.bias ? f32(pattern([c.outputs], 3), [c.outputs]) : null;
    const inputs = bias ? [x, weight, bias] : [x, weight];
    for (const input of inputs) input.requiresGrad = true;
    const y = convTranspose2d(x, weight, bias, optionsOf(c));
    expect(y.shape).toEqual(c.outputShape);
    await expectClose(y, c.y);
    const gradients = grad(y, inputs, f32(pattern(y.shape, 4), y.shape));
    const expected = [c.dx, c.dw, c.db];
    for (const [i, gradient] of gradients.entries()) await expectClose(gradient, expected[i]!, 2e-6);
  });
});

interface Case extends Omit<Vector, 'padding' | 'outputShape' | 'y' | 'dx' | 'dw' | 'db'> {
  padding?: [number, number, number, number];
}

/** Each pixel lays its kernels on an output without edges, of which padding is then cut off. */
function definition(c: Case, x: Float32Array, weight: Float32Array, bias: Float32Array | null) {
  const [images, height, width, channels] = c.shape;
  const [kh, kw] = c.kernel;
  const [sh, sw] = c.stride ?? [1, 1];
  const [dh, dw] = c.dilation ?? [1, 1];
  const [mh, mw] = c.outputPadding ?? [0, 0];
  const [top, bottom, left, right] = c.padding ?? [0, 0, 0, 0];
  const groups = c.groups ?? 1;
  const oh = (height - 1) * sh - top - bottom + dh * (kh - 1) + mh + 1;
  const ow = (width - 1) * sw - left - right + dw * (kw - 1) + mw + 1;
  const [inGroup, outGroup] = [channels / groups, c.outputs / groups];
  const y = new Float64Array(images * oh * ow * c.outputs);
  if (bias) y.forEach((_, i) => (y[i] = bias[i % c.outputs]!));
  for (let n = 0; n < images; n++)
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++)
        for (let u = 0; u < kh; u++)
          for (let v = 0; v < kw; v++) {
            const row = i * sh + u * dh - top;
            const column = j * sw + v * dw - left;
            if (row < 0 || row >= oh || column < 0 || column >= ow) continue;
            for (let ch = 0; ch < channels; ch++)
              for (let k = 0; k < outGroup; k++) {
                const output = Math.floor(ch / inGroup) * outGroup + k;
                y[((n * oh + row) * ow + column) * c.outputs + output]! +=
                  x[((n * height + i) * width + j) * channels + ch]! *
                  weight[((u * kw + v) * outGroup + k) * channels + ch]!;
              }
          }
  return { shape: [images, oh, ow, c.outputs], y: c.relu ? y.map((value) => Math.max(0, value)) : y };
}

const cases: Record<string, Case> = {
  'a decoder’s step': {
    shape: [2, 7, 5, 19],
    kernel: [4, 4],
    outputs: 21,
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    bias: true,
    relu: true,
  },
  'unequal sides of everything': {
    shape: [2, 5, 6, 6],
    kernel: [3, 5],
    outputs: 4,
    stride: [3, 2],
    padding: [2, 0, 1, 3],
    outputPadding: [2, 1],
    dilation: [2, 1],
    groups: 2,
    bias: true,
  },
  'wide groups': {
    shape: [2, 4, 5, 50],
    kernel: [3, 3],
    outputs: 38,
    stride: [2, 1],
    padding: [1, 1, 0, 1],
    groups: 2,
    bias: true,
    relu: true,
  },
  'depthwise, with places that no tap reaches': {
    shape: [2, 5, 4, 23],
    kernel: [2, 2],
    outputs: 23,
    stride: [4, 3],
    outputPadding: [3, 2],
    groups: 23,
    bias: true,
    relu: true,
  },
  'no channels, and so sums of nothing': {
    shape: [2, 3, 4, 0],
    kernel: [3, 3],
    outputs: 5,
    bias: true,
    relu: true,
  },
  'places that no tap reaches': {
    shape: [1, 3, 4, 3],
    kernel: [1, 2],
    outputs: 5,
    stride: [3, 4],
    outputPadding: [1, 3],
    bias: true,
  },
};

describe.each(Object.entries(cases))('convTranspose2d: %s', (_, c) => {
  const weightShape = [...c.kernel, c.outputs / (c.groups ?? 1), c.shape[3]];
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1, relu = false } = c;
  const options = { stride, padding, outputPadding, dilation, groups, relu };
  const bias = () => (c.bias ? noisy([c.outputs], 3) : null);

  test('agrees with the definition', async () => {
    const [x, weight] = [noise(volume(c.shape), 1), noise(volume(weightShape), 2)];
    const y = convTranspose2d(f32(x, c.shape), f32(weight, weightShape), bias(), options);
    const expected = definition(c, x, weight, c.bias ? noise(c.outputs, 3) : null);
    expect(y.shape).toEqual(expected.shape);
    await expectClose(y, expected.y, 2e-6);
  });

  test('the derivative agrees with a numeric one', async () => {
    const linear = { ...options, relu: false };
    const inputs = [noisy(c.shape, 1), noisy(weightShape, 2), noisy([c.outputs], 3)];
    await expectGradients((x, w, b) => convTranspose2d(x, w, b, linear), inputs);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const [x, weight] = [noisy(c.shape, 1), noisy(weightShape, 2)];
      x.requiresGrad = weight.requiresGrad = true;
      const y = convTranspose2d(x, weight, bias(), options);
      return [y, ...grad(y, [x, weight], noisy(y.shape, 4))];
    });
  });
});

test('outputs past the caches, of which no tap reaches three quarters', async () => {
  const c: Case = {
    shape: [1, 91, 91, 4],
    kernel: [1, 1],
    outputs: 64,
    stride: [2, 2],
    outputPadding: [1, 1],
    bias: true,
  };
  const [x, weight, bias] = [noise(volume(c.shape), 1), noise(64 * 4, 2), noise(64, 3)];
  bias[7] = NaN;
  const expected = definition(c, x, weight, bias);
  for (const relu of [false, true]) {
    const [actual] = await expectSameBits(() => [
      convTranspose2d(f32(x, c.shape), f32(weight, [1, 1, 64, 4]), f32(bias, [64]), {
        stride: 2,
        outputPadding: 1,
        relu,
      }),
    ]);
    const finite = (values: ArrayLike<number>) => Array.from(values, (v, i) => (i % 64 === 7 ? 0 : v));
    const wanted = relu ? expected.y.map((v) => Math.max(0, v)) : expected.y;
    expectWithin(finite(actual!), finite(wanted), 2e-6);
    expect(actual!.every((v, i) => Number.isNaN(v) === (i % 64 === 7))).toBe(true);
  }
});

test('a layer has PyTorch’s parameters, and ReLU in the same pass', async () => {
  const layer = new ConvTranspose2d(6, 4, [3, 2], { stride: 2, groups: 2 });
  expect(layer.weight.shape).toEqual([3, 2, 2, 6]);
  expect(layer.bias!.shape).toEqual([4]);
  const bound = 1 / Math.sqrt(3 * 2 * 2);
  expect(Math.max(...(await layer.weight.data()).map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(new ConvTranspose2d(6, 4, 3, { bias: false }).bias).toBeNull();
  const x = noisy([2, 3, 3, 6]);
  const plain = await layer.forward(x).data();
  await expectClose(
    layer.forwardRelu(x),
    plain.map((v) => Math.max(0, v)),
  );
});

describe('convTranspose2d refuses', () => {
  const x = noisy([1, 4, 4, 3]);
  const w = noisy([3, 3, 2, 3], 2);
  const wrong: [string, () => unknown, RegExp][] = [
    [
      'channels that differ',
      () => convTranspose2d(x, noisy([3, 3, 2, 5])),
      /convTranspose2d: input has 3 channels, weight \[3, 3, 2, 5\] wants 5/,
    ],
    ['an image of three axes', () => convTranspose2d(noisy([4, 4, 3]), w), /input \[4, 4, 3\] wants 4 axes/],
    ['a weight of three axes', () => convTranspose2d(x, noisy([3, 2, 3])), /weight \[3, 2, 3\] wants 4 axes/],
    [
      'an output padding of the stride',
      () => convTranspose2d(x, w, null, { stride: 2, outputPadding: 2 }),
      /outputPadding is 2 along the height, wants less than the stride of 2/,
    ],
    [
      'padding that leaves nothing',
      () => convTranspose2d(x, w, null, { padding: 3 }),
      /the height of the output would be 0, wants at least 1/,
    ],
    ['groups that do not divide', () => convTranspose2d(x, w, null, { groups: 2 }), /groups is 2, wants/],
    ['a bias of another size', () => convTranspose2d(x, w, noisy([3])), /bias has shape \[3\], wants \[2\]/],
    ['what is no tensor', () => convTranspose2d('x' as never, w), /input is a string, wants a tensor/],
  ];
  test.each(wrong)('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
