import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  Checkpoint,
  data,
  grad,
  memory,
  models,
  noGrad,
  normal,
  optim,
  pretrain,
  setSeed,
  tensor,
  Trainer,
  uniform,
  type Callback,
  type Tensor,
} from '../../lib/index.js';
import { expectClose, expectSameBits, f32, i32, noise, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import {
  hiddenOf,
  likelihoodGradient,
  logLikelihood,
  parametersOf,
  setParameters,
  statesOf,
  visibleOf,
} from '../models/boltzmann.js';

interface Case {
  visibleUnits?: models.VisibleUnits;
  chains?: number;
  k?: number;
  sampleVisible?: boolean;
  sparsity?: { target: number; cost: number };
}

const [samples, visible, hidden] = [13, 9, 7];

/** The update in plain loops, with the draws that the operations make after setSeed(seed). */
function reference(rbm: models.RBM, v: readonly number[][], c: Case, seed: number) {
  const { k = 1, visibleUnits = 'bernoulli', sparsity } = c;
  const sampleVisible = c.sampleVisible ?? rbm.chains !== null;
  const gaussian = visibleUnits === 'gaussian';
  const p = parametersOf(rbm);
  const h0 = v.map((row) => hiddenOf(p, row));
  const chains = rbm.chains?.dataSync();
  const starts = chains
    ? Array.from({ length: chains.length / visible }, (_, n) => [
        ...chains.subarray(n * visible, (n + 1) * visible),
      ])
    : v;
  const m = starts.length;
  setSeed(seed);
  let h = starts.map((row) => hiddenOf(p, row));
  let ends: number[][] = [];
  let first = ends;
  for (let step = 0; step < k; step++) {
    const u = uniform([m, hidden]).dataSync();
    const on = h.map((row, n) => row.map((probability, j) => (u[n * hidden + j]! < probability ? 1 : 0)));
    ends = on.map((row) => visibleOf(p, row, gaussian));
    if (step === 0) first = ends;
    if (sampleVisible) {
      const draws = (gaussian ? normal([m, visible]) : uniform([m, visible])).dataSync();
      ends = ends.map((row, n) =>
        row.map((mean, i) => {
          const draw = draws[n * visible + i]!;
          return gaussian ? mean + draw : draw < mean ? 1 : 0;
        }),
      );
    }
    h = ends.map((row) => hiddenOf(p, row));
  }
  const means = (rows: readonly (readonly number[])[]): number[] =>
    rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
  const products = (a: readonly number[][], b: readonly number[][]): number[] =>
    means(a.map((row, n) => row.flatMap((x) => b[n]!.map((y) => x * y))));
  const pull = means(h0).map((q) => (sparsity ? sparsity.cost * (q - sparsity.target) : 0));
  const ofData = means(v);
  const [model, taught] = [products(ends, h), products(v, h0)];
  const recovered = chains ? h0.map((row) => visibleOf(p, row, gaussian)) : first;
  const error = means(v.map((row, n) => [means(row.map((x, i) => [(x - recovered[n]![i]!) ** 2]))[0]!]))[0]!;
  return {
    error,
    ends,
    gradients: [
      model.map((x, i) => x - taught[i]! + ofData[Math.floor(i / hidden)]! * pull[i % hidden]!),
      means(ends).map((x, i) => x - ofData[i]!),
      means(h).map((x, j) => x - means(h0)[j]! + pull[j]!),
    ],
  };
}

const cases: Case[] = [
  {},
  { k: 3 },
  { sampleVisible: true },
  { k: 2, sampleVisible: true, sparsity: { target: 0.1, cost: 0.7 } },
  { chains: 5 },
  { chains: 20, k: 3, sampleVisible: false },
  { visibleUnits: 'gaussian' },
  { visibleUnits: 'gaussian', sampleVisible: true, k: 2 },
  { visibleUnits: 'gaussian', chains: 6, sparsity: { target: 0.2, cost: 0.1 } },
];

test.each(cases)('%j is the plain loop with the same draws', async (c) => {
  const { visibleUnits, chains, ...options } = c;
  setSeed(1);
  const rbm = new models.RBM(visible, hidden, { visibleUnits, chains });
  setParameters(rbm, 0.8);
  const values = noise(samples * visible, 3).map((x) => (visibleUnits === 'gaussian' ? x : Math.abs(x)));
  const rows = Array.from({ length: samples }, (_, n) => [
    ...values.subarray(n * visible, (n + 1) * visible),
  ]);
  const expected = reference(rbm, rows, c, 5);
  const v = f32(values, [samples, 3, 3]);
  const lossOf = pretrain.contrastiveDivergence(rbm, options);
  setSeed(5);
  const error = lossOf(rbm.forward(v), v);
  expect(Math.abs((await error.item()) / expected.error - 1)).toBeLessThan(1e-5);
  const gradients = grad(error, rbm.parameters());
  for (const [i, g] of gradients.entries()) await expectClose(g, expected.gradients[i]!, 1e-5);
  if (rbm.chains) await expectClose(rbm.chains, expected.ends.flat(), 1e-6);
});

test('is the difference of free energies by its gradient', async () => {
  const rbm = new models.RBM(visible, hidden);
  setParameters(rbm, 1);
  const v = f32(noise(samples * visible, 3).map((x) => (x > 0 ? 1 : 0)), [samples, visible]); // prettier-ignore
  setSeed(5);
  const gradients = grad(
    pretrain.contrastiveDivergence(rbm, { sampleVisible: true })(rbm.forward(v), v),
    rbm.parameters(),
  );
  setSeed(5);
  const after = rbm.gibbs(v);
  const difference = rbm.freeEnergy(v).mean().sub(rbm.freeEnergy(after).mean());
  for (const [i, g] of grad(difference, rbm.parameters()).entries()) {
    await expectClose(gradients[i]!, await g.data(), 1e-5);
  }
});

/** The bars and stripes of a square: what a machine without hidden units cannot learn. */
function barsAndStripes(side: number): number[][] {
  const lines = statesOf(side);
  const bars = lines.map((line) => line.flatMap((bit) => new Array<number>(side).fill(bit)));
  const stripes = lines.map((line) => new Array<number[]>(side).fill(line).flat());
  return [...new Map([...bars, ...stripes].map((v) => [v.join(''), v])).values()];
}

describe('against the likelihood, by all states', () => {
  const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
      Array.from(x).reduce((sum, value, i) => sum + value * y[i]!, 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };

  test('its direction is much that of the exact gradient, and more so with more steps', async () => {
    const patterns = barsAndStripes(3);
    const many = Array.from({ length: 600 * patterns.length }, (_, i) => patterns[i % patterns.length]!);
    const v = tensor(many);
    for (const seed of [1, 2, 3]) {
      setSeed(seed);
      const rbm = new models.RBM(9, 5);
      rbm.weight.assign(normal([9, 5], 0, 0.6));
      const wanted = likelihoodGradient(rbm, patterns);
      const found: number[] = [];
      for (const k of [1, 20]) {
        const lossOf = pretrain.contrastiveDivergence(rbm, { k, sampleVisible: true });
        const gradients = grad(lossOf(rbm.forward(v), v), rbm.parameters());
        const all = await Promise.all(gradients.map((g) => g.data()));
        found.push(cosine(all.flatMap((g) => [...g]), wanted)); // prettier-ignore
      }
      expect(found[0]).toBeGreaterThan(0.6);
      expect(found[1]).toBeGreaterThan(0.98);
    }
  });

  test.each([0, 100])('training with %i persistent chains raises it', async (chains) => {
    const patterns = barsAndStripes(3);
    const train = new data.TensorDataset(tensor(patterns), tensor(patterns));
    for (const seed of [1, 2]) {
      setSeed(seed);
      const rbm = new models.RBM(9, 8, { chains });
      const before = logLikelihood(rbm, patterns);
      expect(Math.abs(before + 9 * Math.LN2)).toBeLessThan(0.1);
      const optimizer = new optim.SGD(rbm.parameters(), { lr: 0.1, momentum: 0.5 });
      const lossOf = pretrain.contrastiveDivergence(rbm, { sampleVisible: true });
      const trainer = new Trainer(rbm, { optimizer, loss: lossOf });
      await trainer.fit(train, { epochs: 1500, batchSize: 14, progress: false });
      // At most −ln 14 = −2.64.
      expect(logLikelihood(rbm, patterns)).toBeGreaterThan(chains > 0 ? -4.2 : -5);
    }
  });
});

describe('as the loss of a Trainer', () => {
  const inputs = (): data.Dataset => {
    const x = noise(60 * visible, 2).map((value, i) => (value > (i % visible < 4 ? -0.7 : 0.7) ? 1 : 0));
    return data.reconstruction(new data.TensorDataset(f32(x, [60, visible]), i32(new Int32Array(60), [60])));
  };

  function prepared(chains = 4): Trainer {
    setSeed(4);
    const rbm = new models.RBM(visible, hidden, { chains });
    const optimizer = new optim.SGD(
      [{ parameters: [rbm.weight], weightDecay: 1e-3 }, { parameters: [rbm.visibleBias, rbm.hiddenBias] }],
      { lr: 0.1, momentum: 0.9 },
    );
    return new Trainer(rbm, { optimizer, loss: pretrain.contrastiveDivergence(rbm) });
  }

  test('it lowers the reconstruction error, which evaluation measures without draws', async () => {
    const trainer = prepared(0);
    const before = await trainer.evaluate(inputs());
    expect(await trainer.evaluate(inputs())).toEqual(before);
    const options = { epochs: 30, batchSize: 10, seed: 1, progress: false, validation: inputs() };
    const { epochs } = await trainer.fit(inputs(), options);
    expect(epochs.at(-1)!.validation!.loss).toBeLessThan(0.8 * before.loss);
    expect(epochs.at(-1)!.loss).toBeLessThan(0.9 * epochs[0]!.loss);
  });

  test('chains stay where they are in evaluation', async () => {
    const trainer = prepared();
    const chains = trainer.model.stateDict().get('chains')!;
    const before = await chains.data();
    await trainer.evaluate(inputs());
    expect(await chains.data()).toEqual(before);
    await trainer.fit(inputs(), { batchSize: 10, progress: false });
    expect(await chains.data()).not.toEqual(before);
  });

  test('a training that is interrupted goes on to the same bits, chains and all', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'striate-'));
    try {
      const options = { epochs: 4, batchSize: 16, seed: 3, progress: false };
      const whole = prepared();
      await whole.fit(inputs(), options);
      const interrupted = prepared();
      const stop: Callback = {
        onEpochEnd({ epoch }) {
          if (epoch === 2) interrupted.stop();
        },
      };
      await interrupted.fit(inputs(), { ...options, callbacks: [new Checkpoint({ folder }), stop] });
      const resumed = prepared();
      const resume = join(folder, 'last.safetensors');
      await resumed.fit(inputs(), { ...options, resume, callbacks: [new Checkpoint({ folder })] });
      for (const [name, expected] of whole.model.stateDict()) {
        expect(await resumed.model.stateDict().get(name)!.data(), name).toEqual(await expected.data());
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a sparsity target brings the hidden units near it', async () => {
    const mean = async (sparsity: Case['sparsity']): Promise<number> => {
      setSeed(5);
      const rbm = new models.RBM(visible, hidden);
      const optimizer = new optim.SGD(rbm.parameters(), { lr: 0.2, momentum: 0.5 });
      const loss = pretrain.contrastiveDivergence(rbm, { sparsity });
      const trainer = new Trainer(rbm, { optimizer, loss });
      await trainer.fit(inputs(), { epochs: 60, batchSize: 10, seed: 1, progress: false });
      const [x] = await inputs().batch!(Int32Array.from({ length: 60 }, (_, i) => i));
      return rbm.forward(x).mean().item();
    };
    expect(await mean(undefined)).toBeGreaterThan(0.25);
    expect(Math.abs((await mean({ target: 0.1, cost: 1 })) - 0.1)).toBeLessThan(0.06);
  });
});

test('has the same bits with 1 and 2 threads', async () => {
  const rbm = new models.RBM(301, 77);
  setParameters(rbm, 0.2);
  const v = f32(noise(67 * 301).map((x) => Math.abs(x)), [67, 301]); // prettier-ignore
  await expectSameBits(() => {
    setSeed(3);
    const error = pretrain.contrastiveDivergence(rbm, { k: 2, sampleVisible: true })(rbm.forward(v), v);
    return [error, ...grad(error, rbm.parameters())];
  });
});

test('leaves nothing behind, and skips what is frozen', async () => {
  for (const chains of [0, 3]) {
    const rbm = new models.RBM(visible, hidden, { chains });
    rbm.visibleBias.requiresGrad = false;
    const lossOf = pretrain.contrastiveDivergence(rbm, { sparsity: { target: 0.1, cost: 1 } });
    const v = noisy([samples, visible]);
    const step = (work: (error: Tensor) => void): void => {
      using output = rbm.forward(v);
      using error = lossOf(output, v);
      work(error);
    };
    await collectGarbage();
    const before = memory().liveTensors;
    step((error) => error.backward());
    expect(rbm.visibleBias.grad).toBeNull();
    expect(rbm.weight.grad?.shape).toEqual([visible, hidden]);
    rbm.zeroGrad();
    noGrad(() => step(() => undefined));
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  }
});

test('what is no number shows in the error', async () => {
  const rbm = new models.RBM(3, 2);
  const v = f32([0, NaN, 1], [1, 3]);
  expect(await pretrain.contrastiveDivergence(rbm)(rbm.forward(v), v).item()).toBeNaN();
});

test('refuses', () => {
  const rbm = new models.RBM(3, 2);
  const make = (options: object) => () => pretrain.contrastiveDivergence(rbm, options);
  expect(() => pretrain.contrastiveDivergence(3 as never)).toThrow(
    new TypeError('contrastiveDivergence: rbm is 3, wants an RBM'),
  );
  for (const k of [0, -1, 1.5, NaN]) expect(make({ k })).toThrow(/^contrastiveDivergence: k is/);
  expect(make({ sampleVisible: 1 })).toThrow(TypeError);
  expect(make({ sparsity: { target: 2, cost: 1 } })).toThrow(/sparsity\.target is 2/);
  expect(make({ sparsity: { target: 0.1, cost: -1 } })).toThrow(/sparsity\.cost is -1/);
  const lossOf = pretrain.contrastiveDivergence(rbm);
  const v = noisy([2, 3]);
  expect(() => lossOf(rbm.forward(v), i32([1, 2], [2]))).toThrow(
    'contrastiveDivergence: the target is i32, wants the data; see data.reconstruction',
  );
  expect(() => lossOf(rbm.forward(v), noisy([2, 4]))).toThrow(/^RBM: input is \[2, 4\]/);
  expect(() => lossOf(null as never, v)).toThrow(/contrastiveDivergence: hidden is null/);
});
