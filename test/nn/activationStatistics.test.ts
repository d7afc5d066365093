import { describe, expect, test } from 'vitest';
import { init, memory, models, nn, randn, setSeed, tensor, zeros } from '../../lib/index.js';
import { f32, i32, noise } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Ten layers with activations, deep enough for values to vanish or to explode. */
function deep(activation: () => nn.Module, fill: (weight: nn.Parameter) => void): nn.Sequential {
  const layers = Array.from({ length: 10 }, () => [new nn.Linear(100, 100, { bias: false }), activation()]);
  const model = new nn.Sequential(...layers.flat());
  return model.apply((layer) => {
    if (layer instanceof nn.Linear) fill(layer.weight);
  });
}

describe('activationStatistics', () => {
  test('tells mean, deviation, zeros and dead units of every layer', async () => {
    const fc = new nn.Linear(3, 3);
    init.identity(fc.weight);
    init.zeros(fc.bias!);
    const model = new nn.Sequential({ fc, relu: new nn.ReLU(), inner: new nn.Sequential(new nn.Tanh()) });
    const [linear, relu, tanh, ...more] = await nn.activationStatistics(
      model,
      tensor([[1, -1, 0], [3, -3, 0]]),
    ); // prettier-ignore
    expect(more).toEqual([]);
    expect(linear).toMatchObject({ path: 'fc', kind: 'Linear', shape: [2, 3], mean: 0, dead: null });
    expect(linear!.std).toBeCloseTo(Math.sqrt(20 / 6), 6);
    expect(linear!.zeros).toBeCloseTo(1 / 3, 6);
    expect(relu).toMatchObject({ path: 'relu', kind: 'ReLU', shape: [2, 3] });
    expect(relu!.mean).toBeCloseTo(2 / 3, 6);
    expect(relu!.std).toBeCloseTo(Math.sqrt(10 / 6 - 4 / 9), 6);
    expect(relu!.zeros).toBeCloseTo(4 / 6, 6);
    expect(relu!.dead).toBeCloseTo(2 / 3, 6);
    expect(tanh).toMatchObject({ path: 'inner.0', kind: 'Tanh', dead: null });
  });

  test('agrees with the outputs of a convolutional network', async () => {
    const model = models.lenet5();
    const x = f32(noise(4 * 28 * 28, 1), [4, 28, 28, 1]);
    const all = await nn.activationStatistics(model, x);
    expect(all.map(({ path }) => path)).toEqual(Array.from(model.children(), ([name]) => name));
    let y = x;
    for (const [i, { mean, std, zeros: share, dead, kind }] of all.entries()) {
      y = model.at(i).forward(y);
      const values = await y.data();
      const average = values.reduce((sum, v) => sum + v, 0) / values.length;
      const square = values.reduce((sum, v) => sum + (v - average) ** 2, 0) / values.length;
      expect(mean).toBeCloseTo(average, 5);
      expect(std).toBeCloseTo(Math.sqrt(square), 5);
      expect(share).toBeCloseTo(values.filter((v) => v === 0).length / values.length, 6);
      const units = y.shape.at(-1)!;
      const alive = new Set([...values.keys()].filter((k) => values[k]! > 0).map((k) => k % units));
      if (kind === 'ReLU') expect(dead).toBeCloseTo(1 - alive.size / units, 6);
      else expect(dead).toBeNull();
    }
  });

  test('sees the ReLU that a block does in a pass of its norm', async () => {
    const block = new models.BasicBlock(3, 4);
    block.eval();
    const all = await nn.activationStatistics(block, randn([2, 5, 5, 3]));
    const of = (name: string) => all.find(({ path }) => path === name)!;
    expect(of('bn1').dead).not.toBeNull();
    expect(of('bn1').zeros).toBeGreaterThan(0.1);
    expect(of('conv1').dead).toBeNull();
    expect(of('')).toMatchObject({ kind: 'BasicBlock', shape: [2, 5, 5, 4], mean: of('bn2').mean });
  });

  test.each<[string, () => nn.Module, (w: nn.Parameter) => void, (stds: number[]) => boolean]>([
    ['too small', () => new nn.Tanh(), (w) => init.normal(w, { std: 0.01 }), (s) => s.at(-1)! < 1e-6],
    ['too big', () => new nn.ReLU(), (w) => init.normal(w, { std: 1 }), (s) => s.at(-1)! > 1e5],
    ['saturated', () => new nn.Tanh(), (w) => init.normal(w, { std: 3 }), (s) => s.at(-1)! > 0.95],
    ['just right for tanh', () => new nn.Tanh(), (w) => init.xavierNormal(w), (s) => s.every((v) => v > 0.2 && v < 0.8)],
    ['just right for ReLU', () => new nn.ReLU(), (w) => init.kaimingNormal(w), (s) => s.every((v) => v > 0.3 && v < 2)],
    ['just right for SELU', () => new nn.SELU(), (w) => init.lecunNormal(w), (s) => s.every((v) => v > 0.8 && v < 1.2)],
  ])('shows weights that are %s', async (_, activation, fill, expected) => {
    setSeed(6);
    const all = await nn.activationStatistics(deep(activation, fill), randn([200, 100]));
    const stds = all.filter(({ kind }) => kind !== 'Linear').map(({ std }) => std);
    expect(stds).toHaveLength(10);
    expect(expected(stds), stds.join(' ')).toBe(true);
  }); // prettier-ignore

  test('leaves nothing behind, and no gradients', async () => {
    const model = models.lenet5();
    const x = randn([2, 28, 28, 1]);
    await collectGarbage();
    const before = memory().liveTensors;
    await nn.activationStatistics(model, x);
    expect(memory().liveTensors).toBe(before);
    expect(model.training).toBe(true);
    expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
  });

  test('refuses what is no batch', async () => {
    const model = new nn.Sequential(new nn.ReLU());
    await expect(nn.activationStatistics(model, zeros([0, 3]))).rejects.toThrow(
      /batch \[0, 3\] has no elements/,
    );
    await expect(nn.activationStatistics(model, {} as never)).rejects.toThrow(
      /batch is an object, wants a tensor/,
    );
    await expect(nn.activationStatistics({} as never, zeros([1]))).rejects.toThrow(
      /observe: model is an object/,
    );
    await expect(nn.activationStatistics(model, i32([1], [1]) as never)).rejects.toThrow(
      /relu: input is i32/,
    );
  });
});
