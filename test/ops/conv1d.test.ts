import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { Conv1d, ConvTranspose1d } from '../../lib/nn/conv1d.js';
import { conv1d, convTranspose1d } from '../../lib/ops/conv1d.js';
import { expectClose, expectGradients, expectSameBits, f32, noise, noisy, volume } from '../check.js';

interface Case {
  shape: [number, number, number];
  kernel: number;
  outputs: number;
  stride?: number;
  padding?: [number, number];
  dilation?: number;
  groups?: number;
}

const cases: Record<string, Case> = {
  plain: { shape: [2, 17, 5], kernel: 3, outputs: 7 },
  'a stem': { shape: [3, 50, 1], kernel: 11, outputs: 20, stride: 4, padding: [5, 5] },
  'dilated, padded before': { shape: [2, 23, 18], kernel: 4, outputs: 19, padding: [9, 0], dilation: 3 },
  grouped: { shape: [2, 19, 12], kernel: 5, outputs: 8, stride: 2, padding: [1, 3], groups: 4 },
  depthwise: { shape: [2, 37, 21], kernel: 7, outputs: 21, padding: [3, 3], groups: 21 },
};

function parts(c: Case) {
  const { stride = 1, padding = [0, 0], dilation = 1, groups = 1 } = c;
  return { stride, padding, dilation, groups };
}

/** y of a convolution of x, where `length` places are wanted; and of a transposed one, by the same pairs of places. */
function definition(c: Case, transposed: boolean, x: Float32Array, w: Float32Array, length: number) {
  const { stride, padding, dilation, groups } = parts(c);
  const [images, from, channels] = c.shape;
  const [inGroup, outGroup] = [channels / groups, c.outputs / groups];
  const y = new Float64Array(images * length * c.outputs);
  for (let n = 0; n < images; n++)
    for (let i = 0; i < length; i++)
      for (let k = 0; k < c.outputs; k++)
        for (let j = 0; j < from; j++)
          for (let u = 0; u < c.kernel; u++) {
            const [coarse, fine] = transposed ? [j, i] : [i, j];
            if (coarse * stride + u * dilation - padding[0] !== fine) continue;
            for (let ch = 0; ch < inGroup; ch++) {
              const channel = Math.floor(k / outGroup) * inGroup + ch;
              const at = transposed
                ? (u * outGroup + (k % outGroup)) * channels + channel
                : (u * inGroup + ch) * c.outputs + k;
              y[(n * length + i) * c.outputs + k]! += x[(n * from + j) * channels + channel]! * w[at]!;
            }
          }
  return y;
}

describe.each(Object.entries(cases))('%s', (_, c) => {
  const { stride, padding, dilation, groups } = parts(c);
  const reach = dilation * (c.kernel - 1) + 1;
  const [images, from, channels] = c.shape;
  const kinds = [
    {
      name: 'conv1d',
      transposed: false,
      weightShape: [c.kernel, channels / groups, c.outputs],
      length: Math.floor((from + padding[0] + padding[1] - reach) / stride) + 1,
      run: conv1d,
    },
    {
      name: 'convTranspose1d',
      transposed: true,
      weightShape: [c.kernel, c.outputs / groups, channels],
      length: (from - 1) * stride - padding[0] - padding[1] + reach,
      run: convTranspose1d,
    },
  ];
  describe.each(kinds)('$name', ({ transposed, weightShape, length, run }) => {
    test('agrees with the definition', async () => {
      const [x, w] = [noise(volume(c.shape), 1), noise(volume(weightShape), 2)];
      const y = run(f32(x, c.shape), f32(w, weightShape), null, parts(c));
      expect(y.shape).toEqual([images, length, c.outputs]);
      const expected = definition(c, transposed, x, w, length);
      await expectClose(y, expected, 2e-6);
      const bias = noise(c.outputs, 3);
      await expectClose(
        run(f32(x, c.shape), f32(w, weightShape), f32(bias, [c.outputs]), { ...parts(c), relu: true }),
        expected.map((v, i) => Math.max(0, v + bias[i % c.outputs]!)),
        2e-6,
      );
    });

    test('the derivative agrees with a numeric one', async () => {
      const inputs = [noisy(c.shape, 1), noisy(weightShape, 2), noisy([c.outputs], 3)];
      await expectGradients((x, w, b) => run(x, w, b, parts(c)), inputs);
    });

    test('gives the same bits for 1 and 2 threads', async () => {
      await expectSameBits(() => {
        const [x, w] = [noisy(c.shape, 1), noisy(weightShape, 2)];
        x.requiresGrad = w.requiresGrad = true;
        const y = run(x, w, null, parts(c));
        return [y, ...grad(y, [x, w], noisy(y.shape, 4))];
      });
    });
  });
});

test("padding 'same' keeps the length, and outputPadding adds to it", async () => {
  const [x, w] = [noisy([1, 9, 2]), noisy([4, 2, 3], 2)];
  const y = conv1d(x, w, null, { padding: 'same' });
  expect(y.shape).toEqual([1, 9, 3]);
  await expectClose(y, await conv1d(x, w, null, { padding: [1, 2] }).data(), 0);
  const back = convTranspose1d(x, noisy([3, 5, 2], 3), null, { stride: 2, padding: 1, outputPadding: 1 });
  expect(back.shape).toEqual([1, 18, 5]);
});

test('layers have PyTorch’s parameters, and ReLU in the same pass', async () => {
  const layers = [new Conv1d(6, 4, 3, { groups: 2 }), new ConvTranspose1d(6, 4, 3, { groups: 2, stride: 2 })];
  expect(layers.map((layer) => layer.weight.shape)).toEqual([
    [3, 3, 4],
    [3, 2, 6],
  ]);
  const x = noisy([2, 9, 6]);
  for (const layer of layers) {
    expect(layer.bias!.shape).toEqual([4]);
    const plain = await layer.forward(x).data();
    await expectClose(
      layer.forwardRelu(x),
      plain.map((v) => Math.max(0, v)),
    );
  }
});

describe('1-D convolutions refuse', () => {
  const x = noisy([1, 5, 3]);
  const w = noisy([3, 3, 4], 2);
  const wrong: [string, () => unknown, RegExp][] = [
    [
      'an image',
      () => conv1d(noisy([1, 5, 5, 3]), w),
      /conv1d: input \[1, 5, 5, 3\] wants 3 axes, \[N, L, C\]/,
    ],
    [
      'kernels of four axes',
      () => conv1d(x, noisy([1, 3, 3, 4])),
      /conv1d: weight .* wants 3 axes, \[KL, C\/gr/,
    ],
    [
      'two strides',
      () => conv1d(x, w, null, { stride: [1, 1] as never }),
      /conv1d: stride is \[1, 1\], wants a n/,
    ],
    ['padding of four', () => conv1d(x, w, null, { padding: [1, 1, 1, 1] as never }), /\[before, after\]/],
    ['what is no tensor', () => conv1d(null as never, w), /conv1d: input is null, wants a tensor/],
    [
      'another operation’s weight',
      () => convTranspose1d(x, noisy([3, 3])),
      /convTranspose1d: weight \[3, 3\] wants 3 axes, \[KL, K\/groups, C\]/,
    ],
  ];
  test.each(wrong)('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
