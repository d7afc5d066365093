import { describe, expect, test } from 'vitest';
import * as nn from '../../lib/nn/index.js';
import { groupNorm, instanceNorm, layerNorm } from '../../lib/ops/groupNorm.js';
import { batchNorm } from '../../lib/ops/norm.js';
import { relu } from '../../lib/ops/elementwise.js';
import '../../lib/ops/reduce.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, f32, noise, noisy, volume } from '../check.js';

async function expectSame(a: Tensor, b: Tensor): Promise<void> {
  expect(a.shape).toEqual(b.shape);
  expect(await a.data()).toEqual(await b.data());
}

/** Mean and unbiased variance of each channel. */
function statisticsOf(x: Float32Array, channels: number): { mean: number[]; variance: number[] } {
  const rows = x.length / channels;
  const each = Array.from({ length: channels }, (_, c) => [...x].filter((_value, i) => i % channels === c));
  const mean = each.map((values) => values.reduce((sum, v) => sum + v, 0) / rows);
  const variance = each.map(
    (values, c) => values.reduce((sum, v) => sum + (v - mean[c]!) ** 2, 0) / (rows - 1),
  );
  return { mean, variance };
}

describe('BatchNorm1d', () => {
  test.each([[[7, 5]], [[3, 4, 5]]])('of %j is batchNorm, in training and in use', async (shape) => {
    const layer = new nn.BatchNorm1d(5, { eps: 1e-3, momentum: 0.3 });
    layer.weight!.assign(noisy([5], 2));
    layer.bias!.assign(noisy([5], 3));
    const { weight, bias } = layer;
    const x = noisy(shape);
    const [runningMean, runningVar] = [f32([0, 0, 0, 0, 0], [5]), f32([1, 1, 1, 1, 1], [5])];
    const given = { weight, bias, runningMean, runningVar, eps: 1e-3 };
    const y = batchNorm(x, { ...given, training: true, momentum: 0.3 });
    await expectSame(layer.forward(x), y);
    await expectSame(layer.runningMean, runningMean);
    await expectSame(layer.runningVar, runningVar);
    expect(await layer.numBatchesTracked.item()).toBe(1);
    layer.eval();
    await expectSame(layer.forward(x), batchNorm(x, given));
    await expectSame(layer.forwardRelu(x), batchNorm(x, { ...given, relu: true }));
    const residual = noisy(shape, 4);
    await expectSame(layer.forwardAddRelu(x, residual), batchNorm(x, { ...given, relu: true, residual }));
  });

  test('refuses images, and options that are none', () => {
    const layer = new nn.BatchNorm1d(3);
    const wanted = /BatchNorm1d: input \[1, 2, 2, 3\] has 4 axes, wants \[N, C\] or \[N, L, C\]/;
    expect(() => layer.forward(noisy([1, 2, 2, 3]))).toThrow(wanted);
    expect(() => layer.forwardRelu(noisy([1, 2, 2, 3]))).toThrow(wanted);
    expect(() => layer.forwardAddRelu(noisy([1, 2, 2, 3]), noisy([1, 2, 2, 3]))).toThrow(wanted);
    expect(() => layer.forward('x' as never)).toThrow(/BatchNorm1d: input is 'x', wants a tensor/);
    expect(() => new nn.BatchNorm1d(0)).toThrow(/BatchNorm1d: features is 0, wants a whole number from 1/);
    expect(() => new nn.BatchNorm2d(2.5)).toThrow(/BatchNorm2d: features is 2.5/);
    expect(() => new nn.BatchNorm2d(3, { momentum: NaN })).toThrow(/BatchNorm2d: momentum is NaN, wants a n/);
    expect(() => new nn.BatchNorm1d(3, { eps: -1 })).toThrow(/BatchNorm1d: eps is -1, wants a finite number/);
    expect(() => new nn.BatchNorm1d(3, { affine: 'no' as never })).toThrow(/BatchNorm1d: affine is 'no'/);
  });
});

test('with momentum null, running statistics are the mean over all batches', async () => {
  const layer = new nn.BatchNorm2d(4, { momentum: null });
  const wanted = { mean: [0, 0, 0, 0], variance: [0, 0, 0, 0] };
  for (let batch = 1; batch <= 5; batch++) {
    const x = noise(volume([3, 5, 2, 4]), batch).map((v) => 3 * v + batch);
    const expected = await batchNorm(f32(x, [3, 5, 2, 4]), { training: true }).data();
    expect(await layer.forward(f32(x, [3, 5, 2, 4])).data()).toEqual(expected);
    const { mean, variance } = statisticsOf(x, 4);
    wanted.mean = wanted.mean.map((v, c) => v + (mean[c]! - v) / batch);
    wanted.variance = wanted.variance.map((v, c) => v + (variance[c]! - v) / batch);
    await expectClose(layer.runningMean, wanted.mean);
    await expectClose(layer.runningVar, wanted.variance);
    expect(await layer.numBatchesTracked.item()).toBe(batch);
  }
  layer.eval();
  const x = noisy([2, 2, 2, 4]);
  const { runningMean, runningVar } = layer;
  await expectSame(layer.forward(x), batchNorm(x, { runningMean, runningVar }));
});

test('LayerNorm is layerNorm with its parameters', async () => {
  const x = noisy([2, 3, 4, 5]);
  const layer = new nn.LayerNorm([4, 5], { eps: 1e-3 });
  expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias']);
  expect([layer.weight!.shape, layer.bias!.shape]).toEqual([
    [4, 5],
    [4, 5],
  ]);
  await expectSame(layer.forward(x), layerNorm(x, [4, 5], { eps: 1e-3 }));
  layer.weight!.assign(noisy([4, 5], 2));
  layer.bias!.assign(noisy([4, 5], 3));
  const { weight, bias } = layer;
  const wanted = layerNorm(x, [4, 5], { weight, bias, eps: 1e-3 });
  for (const training of [true, false]) await expectSame(layer.train(training).forward(x), wanted);
  expect([...new nn.LayerNorm(5, { bias: false }).stateDict().keys()]).toEqual(['weight']);
  const plain = new nn.LayerNorm(5, { elementwiseAffine: false });
  expect(plain.stateDict().size).toBe(0);
  await expectSame(plain.forward(x), layerNorm(x, 5));
  expect(() => new nn.LayerNorm([])).toThrow(
    /LayerNorm: normalizedShape is \[\], wants a number or the sizes/,
  );
  expect(() => new nn.LayerNorm([3, 0])).toThrow(/LayerNorm: normalizedShape\[1\] is 0/);
  expect(() => new nn.LayerNorm('3' as never)).toThrow(/LayerNorm: normalizedShape is '3'/);
  expect(() => new nn.LayerNorm(3, { eps: Infinity })).toThrow(/LayerNorm: eps is Infinity/);
});

test('GroupNorm is groupNorm with its parameters', async () => {
  const x = noisy([2, 3, 4, 6]);
  const layer = new nn.GroupNorm(3, 6, { eps: 1e-3 });
  layer.weight!.assign(noisy([6], 2));
  layer.bias!.assign(noisy([6], 3));
  const { weight, bias } = layer;
  const wanted = groupNorm(x, 3, { weight, bias, eps: 1e-3 });
  for (const training of [true, false]) await expectSame(layer.train(training).forward(x), wanted);
  const plain = new nn.GroupNorm(2, 6, { affine: false });
  expect(plain.stateDict().size).toBe(0);
  await expectSame(plain.forward(x), groupNorm(x, 2));
  expect(() => new nn.GroupNorm(4, 6)).toThrow(
    /GroupNorm: numGroups is 4, wants one of the divisors of numC/,
  );
  expect(() => new nn.GroupNorm(0, 6)).toThrow(/GroupNorm: numGroups is 0, wants a whole number from 1/);
  expect(() => new nn.GroupNorm(2, NaN)).toThrow(/GroupNorm: numChannels is NaN/);
  expect(() => layer.forward(noisy([2, 3, 9]))).toThrow(/groupNorm: weight has shape \[6\], wants \[9\]/);
});

describe.each([1, 2] as const)('InstanceNorm%id', (axes) => {
  const Layer = axes === 1 ? nn.InstanceNorm1d : nn.InstanceNorm2d;
  const shape = axes === 1 ? [3, 7, 5] : [3, 4, 6, 5];

  test('uses the images’ own statistics, in training and in use', async () => {
    const x = noisy(shape);
    const layer = new Layer(5);
    expect(layer.stateDict().size).toBe(0);
    for (const training of [true, false]) {
      await expectSame(layer.train(training).forward(x), instanceNorm(x));
    }
    const affine = new Layer(5, { affine: true, eps: 0.1 });
    affine.weight!.assign(noisy([5], 2));
    affine.bias!.assign(noisy([5], 3));
    const { weight, bias } = affine;
    await expectSame(affine.forward(x), instanceNorm(x, { weight, bias, eps: 0.1 }));
  });

  test('uses running statistics where it tracks them', async () => {
    const x = noisy(shape);
    const layer = new Layer(5, { trackRunningStats: true, momentum: 0.4 });
    expect([...layer.stateDict().keys()]).toEqual(['runningMean', 'runningVar']);
    const [runningMean, runningVar] = [f32([0, 0, 0, 0, 0], [5]), f32([1, 1, 1, 1, 1], [5])];
    const y = instanceNorm(x, { runningMean, runningVar, momentum: 0.4 });
    await expectSame(layer.forward(x), y);
    await expectSame(layer.runningMean!, runningMean);
    await expectSame(layer.runningVar!, runningVar);
    const used = instanceNorm(x, { runningMean, runningVar, useInputStats: false });
    await expectSame(layer.eval().forward(x), used);
    await expectSame(layer.runningMean!, runningMean);
  });

  test('refuses another rank, and options that are none', () => {
    const name = `InstanceNorm${axes}d`;
    expect(() => new Layer(5).forward(noisy([2, 5]))).toThrow(
      new RegExp(`${name}: input \\[2, 5\\] has 2 axes, wants \\[N, `),
    );
    expect(() => new Layer(0)).toThrow(`${name}: features is 0`);
    expect(() => new Layer(3, { momentum: 2 })).toThrow(`${name}: momentum is 2`);
    expect(() => new Layer(3, { momentum: null as never })).toThrow(`${name}: momentum is null`);
    expect(() => new Layer(3, { trackRunningStats: 1 as never })).toThrow(`${name}: trackRunningStats is 1`);
  });
});

test('a net of them learns', async () => {
  const net = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.GroupNorm(2, 8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.InstanceNorm2d(8, { affine: true }),
    new nn.GlobalAvgPool2d(),
    new nn.BatchNorm1d(8),
    new nn.Linear(8, 4),
    new nn.LayerNorm(4),
  );
  const x = noisy([4, 6, 6, 3]);
  const loss = () => {
    using y = net.forward(x);
    using away = y.sub(noisy([4, 4], 2));
    return away.square().sum();
  };
  const before = await loss().item();
  for (let step = 0; step < 20; step++) {
    net.zeroGrad();
    loss().backward();
    for (const parameter of net.parameters()) {
      expect(parameter.grad?.shape).toEqual(parameter.shape);
      parameter.assign(parameter.sub(parameter.grad!.mul(0.02)));
    }
  }
  expect(await loss().item()).toBeLessThan(0.8 * before);
  expect(relu(net.eval().forward(x)).shape).toEqual([4, 4]);
});
