import { describe, expect, test } from 'vitest';
import { backward, grad } from '../../lib/autograd.js';
import { loss, nn, optim } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { mul } from '../../lib/ops/elementwise.js';
import { sum } from '../../lib/ops/reduce.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

const shapes = [[3, 5], [17], [], [0, 4], [211, 307], [40_003]];

function parameters(): Tensor[] {
  return shapes.map((shape, i) => {
    const p = f32(noise(volume(shape), i + 1), shape);
    p.requiresGrad = true;
    return p;
  });
}

describe.each([
  ['l1Penalty', loss.l1Penalty, Math.abs, Math.sign],
  ['l2Penalty', loss.l2Penalty, (w: number) => (w * w) / 2, (w: number) => w],
] as const)('%s', (name, penalty, value, slope) => {
  test.each([true, false])('is the formula, with its gradient; biases %s', async (biases) => {
    const list = parameters();
    const counted = shapes.map((shape) => biases || shape.length > 1);
    const data = await Promise.all(list.map((p) => p.data()));
    const total = data.reduce(
      (all, values, i) => all + (counted[i] ? values.reduce((s, w) => s + value(w), 0) : 0),
      0,
    );
    const y = penalty(list, 0.3, { biases });
    expect(Math.abs((await y.item()) / (0.3 * total) - 1)).toBeLessThan(1e-6);
    const gradients = grad(y, list, f32([2], []));
    for (const [i, g] of gradients.entries()) {
      await expectClose(g, Array.from(data[i]!, (w) => (counted[i] ? 0.6 * slope(w) : 0)), 1e-6); // prettier-ignore
    }
    await expectSameBits(() => {
      const again = penalty(list, 0.3, { biases });
      return [again, ...grad(again, list)];
    });
  });

  test('gradients agree with differences', async () => {
    await expectGradients((a, b) => penalty([a, b], 0.7), [noisy([3, 4]), noisy([5], 2)], {
      step: 1e-3,
    });
  });

  test('at 0, of no number, and of nothing', async () => {
    const p = f32([0, -0, NaN, 2], [4]);
    p.requiresGrad = true;
    const y = penalty([p], 2);
    expect(await y.item()).toBeNaN();
    const [a, b, c, d] = await grad(y, [p])[0]!.data();
    expect([Math.abs(a!), Math.abs(b!), c, d]).toEqual([0, 0, NaN, 2 * slope(2)]);
    expect(await penalty([], 1).item()).toBe(0);
  });

  test('leaves out what is frozen, and nothing behind', async () => {
    const [p, q] = [noisy([3, 2]), noisy([2])];
    p.requiresGrad = true;
    await collectGarbage();
    const before = native.memory().liveTensors;
    const y = penalty([p, q], 0.1);
    backward(y);
    y.dispose();
    expect(q.grad).toBeNull();
    p.grad?.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });

  test('refuses', () => {
    const p = noisy([2]);
    for (const lambda of [-1, NaN, Infinity]) expect(() => penalty([p], lambda)).toThrow(RangeError);
    expect(() => penalty([p], -1)).toThrow(`${name}: lambda is -1.000000, wants a finite number from 0 on`);
    expect(() => penalty([p], 'x' as never)).toThrow(TypeError);
    expect(() => penalty(3 as never, 1)).toThrow(`${name}: parameters is no list of tensors`);
    expect(() => penalty([p, 3 as never], 1)).toThrow(`${name}: parameters[1] is 3, wants a tensor`);
    expect(() => penalty([i32([1], [1]) as never], 1)).toThrow(`${name}: parameters[0] is i32 [1], wants`);
  });
});

describe('a penalty of λ/2·Σw² and weight decay λ', () => {
  /** The weights after some steps, by the penalty or by the optimizer's weight decay. */
  async function trained(make: (p: Tensor[], weightDecay: number) => optim.Optimizer, penalized: boolean) {
    const w = f32(noise(24, 3), [4, 6]);
    w.requiresGrad = true;
    const [x, t] = [noisy([5, 4], 4), noisy([5, 6], 5)];
    const optimizer = make([w], penalized ? 0 : 0.2);
    for (let step = 0; step < 20; step++) {
      optimizer.zeroGrad();
      const cost = loss.mse(x.matmul(w), t);
      backward(penalized ? cost.add(loss.l2Penalty([w], 0.2)) : cost);
      optimizer.step();
    }
    return w.data();
  }
  const distance = (a: Float32Array, b: Float32Array) =>
    Math.max(...a.map((v, i) => Math.abs(v - b[i]!))); // prettier-ignore

  test('are the same for SGD, and for Adam', async () => {
    const sgd = (p: Tensor[], weightDecay: number) =>
      new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay });
    expect(distance(await trained(sgd, true), await trained(sgd, false))).toBeLessThan(2e-6);
    const adam = (p: Tensor[], weightDecay: number) => new optim.Adam(p, { lr: 0.05, weightDecay });
    expect(distance(await trained(adam, true), await trained(adam, false))).toBeLessThan(2e-5);
  });

  test('differ for AdamW, whose decay is decoupled', async () => {
    const adam = (p: Tensor[], weightDecay: number) => new optim.Adam(p, { lr: 0.05, weightDecay });
    const adamW = (p: Tensor[], weightDecay: number) => new optim.AdamW(p, { lr: 0.05, weightDecay });
    expect(distance(await trained(adam, true), await trained(adamW, true))).toBeLessThan(1e-6);
    expect(distance(await trained(adamW, true), await trained(adamW, false))).toBeGreaterThan(1e-2);
  });
});

describe('sparsityPenalty', () => {
  function definition(data: Float32Array, units: number, rho: number, beta: number) {
    const rows = data.length / units;
    const rates = Array.from({ length: units }, (_, j) => {
      let total = 0;
      for (let i = j; i < data.length; i += units) total += data[i]!;
      return total / rows;
    });
    const term = (r: number) => rho * Math.log(rho / r) + (1 - rho) * Math.log((1 - rho) / (1 - r));
    const slope = rates.map((r) => (beta * ((1 - rho) / (1 - r) - rho / r)) / rows);
    return { value: beta * rates.reduce((s, r) => s + term(r), 0), slope };
  }

  test.each([[[50, 7]], [[3, 5, 6, 11]], [[4]]])('of %j is the formula', async (shape) => {
    const data = noise(volume(shape)).map((v) => (v + 1.05) / 2.2);
    const units = shape.at(-1)!;
    const x = f32(data, shape);
    x.requiresGrad = true;
    const y = loss.sparsityPenalty(x, { rho: 0.1, beta: 2 });
    const { value, slope } = definition(data, units, 0.1, 2);
    expect(Math.abs((await y.item()) / value - 1)).toBeLessThan(1e-5);
    await expectClose(grad(y, [x])[0]!, Array.from(data, (_, i) => slope[i % units]!), 1e-5); // prettier-ignore
    const { value: byDefault } = definition(data, units, 0.05, 3);
    expect(Math.abs((await loss.sparsityPenalty(x).item()) / byDefault - 1)).toBeLessThan(1e-5);
  });

  test('gradients agree with differences', async () => {
    const data = noise(12).map((v) => (v + 1.2) / 2.4);
    await expectGradients((x) => loss.sparsityPenalty(x), [f32(data, [4, 3])], { step: 2e-3 });
  });

  test('means beyond (0, 1) are taken for the nearest within, without a gradient', async () => {
    const x = f32([0, 1, 2, 0.5, 0, 1, 4, 0.5], [2, 4]);
    x.requiresGrad = true;
    const y = loss.sparsityPenalty(x, { rho: 0.5, beta: 1 });
    const low = 0.5 * Math.log(0.5 / 1e-7) + 0.5 * Math.log(0.5 / (1 - 1e-7));
    const value = await y.item();
    expect(Math.abs(value / (3 * low) - 1)).toBeLessThan(0.03);
    expect([...(await grad(y, [x])[0]!.data())].map(Math.abs)).toEqual(new Array(8).fill(0));
  });

  test('refuses', () => {
    const x = noisy([2, 2]);
    for (const rho of [0, 1, NaN, '0.1']) {
      expect(() => loss.sparsityPenalty(x, { rho: rho as number })).toThrow(/sparsityPenalty: rho is/);
    }
    expect(() => loss.sparsityPenalty(x, { beta: -1 })).toThrow(RangeError);
    expect(() => loss.sparsityPenalty(f32([1], []))).toThrow(/is a scalar/);
    expect(() => loss.sparsityPenalty(3 as never)).toThrow(TypeError);
  });
});

describe('cosineEmbedding', () => {
  test('gradients agree with differences, with weights of samples', async () => {
    const target = i32([1, -1, 1, -1], [4]);
    const sampleWeight = f32([1, 2, 0.5, 3], [4]);
    await expectGradients(
      (a, b) => loss.cosineEmbedding(a, b, target, { margin: -0.9, sampleWeight, reduction: 'none' }),
      [noisy([4, 3]), noisy([4, 3], 2)],
    );
  });

  test('leaves nothing behind, and refuses', async () => {
    const [a, b, target] = [noisy([2, 3]), noisy([2, 3], 2), i32([1, -1], [2])];
    await collectGarbage();
    const before = native.memory().liveTensors;
    a.requiresGrad = true;
    const y = loss.cosineEmbedding(a, b, target);
    backward(sum(mul(y, 1)));
    a.grad?.dispose();
    y.dispose();
    expect(native.memory().liveTensors).toBeLessThanOrEqual(before + 3);
    const f = loss.cosineEmbedding;
    expect(() => f(noisy([3]), b, target)).toThrow('cosineEmbedding: a has shape [3], wants [N, D]');
    expect(() => f(a, noisy([3, 2]), target)).toThrow('cosineEmbedding: b has shape [3, 2], wants [2, 3]');
    expect(() => f(a, b, i32([1], [1]))).toThrow('cosineEmbedding: target has shape [1], wants [2]');
    expect(() => f(a, b, target, { margin: 2 })).toThrow(RangeError);
    expect(() => f(a, b, target, { reduction: 'avg' as never })).toThrow(RangeError);
  });
});

test('a penalty beside a loss trains a model to few weights', async () => {
  const model = new nn.Linear(20, 1);
  const x = noisy([64, 20]);
  const t = f32(Array.from({ length: 64 }, (_, i) => 2 * native.dataSync(x.handle)[20 * i]!), [64, 1]); // prettier-ignore
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  for (let step = 0; step < 300; step++) {
    optimizer.zeroGrad();
    const y = loss.mse(model.forward(x), t).add(loss.l1Penalty([model.weight], 0.05));
    backward(y);
    optimizer.step();
  }
  const weights = await model.weight.data();
  expect(weights[0]).toBeGreaterThan(1.5);
  expect(Math.max(...weights.subarray(1).map(Math.abs))).toBeLessThan(0.02);
});
