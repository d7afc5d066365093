// The penalties of autoencoders that look beyond a batch, or at a layer's weights.
import { describe, expect, test } from 'vitest';
import { grad, loss, memory, nn, ops, type Tensor } from '../../lib/index.js';
import { expectClose, expectGradients, expectSameBits, f32, noise, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

const activations = (shape: number[], seed = 1): Tensor =>
  f32(noise(shape.reduce((n, extent) => n * extent, 1), seed).map((v) => (v + 1.2) / 2.4), shape); // prettier-ignore

describe('sparsityPenalty by measured means', () => {
  test.each([[[50, 7]], [[3, 5, 11]], [[4]]])(
    'of %j that are the means of these is the same',
    async (shape) => {
      const x = activations(shape);
      x.requiresGrad = true;
      const axes = Array.from({ length: shape.length - 1 }, (_, axis) => axis);
      const means = axes.length === 0 ? x.detach() : ops.mean(x.detach(), axes);
      const [plain, measured] = [undefined, means].map((m) =>
        loss.sparsityPenalty(x, { rho: 0.1, means: m }),
      );
      await expectClose(measured!, await plain!.data(), 1e-6);
      await expectClose(grad(measured!, [x])[0]!, await grad(plain!, [x])[0]!.data(), 1e-5);
    },
  );

  test('is the formula of the means, and its gradient β·((1 − ρ)/(1 − ρ̂) − ρ/ρ̂)/n', async () => {
    const x = activations([5, 3]);
    x.requiresGrad = true;
    const rates = [0.02, 0.05, 0.7];
    const y = loss.sparsityPenalty(x, { rho: 0.05, beta: 2, means: f32(rates, [3]) });
    const term = (r: number) => 0.05 * Math.log(0.05 / r) + 0.95 * Math.log(0.95 / (1 - r));
    expect(Math.abs((await y.item()) / (2 * (term(0.02) + term(0.7))) - 1)).toBeLessThan(1e-5);
    const slopes = rates.map((r) => (2 * (0.95 / (1 - r) - 0.05 / r)) / 5);
    await expectClose(grad(y, [x])[0]!, Array.from({ length: 15 }, (_, i) => slopes[i % 3]!), 1e-5); // prettier-ignore
  });

  test('means beyond (0, 1) pass no gradient, and none goes to means', async () => {
    const x = activations([4, 3]);
    const means = f32([0, 1, 0.5], [3]);
    for (const t of [x, means]) t.requiresGrad = true;
    const y = loss.sparsityPenalty(x, { means });
    expect(Number.isFinite(await y.item())).toBe(true);
    const [byX, byMeans] = grad(y, [x, means]);
    const found = await byX!.data();
    expect([found[0], found[1]].map(Math.abs as never)).toEqual([0, 0]);
    expect(Math.abs(found[2]!)).toBeGreaterThan(0.1);
    expect([...(await byMeans!.data())]).toEqual([0, 0, 0]);
  });

  test('refuses means of other units', () => {
    const x = activations([4, 3]);
    expect(() => loss.sparsityPenalty(x, { means: noisy([4]) })).toThrow(
      'sparsityPenalty: means is [4], wants [3], one of each unit',
    );
    expect(() => loss.sparsityPenalty(x, { means: 3 as never })).toThrow(TypeError);
  });
});

describe('nn.Sparsity', () => {
  test('gives on what it is given, and the penalty of that in training', async () => {
    const layer = new nn.Sparsity({ rho: 0.1, beta: 2 });
    expect(await layer.penalty().item()).toBe(0);
    const x = activations([5, 3]);
    x.requiresGrad = true;
    expect(layer.forward(x)).toBe(x);
    const expected = loss.sparsityPenalty(x, { rho: 0.1, beta: 2 });
    await expectClose(layer.penalty(), await expected.data());
    await expectClose(grad(layer.penalty(), [x])[0]!, await grad(expected, [x])[0]!.data());
    layer.eval().forward(x);
    expect(await layer.penalty().item()).toBe(0);
    expect(layer.stateDict().size).toBe(0);
  });

  test('goes by means that are set, of which it keeps its own handle', async () => {
    const layer = new nn.Sparsity();
    const x = activations([5, 3]);
    const means = f32([0.1, 0.2, 0.3], [3]);
    layer.means = means;
    const expected = await loss.sparsityPenalty(x, { means }).data();
    means.dispose();
    layer.forward(x);
    await expectClose(layer.penalty(), expected);
    layer.means = null;
    layer.forward(x);
    await expectClose(layer.penalty(), await loss.sparsityPenalty(x).data());
  });

  test('leaves one scalar behind, and nothing when disposed', async () => {
    const layer = new nn.Sparsity();
    const x = activations([5, 3]);
    x.requiresGrad = true;
    await collectGarbage();
    const before = memory().liveTensors;
    for (let i = 0; i < 3; i++) {
      layer.forward(x);
      using penalty = layer.penalty();
      penalty.backward();
    }
    x.grad?.dispose();
    x.grad = null;
    await collectGarbage();
    expect(memory().liveTensors).toBe(before + 1);
    layer.dispose();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  });

  test('refuses', () => {
    expect(() => new nn.Sparsity({ rho: 1 })).toThrow('Sparsity: rho is 1, wants a number between 0 and 1');
    expect(() => new nn.Sparsity({ beta: NaN })).toThrow('Sparsity: beta is NaN, wants a finite number');
  });
});

describe('contractivePenalty', () => {
  test("is λ times the mean of the Jacobian's squared norm", async () => {
    const [w, bias] = [noisy([6, 4], 2), noisy([4], 3)];
    const x = noisy([5, 6], 4);
    const code = ops.sigmoid(ops.linear(x, w, bias));
    x.requiresGrad = true;
    let total = 0;
    for (let j = 0; j < 4; j++) {
      // Samples do not see one another: the gradient of a unit's sum holds a row of each one's Jacobian.
      const unit = ops.sigmoid(ops.linear(x, w, bias)).slice([0, j], [5, j + 1]);
      total += (await grad(unit.sum(), [x])[0]!.data()).reduce((sum, v) => sum + v * v, 0);
    }
    const value = await loss.contractivePenalty(code, w, { lambda: 0.3 }).item();
    expect(Math.abs(value / ((0.3 * total) / 5) - 1)).toBeLessThan(1e-5);
  });

  test('gradients agree with differences, with the same bits for 1 and 2 threads', async () => {
    const byWeight = (w: Tensor, x: Tensor): Tensor =>
      loss.contractivePenalty(ops.sigmoid(ops.matmul(x, w)), w, { lambda: 2 });
    await expectGradients(byWeight, [noisy([4, 3]), noisy([5, 4], 2)], { tolerance: 1e-3 });
    const [code, w] = [activations([301, 77]), noisy([203, 77])];
    for (const t of [code, w]) t.requiresGrad = true;
    await expectSameBits(() => {
      const y = loss.contractivePenalty(code, w);
      return [y, ...grad(y, [code, w])];
    });
  });

  test('refuses', () => {
    const [code, w] = [activations([5, 4]), noisy([6, 4])];
    for (const lambda of [-1, NaN, Infinity]) {
      expect(() => loss.contractivePenalty(code, w, { lambda })).toThrow(/^contractivePenalty: lambda is/);
    }
    expect(() => loss.contractivePenalty(code, noisy([4, 6]))).toThrow(
      'contractivePenalty: code is [5, 4] and weight [4, 6], wants [N, units] and [inputs, units]',
    );
    expect(() => loss.contractivePenalty(noisy([4]), w)).toThrow(RangeError);
  });
});
