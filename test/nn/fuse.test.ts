import { describe, expect, test } from 'vitest';
import { nn, noGrad, randn, StriateError, Tensor } from '../../lib/index.js';
import { expectClose, f32, noise, noisy } from '../check.js';

/** A batch norm as training leaves one: nothing is 0 or 1. */
function trained(features: number, options: nn.BatchNormLayerOptions = {}): nn.BatchNorm2d {
  return asTrained(new nn.BatchNorm2d(features, options), features);
}

function asTrained<T extends nn.BatchNorm>(norm: T, features: number): T {
  norm.weight?.assign(noisy([features], 1));
  norm.bias?.assign(noisy([features], 2));
  norm.runningMean.assign(noisy([features], 3));
  norm.runningVar.assign(
    f32(
      noise(features, 4).map((v) => v + 1.2),
      [features],
    ),
  );
  return norm.eval();
}

describe('fuseConvBatchNorm', () => {
  test.each<[number, number, number, nn.Conv2dLayerOptions, nn.BatchNormLayerOptions]>([
    [3, 17, 3, { padding: 1, bias: false }, {}],
    [5, 6, 2, { stride: 2 }, { eps: 0.1 }],
    [8, 12, 3, { groups: 4, padding: 'same' }, { affine: false }],
    [6, 6, 3, { groups: 6, dilation: 2, bias: false }, { affine: false, eps: 1e-3 }],
  ])('does what both do: %i to %i channels, kernel %i, %o, %o', async (from, to, kernel, ofConv, ofNorm) => {
    const conv = new nn.Conv2d(from, to, kernel, ofConv).eval();
    const norm = trained(to, ofNorm);
    const x = randn([2, 9, 8, from]);
    const [weight, wanted] = [await conv.weight.data(), await norm.forward(conv.forward(x)).data()];
    const fused = nn.fuseConvBatchNorm(conv, norm);
    expect(fused.training).toBe(false);
    await expectClose(fused.forward(x), wanted, 1e-5);
    await expectClose(fused.forwardRelu(x), wanted.map((v) => Math.max(0, v)), 1e-5); // prettier-ignore
    expect(await conv.weight.data()).toEqual(weight);
  });

  test.each<[string, nn.Conv1d | nn.Linear, number[], nn.BatchNormLayerOptions]>([
    ['a Conv1d', new nn.Conv1d(6, 4, 3, { groups: 2, stride: 2, padding: 1, bias: false }), [2, 9, 6], {}],
    ['a Linear', new nn.Linear(6, 4), [5, 6], { eps: 0.1, affine: false }],
    ['a Linear without bias', new nn.Linear(6, 4, { bias: false }), [2, 5, 6], {}],
  ])('does what %s and a BatchNorm1d do', async (_, layer, shape, ofNorm) => {
    const norm = asTrained(new nn.BatchNorm1d(4, ofNorm), 4);
    layer.eval();
    const x = randn(shape);
    const wanted = await norm.forward(layer.forward(x)).data();
    const both =
      layer instanceof nn.Linear ? nn.fuseConvBatchNorm(layer, norm) : nn.fuseConvBatchNorm(layer, norm);
    expect(both.constructor).toBe(layer.constructor);
    await expectClose(both.forward(x), wanted, 1e-5);
    const net = new nn.Sequential(layer, norm).eval();
    expect(nn.fuseForInference(net).length).toBe(1);
    await expectClose(net.forward(x), wanted, 1e-5);
  });

  test('refuses training and other channels', () => {
    const conv = new nn.Conv2d(3, 4, 1);
    expect(() => nn.fuseConvBatchNorm(conv, trained(4))).toThrow(StriateError);
    expect(() => nn.fuseConvBatchNorm(conv.eval(), new nn.BatchNorm2d(4))).toThrow(/is in training/);
    expect(() => nn.fuseConvBatchNorm(conv, trained(5))).toThrow(/norm has 5 channels, conv gives 4/);
    const linear = new nn.Linear(3, 4).eval();
    const norm = new nn.BatchNorm1d(5).eval();
    expect(() => nn.fuseConvBatchNorm(linear, norm)).toThrow(/norm has 5 channels, linear gives 4/);
  });
});

class Residual extends nn.Module {
  conv = new nn.Conv2d(4, 4, 3, { padding: 1, bias: false });
  norm: nn.BatchNorm2d | null = trained(4);

  override forward(x: Tensor): Tensor {
    using y = this.conv.forward(x);
    using z = this.norm?.forward(y);
    return (z ?? y).add(x);
  }

  override fuse(): void {
    if (!this.norm) return;
    this.conv = nn.fuseConvBatchNorm(this.conv, this.norm);
    this.norm = null;
  }
}

describe('fuseForInference', () => {
  const model = () =>
    new nn.Sequential({
      stem: new nn.Conv2d(3, 4, 3),
      norm: trained(4),
      relu: new nn.ReLU(),
      block: new Residual(),
      inner: new nn.Sequential(trained(4), new nn.Conv2d(4, 5, 1), trained(5), trained(5), new nn.ReLU()),
      last: new nn.Conv2d(5, 2, 1),
    }).eval();

  test('changes what a model is made of, and not what it gives', async () => {
    const net = model();
    const x = randn([2, 8, 7, 3]);
    const wanted = await net.forward(x).data();
    expect(nn.fuseForInference(net)).toBe(net);
    await expectClose(
      noGrad(() => net.forward(x)),
      wanted,
      1e-5,
    );
    const names = [...net.modules()].map(([path]) => path);
    expect(names).toEqual(['', 'stem', 'relu', 'block', 'block.conv', 'inner', 'inner.0', 'inner.1', 'inner.4', 'last']); // prettier-ignore
    expect(net.length).toBe(5);
    await expectClose(nn.fuseForInference(net).forward(x), wanted, 1e-5);
  });

  test('refuses a model in training, and then changes nothing', () => {
    const net = model();
    net.at(3).train();
    expect(() => nn.fuseForInference(net)).toThrow(/fuseForInference: the model is in training/);
    expect(net.length).toBe(6);
  });
});

test('forwardAddRelu is relu(forward(x) + residual)', async () => {
  const [x, residual] = [randn([3, 4, 5, 6]), randn([3, 4, 5, 6])];
  for (const training of [true, false]) {
    const norm = trained(6).train(training);
    await expectClose(norm.forwardAddRelu(x, residual), await norm.forward(x).add(residual).relu().data());
  }
});
