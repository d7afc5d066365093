import { describe, expect, test } from 'vitest';
import { cpuInfo, nn, noGrad, ops, scope, type Tensor } from '../../lib/index.js';
import { conv2d, type ConvAlgorithm } from '../../lib/ops/conv.js';
import { batchNorm } from '../../lib/ops/norm.js';
import { expectSameBits, expectWithin, f32, noise, noisy } from '../check.js';

interface Case {
  shape: [number, number, number, number];
  kernel: number;
  outputs: number;
  stride?: number;
  padding?: number;
  dilation?: number;
  groups?: number;
  algorithm?: ConvAlgorithm;
  /** Whether batchNorm finds sums beside the result. Default: true. */
  gathers?: boolean;
}

const cases: Record<string, Case> = {
  '1×1': { shape: [3, 15, 13, 70], kernel: 1, outputs: 147 },
  '1×1 past the caches': { shape: [1, 363, 363, 5], kernel: 1, outputs: 64 },
  'direct 3×3 with a stride': { shape: [2, 19, 21, 20], kernel: 3, outputs: 37, stride: 2, padding: 1, algorithm: 'direct' },
  'direct 3×3, many small images': { shape: [150, 3, 3, 33], kernel: 3, outputs: 17, padding: 1, algorithm: 'direct' },
  'tiles of 4, a block at a time': { shape: [5, 27, 29, 64], kernel: 3, outputs: 70, padding: 1, algorithm: 'winograd4' },
  'tiles of 4, with many channels': { shape: [5, 31, 30, 300], kernel: 3, outputs: 301, padding: 1, algorithm: 'winograd4' },
  'tiles of 4, products in place': { shape: [3, 27, 29, 40], kernel: 3, outputs: 33, padding: 1, algorithm: 'winograd4' },
  'tiles of 2': { shape: [3, 14, 13, 21], kernel: 3, outputs: 30, padding: 1, algorithm: 'winograd2' },
  '5×5 in tiles of 2': { shape: [3, 14, 13, 21], kernel: 5, outputs: 30, padding: 2, algorithm: 'winograd2' },
  'polyphase, a block at a time': { shape: [5, 29, 31, 40], kernel: 3, outputs: 65, stride: 2, padding: 1, algorithm: 'polyphase' },
  'polyphase, with many channels': { shape: [3, 23, 25, 320], kernel: 3, outputs: 600, stride: 2, padding: 1, algorithm: 'polyphase' },
  '7×7 with a stride, in groups of images': { shape: [16, 65, 63, 24], kernel: 7, outputs: 64, stride: 2, padding: 3 },
  'with a dilation': { shape: [2, 13, 15, 20], kernel: 3, outputs: 30, padding: 2, dilation: 2, algorithm: 'winograd4', gathers: false },
  'in groups': { shape: [2, 9, 9, 40], kernel: 3, outputs: 60, padding: 1, groups: 2, gathers: false },
  'few outputs, points side by side': { shape: [2, 24, 24, 8], kernel: 5, outputs: 2, algorithm: 'direct', gathers: cpuInfo().isa === 'scalar' },
}; // prettier-ignore

/** Mean and unbiased variance of each channel, in double precision and two passes. */
function statistics(y: ArrayLike<number>, channels: number): [mean: Float64Array, variance: Float64Array] {
  const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)];
  const rows = y.length / channels;
  for (let i = 0; i < y.length; i++) mean[i % channels]! += y[i]! / rows;
  for (let i = 0; i < y.length; i++)
    variance[i % channels]! += (y[i]! - mean[i % channels]!) ** 2 / (rows - 1);
  return [mean, variance];
}

/** What batchNorm makes of y: the result, and the statistics by way of the running ones. */
function normalized(y: Tensor): [z: Tensor, mean: Tensor, variance: Tensor] {
  const channels = y.shape.at(-1)!;
  const running = [f32(new Float32Array(channels), [channels]), f32(new Float32Array(channels), [channels])] as const;
  const z = batchNorm(y, { training: true, momentum: 1, runningMean: running[0], runningVar: running[1] });
  return [z, ...running];
} // prettier-ignore

/** Expects y's statistics, the mean to within rounding beside the values. */
function expectStatistics(
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  [wantedMean, wantedVariance]: readonly [Float64Array, Float64Array],
): void {
  const values = wantedMean.map((m, k) => Math.hypot(m, Math.sqrt(wantedVariance[k]!)));
  const within = values.map((value, k) => value + (mean[k]! - wantedMean[k]!));
  expectWithin(within, values, 2e-7);
  expectWithin(variance, wantedVariance, 1e-6);
}

describe.each(Object.entries(cases))('moments gathered by a convolution: %s', (_, c) => {
  const { stride = 1, padding = 0, dilation = 1, groups = 1, algorithm = 'auto', gathers = true } = c;
  const weightShape = [c.kernel, c.kernel, c.shape[3] / groups, c.outputs];
  const bias = noise(c.outputs, 3).map((v) => 3 * v);
  const convolved = (moments: boolean): Tensor =>
    conv2d(noisy(c.shape, 1), noisy(weightShape, 2), f32(bias, [c.outputs]), {
      stride,
      padding,
      dilation,
      groups,
      algorithm,
      moments,
    });

  test('give the statistics of its result, in the same bits for 1 and 2 threads', async () => {
    const [y, z, mean, variance] = await expectSameBits(() => {
      const result = convolved(true);
      return [result, ...normalized(result)];
    });
    const [wantedMean, wantedVariance] = statistics(y!, c.outputs);
    expectStatistics(mean!, variance!, [wantedMean, wantedVariance]);
    const rows = y!.length / c.outputs;
    const wanted = Float64Array.from(y!, (v, i) => {
      const biased = (wantedVariance[i % c.outputs]! * (rows - 1)) / rows;
      return (v - wantedMean[i % c.outputs]!) / Math.sqrt(biased + 1e-5);
    });
    expectWithin(z!, wanted, 1e-6);
  });

  test(`are ${gathers ? '' : 'not '}there`, async () => {
    const [, , gathered] = normalized(convolved(true));
    const [, , gone] = normalized(convolved(false));
    // Sums about another value, in other pieces: other bits.
    expect(Buffer.from((await gathered.data()).buffer).equals(Buffer.from((await gone.data()).buffer))).toBe(
      !gathers,
    );
  });
});

describe('moments', () => {
  const conv = (bias = 0): Tensor =>
    conv2d(noisy([4, 9, 9, 24], 1), noisy([1, 1, 24, 32], 2), f32(new Float32Array(32).fill(bias), [32]), {
      moments: true,
    });
  const expectOf = async (y: Tensor): Promise<void> => {
    const [, mean, variance] = normalized(y);
    const wanted = statistics(await y.data(), y.shape.at(-1)!);
    expectStatistics(await mean.data(), await variance.data(), wanted);
  };

  test('stay accurate where the mean is large', async () => {
    await expectOf(conv(1e4));
  });

  test('are of the values that a tensor has, not of those it had', async () => {
    const y = conv();
    y.assign(noisy(y.shape, 5));
    await expectOf(y);
  });

  test('serve one batch norm; the next adds up itself', async () => {
    const y = conv();
    await expectOf(y);
    await expectOf(y);
  });

  test('are left where the result is seen as rows of other channels', async () => {
    await expectOf(ops.reshape(conv(), [4 * 81, 32]));
    await expectOf(ops.reshape(conv(), [4, 81 * 32]));
    await expectOf(ops.reshape(conv(), [4 * 81 * 2, 16]));
  });

  test('change nothing but rounding in a network that trains', async () => {
    const convolution = new nn.Conv2d(8, 20, 3, { padding: 1 });
    const norm = new nn.BatchNorm2d(20);
    const x = noisy([3, 10, 11, 8]);
    const together = await new nn.Sequential(convolution, norm).forward(x).data();
    expectWithin(together, await norm.forward(convolution.forward(x)).data(), 1e-6);
    const inUse = new nn.Sequential(convolution, norm).eval();
    const [a, b] = noGrad(() =>
      scope(() => [inUse.forward(x).keep(), norm.forward(convolution.forward(x)).keep()]),
    );
    expect(await a.data()).toEqual(await b.data());
  });

  test('are not asked of a layer that computes something else', async () => {
    class Twice extends nn.Conv2d {
      override forward(x: Tensor): Tensor {
        return ops.mul(super.forward(x), 2);
      }
    }
    const [layer, norm] = [new Twice(8, 20, 3), new nn.BatchNorm2d(20, { momentum: 1 })];
    const x = noisy([3, 10, 11, 8]);
    new nn.Sequential(layer, norm).forward(x);
    const [mean] = statistics(await layer.forward(x).data(), 20);
    expectWithin(await norm.runningMean.data(), mean, 1e-6);
  });
});
