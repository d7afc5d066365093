import { describe, expect, test } from 'vitest';
import { data, grad, memory, models, ops, setSeed, type Tensor } from '../../lib/index.js';
import { expectClose, expectGradients, expectSameBits, f32, noise, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { energies, exact, setParameters, statesOf } from './boltzmann.js';

const kinds = ['bernoulli', 'gaussian'] as const;

function machine(visibleUnits: (typeof kinds)[number], visible = 5, hidden = 4): models.RBM {
  const rbm = new models.RBM(visible, hidden, { visibleUnits });
  setParameters(rbm, 1.5);
  return rbm;
}

describe.each(kinds)('with %s units', (kind) => {
  test('the free energy is that of all states of the hidden units', async () => {
    const rbm = machine(kind);
    const v = noise(7 * 5, 4).map((x) => (kind === 'gaussian' ? 2 * x : x > 0 ? 1 : 0));
    const expected = Array.from({ length: 7 }, (_, n) => {
      const row = v.subarray(5 * n, 5 * n + 5);
      return -Math.log(energies(rbm, row, statesOf(4)).reduce((sum, e) => sum + Math.exp(-e), 0));
    });
    await expectClose(rbm.freeEnergy(f32(v, [7, 5])), expected, 1e-6);
  });

  test('forward and decode are the conditional probabilities and means', async () => {
    const rbm = machine(kind);
    const v = noise(5, 5);
    const weights = energies(rbm, v, statesOf(4)).map((e) => Math.exp(-e));
    const total = weights.reduce((sum, w) => sum + w, 0);
    const on = [0, 1, 2, 3].map((j) =>
      statesOf(4).reduce((sum, h, s) => sum + (h[j]! * weights[s]!) / total, 0),
    );
    await expectClose(rbm.forward(f32(v, [1, 5])), on, 1e-6);
    expect(await rbm.encode(f32(v, [1, 5])).data()).toEqual(await rbm.forward(f32(v, [1, 5])).data());

    const h = [1, 0, 1, 1];
    const [w, b] = await Promise.all([rbm.weight.data(), rbm.visibleBias.data()]);
    const means = Array.from(b, (bias, i) => {
      const x = h.reduce((sum, unit, j) => sum + unit * w[4 * i + j]!, bias);
      return kind === 'gaussian' ? x : 1 / (1 + Math.exp(-x));
    });
    await expectClose(rbm.decode(f32(h, [1, 4])), means, 1e-6);
  });

  test('the gradient of the free energy agrees with differences', async () => {
    const rbm = machine(kind);
    const lent = (weight: Tensor, hiddenBias: Tensor, v: Tensor): Tensor =>
      (Object.create(rbm, { weight: { value: weight }, hiddenBias: { value: hiddenBias } }) as models.RBM) //
        .freeEnergy(v);
    await expectGradients(lent, [noisy([5, 4], 2), noisy([4], 3), noisy([6, 5], 4)], { tolerance: 1e-3 });
  });

  test('has the same bits with 1 and 2 threads, and leaves nothing behind', async () => {
    const rbm = new models.RBM(301, 77, { visibleUnits: kind });
    setParameters(rbm, 0.1);
    const v = f32(noise(67 * 301).map((x) => Math.abs(x)), [67, 301]); // prettier-ignore
    await expectSameBits(() => {
      setSeed(3);
      const energy = rbm.freeEnergy(v);
      return [energy, rbm.forward(v), rbm.gibbs(v, 3), ...grad(energy, [rbm.weight], energy.detach())];
    });
    await collectGarbage();
    const before = memory().liveTensors;
    rbm.gibbs(v, 3).dispose();
    for (const y of [rbm.forward(v), rbm.decode(rbm.forward(v)), rbm.freeEnergy(v)]) y.dispose();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  });
});

test('Gibbs sampling ends in draws of the distribution', async () => {
  setSeed(1);
  const rbm = machine('bernoulli', 4, 3);
  const { probabilities } = exact(rbm);
  const n = 40_000;
  const drawn = await rbm.gibbs(ops.bernoulli(ops.full([n, 4], 0.5)), 40).data();
  const counts = new Array<number>(16).fill(0);
  for (let i = 0; i < n; i++)
    counts[drawn.subarray(4 * i, 4 * i + 4).reduce((s, bit) => 2 * s + bit, 0)]! += 1 / n;
  const distance = probabilities.reduce((sum, p, s) => sum + Math.abs(p - counts[s]!), 0) / 2;
  expect(distance).toBeLessThan(0.015);
  // From a chain of no steps comes what it was given.
  const start = noisy([3, 4]);
  expect(await rbm.gibbs(start, 0).data()).toEqual(await start.data());
});

test('takes images, and leaves them as they are', () => {
  const rbm = new models.RBM(12, 5);
  const x = noisy([3, 2, 6, 1]);
  expect(rbm.forward(x).shape).toEqual([3, 5]);
  expect(rbm.gibbs(x).shape).toEqual([3, 12]);
  expect(rbm.freeEnergy(x).shape).toEqual([3]);
  expect(rbm.forward(noisy([0, 12])).shape).toEqual([0, 5]);
  expect(x.disposed).toBe(false);
});

test('persistent chains are a buffer', async () => {
  setSeed(2);
  const rbm = new models.RBM(6, 3, { chains: 200 });
  expect([...rbm.stateDict().keys()]).toEqual(['weight', 'visibleBias', 'hiddenBias', 'chains']);
  const bits = await rbm.chains!.data();
  expect(new Set(bits)).toEqual(new Set([0, 1]));
  const share = bits.reduce((sum, bit) => sum + bit, 0) / bits.length;
  expect(Math.abs(share - 0.5)).toBeLessThan(0.06);
  expect(new models.RBM(6, 3, { visibleUnits: 'gaussian', chains: 2 }).chains!.shape).toEqual([2, 6]);
});

describe('DBN', () => {
  test('goes up and down machine by machine', async () => {
    setSeed(1);
    const dbn = new models.DBN([6, 5, 4], { visibleUnits: 'gaussian', chains: 3 });
    expect(dbn.layers.map(({ visibleUnits }) => visibleUnits)).toEqual(['gaussian', 'bernoulli']);
    expect(dbn.layers.map(({ chains }) => chains?.shape)).toEqual([[3, 6], [3, 5]]); // prettier-ignore
    const [first, second] = dbn.layers as [models.RBM, models.RBM];
    setParameters(first, 1);
    setParameters(second, 1);
    const x = noisy([3, 2, 3]);
    expect(await dbn.forward(x).data()).toEqual(await second.forward(first.forward(x)).data());
    const code = dbn.encode(x);
    expect(await dbn.decode(code).data()).toEqual(await first.decode(second.decode(code)).data());
    expect(dbn.sample(7, { steps: 2 }).shape).toEqual([7, 6]);
    expect([...dbn.stateDict().keys()].slice(0, 2)).toEqual(['layers.0.weight', 'layers.0.visibleBias']);
  });

  test('becomes a deep sigmoid network, and an autoencoder, with weights of their own', async () => {
    const dbn = new models.DBN([6, 5, 4]);
    for (const layer of dbn.layers) setParameters(layer, 1);
    const x = noisy([3, 2, 3]);
    const classifier = dbn.classifier(7);
    expect(classifier.forward(x).shape).toEqual([3, 7]);
    let hidden: Tensor = x;
    for (let i = 0; i < classifier.length - 1; i++) hidden = classifier.at(i).forward(hidden);
    await expectClose(hidden, await dbn.forward(x).data());
    const autoencoder = dbn.autoencoder();
    const y = autoencoder.forward(x);
    expect(y.shape).toEqual(x.shape);
    await expectClose(y, await dbn.decode(dbn.encode(x)).data());
    const before = await dbn.forward(x).data();
    for (const p of [...classifier.parameters(), ...autoencoder.parameters()]) {
      expect(p.requiresGrad).toBe(true);
      p.assign(ops.zeros(p.shape));
    }
    expect(await dbn.forward(x).data()).toEqual(before);
  });
});

test('refuses', () => {
  expect(() => new models.RBM(0, 3)).toThrow('RBM: visible is 0, wants a whole number from 1 on');
  expect(() => new models.RBM(3, 2.5)).toThrow(RangeError);
  expect(() => new models.RBM(3, '2' as never)).toThrow(TypeError);
  expect(() => new models.RBM(3, 2, { visibleUnits: 'poisson' as never })).toThrow(
    "RBM: visibleUnits is 'poisson', wants 'bernoulli' or 'gaussian'",
  );
  for (const chains of [-1, NaN, 1.5]) {
    expect(() => new models.RBM(3, 2, { chains })).toThrow(/^RBM: chains is/);
  }
  const rbm = new models.RBM(6, 3);
  expect(() => rbm.forward(noisy([3, 5]))).toThrow('RBM: input is [3, 5], wants 6 numbers of each sample');
  expect(() => rbm.freeEnergy(noisy([6]))).toThrow(/RBM: input is \[6\]/);
  expect(() => rbm.gibbs(noisy([2, 6]), -1)).toThrow('gibbs: steps is -1, wants a whole number from 0 on');
  expect(() => rbm.forward(undefined as never)).toThrow(/RBM: input is undefined, wants a tensor/);
  for (const widths of [[], [3], [3, 0], [3, NaN], 'x']) {
    expect(() => new models.DBN(widths as number[])).toThrow(/^DBN: widths/);
  }
  expect(() => new models.DBN([3, 2]).classifier(0)).toThrow(/^classifier: classes is 0/);
  expect(() => new models.DBN([3, 2]).sample(0)).toThrow(/^sample: n is 0/);
  expect(() => data.reconstruction(3 as never)).toThrow(
    'reconstruction: dataset is 3, wants one with length and get()',
  );
});
