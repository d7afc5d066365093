import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backward, grad, io, loss, memory, models, nn, noGrad, ops, type Tensor } from '../../lib/index.js';
import { expectClose, expectGradients, expectSameBits, f32, noisy } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';
import { collectGarbage } from '../garbage.js';

type Two = [number, number];

interface Case {
  kind: 'linear' | 'conv';
  shape: number[];
  units: number;
  kernel: Two;
  stride: Two;
  padding: Two;
  outputPadding: Two;
  dilation: Two;
  groups: number;
  y: number[];
  loss: number;
  gradients: number[][];
}

function layersOf(c: Case): [nn.Linear, nn.TiedLinear] | [nn.Conv2d, nn.TiedConvTranspose2d] {
  const channels = c.shape.at(-1)!;
  if (c.kind === 'linear') {
    const linear = new nn.Linear(channels, c.units);
    return [linear, new nn.TiedLinear(linear)];
  }
  const { stride, padding, dilation, groups, outputPadding } = c;
  const conv = new nn.Conv2d(channels, c.units, c.kernel, { stride, padding, dilation, groups });
  return [conv, new nn.TiedConvTranspose2d(conv, { outputPadding })];
}

test.each(vectors<Case>('tied'))("PyTorch's values and gradients: $kind of $shape", async (c) => {
  const [encoder, decoder] = layersOf(c);
  expect(decoder.weight).toBe(encoder.weight);
  const parameters = [encoder.weight, encoder.bias!, decoder.bias!];
  for (const [i, p] of parameters.entries()) p.assign(f32(pattern(p.shape, i + 2), p.shape));
  const x = f32(pattern(c.shape, 1), c.shape);
  const target = x.detach();
  x.requiresGrad = true;
  const model = new models.Autoencoder(new nn.Sequential(encoder, new nn.Sigmoid()), decoder);
  expect([...model.namedParameters()].map(([name]) => name)).toEqual([
    'encoder.0.weight',
    'encoder.0.bias',
    'decoder.bias',
  ]);
  const y = model.forward(x);
  await expectClose(y, c.y, 1e-6);
  const error = loss.mse(y, target);
  expect(Math.abs((await error.item()) / c.loss - 1)).toBeLessThan(1e-6);
  const gradients = grad(error, [...parameters, x]);
  for (const [i, gradient] of gradients.entries()) await expectClose(gradient, c.gradients[i]!, 5e-6);
});

/** The same by functions of tensors, whose weight can be moved. */
describe('gradients agree with differences', () => {
  test('TiedLinear', async () => {
    const layer = new nn.Linear(5, 3);
    const tied = new nn.TiedLinear(layer);
    // The layers' own arithmetic on whatever weight is given.
    const lent = (weight: Tensor, x: Tensor): Tensor => {
      const holder = Object.create(tied, { weight: { value: weight } }) as nn.TiedLinear;
      const code = Object.create(layer, { weight: { value: weight } }) as nn.Linear;
      return holder.forward(ops.tanh(code.forward(x)));
    };
    await expectGradients(lent, [noisy([5, 3], 2), noisy([4, 5], 3)], { tolerance: 1e-3 });
  });

  test('TiedConvTranspose2d', async () => {
    const layer = new nn.Conv2d(2, 3, 3, { stride: 2, padding: 1 });
    const tied = new nn.TiedConvTranspose2d(layer, { outputPadding: 1 });
    const lent = (weight: Tensor, x: Tensor): Tensor => {
      const holder = Object.create(tied, { weight: { value: weight } }) as nn.TiedConvTranspose2d;
      const code = Object.create(layer, { weight: { value: weight } }) as nn.Conv2d;
      return holder.forward(ops.tanh(code.forward(x)));
    };
    await expectGradients(lent, [noisy([3, 3, 2, 3], 2), noisy([2, 6, 4, 2], 3)], { tolerance: 1e-3 });
  });
});

test("padding 'same' is that of the convolution, and ReLU in one pass is the same", async () => {
  const conv = new nn.Conv2d(3, 4, [4, 2], { padding: 'same' });
  const tied = new nn.TiedConvTranspose2d(conv);
  const code = noisy([2, 7, 5, 4], 5);
  const y = tied.forward(code);
  expect(y.shape).toEqual([2, 7, 5, 3]);
  // ⟨conv(x), code⟩ = ⟨x, tied(code)⟩, without biases: one is the transpose of the other.
  const x = noisy([2, 7, 5, 3], 6);
  const forth = ops.conv2d(x, conv.weight, null, { padding: 'same' }).mul(code).sum();
  const back = new nn.TiedConvTranspose2d(conv, { bias: false }).forward(code).mul(x).sum();
  expect(Math.abs((await forth.item()) - (await back.item()))).toBeLessThan(1e-4);
  await expectClose(tied.forwardRelu(code), await y.relu().data());
});

test('has the same bits with 1 and 2 threads, and leaves nothing behind', async () => {
  const linear = new nn.Linear(301, 77);
  const model = new models.Autoencoder(linear, new nn.TiedLinear(linear));
  const x = noisy([67, 301]);
  await expectSameBits(() => {
    const y = model.forward(x);
    return [y, ...grad(y, model.parameters(), noisy(y.shape, 2))];
  });
  await collectGarbage();
  const before = memory().liveTensors;
  noGrad(() => model.forward(x)).dispose();
  const y = model.forward(x);
  backward(y, y.detach());
  y.dispose();
  model.zeroGrad();
  await collectGarbage();
  expect(memory().liveTensors).toBe(before);
});

test('is saved once, and is still tied when loaded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'striate-'));
  try {
    const file = join(folder, 'tied.safetensors');
    const [saved, loaded] = [0, 1].map(() => models.autoencoder([6, 4, 2], { tied: true }));
    expect([...saved!.stateDict().keys()]).toEqual([
      'encoder.1.weight', 'encoder.1.bias', 'encoder.3.weight', 'encoder.3.bias', 'decoder.0.bias', 'decoder.2.bias',
    ]); // prettier-ignore
    await io.saveSafetensors(saved!, file);
    await io.loadSafetensors(loaded!, file);
    const x = noisy([3, 6]);
    expect(await loaded!.forward(x).data()).toEqual(await saved!.forward(x).data());
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a batch norm folded into the layer leaves its decoder as it was', async () => {
  const linear = new nn.Linear(5, 4);
  const encoder = new nn.Sequential(linear, new nn.BatchNorm1d(4), new nn.Sigmoid());
  const model = new models.Autoencoder(encoder, new nn.TiedLinear(linear));
  const x = noisy([6, 5]);
  model.forward(x).dispose();
  const before = await model.eval().forward(x).data();
  await expectClose(nn.fuseForInference(model).forward(x), before, 1e-5);
});

test('edges', async () => {
  const linear = new nn.Linear(5, 3);
  const tied = new nn.TiedLinear(linear, { bias: false });
  expect(tied.bias).toBeNull();
  expect(tied.forward(noisy([0, 3])).shape).toEqual([0, 5]);
  expect((await tied.forward(f32([NaN, 1, Infinity], [1, 3])).data()).every(Number.isNaN)).toBe(true);
  linear.freeze();
  expect(tied.forward(noisy([2, 3])).requiresGrad).toBe(false);
  expect(nn.summary(new nn.Sequential(new nn.Linear(5, 3), tied), [5]).parameters).toBe(5 * 3 + 3 + 5 * 3);
});

test('refuses', () => {
  expect(() => new nn.TiedLinear(new nn.Conv2d(1, 1, 1) as never)).toThrow(
    new TypeError('TiedLinear: layer is an object, wants the Linear whose weight it shares'),
  );
  expect(() => new nn.TiedConvTranspose2d(3 as never)).toThrow(
    new TypeError('TiedConvTranspose2d: layer is 3, wants the Conv2d whose weight it shares'),
  );
  const tied = new nn.TiedLinear(new nn.Linear(5, 3));
  expect(() => tied.forward(noisy([2, 5]))).toThrow(
    new RangeError('TiedLinear: input is [2, 5], wants [..., 3]'),
  );
  expect(() => tied.forward(noisy([3]))).toThrow(/TiedLinear: input is \[3\]/);
  expect(() => tied.forward(null as never)).toThrow(/TiedLinear: input is null, wants a tensor/);
  const conv = new nn.Conv2d(1, 2, 3);
  expect(() => new nn.TiedConvTranspose2d(conv, { outputPadding: 'x' as never })).toThrow(
    /^TiedConvTranspose2d: outputPadding is 'x'/,
  );
  expect(() => new nn.TiedConvTranspose2d(conv, { outputPadding: 1 }).forward(noisy([1, 2, 2, 2]))).toThrow(
    /convTranspose2d: outputPadding/,
  );
});
