import { describe, expect, test } from 'vitest';
import {
  Checkpoint,
  data,
  Ensemble,
  io,
  loss,
  memory,
  models,
  nn,
  noGrad,
  ops,
  optim,
  setSeed,
  SnapshotEnsemble,
  StriateError,
  synchronize,
  tensor,
  Trainer,
  type Callback,
  type EnsembleOptions,
  type Tensor,
} from '../../lib/index.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectGradients, f32, noisy, relativeError } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Gives what it is made of, whatever its input. */
class Fixed extends nn.Module {
  readonly scores: Tensor;
  runs = 0;
  constructor(scores: Tensor) {
    super();
    this.scores = scores.keep();
  }
  override forward(x: Tensor): Tensor {
    this.runs++;
    return ops.add(this.scores, ops.mul(x.sum(), 0));
  }
}

const [n, classes] = [7, 5];

/** Logits of three members, some of them so large that probabilities underflow. */
function logits(): Tensor[] {
  return [1, 2, 3].map((seed) => {
    const scores = ops.mul(noisy([n, classes], seed), seed === 2 ? 150 : 4);
    return scores.keep();
  });
}

/** ln of the weighted mean of softmax, or the weighted mean, of each row in double precision. */
async function plain(parts: Tensor[], weights: number[], average: string): Promise<Float64Array> {
  const rows = await Promise.all(parts.map(async (part) => Float64Array.from(await part.data())));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Float64Array.from({ length: n * classes }, (_, k) => {
    const row = Math.floor(k / classes) * classes;
    const terms = rows.map((scores, i) => {
      const own = scores.subarray(row, row + classes);
      const largest = Math.max(...own);
      const logSum = largest + Math.log(own.reduce((total, v) => total + Math.exp(v - largest), 0));
      return { share: weights[i]! / sum, score: scores[k]!, log: scores[k]! - logSum };
    });
    if (average === 'logits') return terms.reduce((total, { share, score }) => total + share * score, 0);
    const most = Math.max(...terms.filter(({ share }) => share > 0).map(({ log }) => log));
    return most + Math.log(terms.reduce((total, { share, log }) => total + share * Math.exp(log - most), 0));
  });
}

const x = () => noisy([n, 2], 9);

describe('Ensemble', () => {
  test.each([
    ['probabilities', [1, 1, 1]],
    ['probabilities', [3, 0.5, 1.5]],
    ['probabilities', [0, 2, 1]],
    ['logits', [1, 1, 1]],
    ['logits', [3, 0.5, 1.5]],
  ] as const)('gives the mean of %s with weights %j', async (average, weights) => {
    const parts = logits();
    const ensemble = new Ensemble(
      parts.map((part) => new Fixed(part)),
      { average, weights },
    );
    const y = await ensemble.forward(x()).data();
    const expected = await plain(parts, [...weights], average);
    expect(relativeError(y, expected)).toBeLessThan(1e-6);
    for (let i = 0; i < y.length; i++) expect(Math.abs(y[i]! - expected[i]!)).toBeLessThan(1e-4);
  });

  test('softmax of its scores is the mean of the probabilities; cross-entropy is that of the mean', async () => {
    const parts = logits();
    const ensemble = new Ensemble(parts.map((part) => new Fixed(part)));
    const y = ensemble.forward(x());
    const probabilities = await ops.softmax(y).data();
    const own = await Promise.all(parts.map((part) => ops.softmax(part).data()));
    const mean = own[0]!.map((_, i) => own.reduce((sum, p) => sum + p[i]! / 3, 0));
    expect(relativeError(probabilities, mean)).toBeLessThan(1e-6);
    const labels = tensor(Int32Array.from({ length: n }, (_, i) => i % classes));
    const expected =
      -Array.from({ length: n }, (_, i) => Math.log(mean[i * classes + (i % classes)]!)).reduce(
        (a, b) => a + b,
      ) / n;
    expect(await loss.crossEntropy(y, labels).item()).toBeCloseTo(expected, 5);
  });

  test('of classes that are ruled out, and of maps of scores', async () => {
    const ruled = f32([-Infinity, 0, Infinity * 0 || 1, -Infinity, 2, 2], [2, 3]);
    const ensemble = new Ensemble([new Fixed(ruled), new Fixed(f32([-Infinity, 1, 1, 0, 0, 0], [2, 3]))]);
    const p = await ops.softmax(ensemble.forward(x())).data();
    expect(p[0]).toBe(0);
    expect(p[3]).toBeCloseTo(1 / 6, 6);
    expect([...p].every(Number.isFinite)).toBe(true);
    const maps = new Ensemble([new nn.Conv2d(2, 3, 1), new nn.Conv2d(2, 3, 1)]);
    expect(maps.forward(noisy([2, 4, 5, 2])).shape).toEqual([2, 4, 5, 3]);
  });

  test.each(['probabilities', 'logits'] as const)('gradients of %s reach the members', async (average) => {
    const make = (a: Tensor, b: Tensor): Ensemble => {
      const own = (t: Tensor): nn.Module => {
        const module = new nn.Identity();
        module.forward = (input) => ops.mul(input, t);
        return module;
      };
      return new Ensemble([own(a), own(b)], { average, weights: [1, 2] });
    };
    await expectGradients(
      (a, b, input) => make(a, b).forward(input),
      [noisy([1, 4], 1), noisy([1, 4], 2), noisy([3, 4], 3)],
    );
  });

  test('works with evaluate() and predict(), is saved and loaded, and leaves nothing behind', async () => {
    setSeed(8);
    const members = [1, 2, 3].map(
      () => new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Dropout(), new nn.Linear(8, 3)),
    );
    const ensemble = new Ensemble(members);
    const optimizer = new optim.SGD(ensemble.parameters());
    const trainer = new Trainer(ensemble, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
    const labels = tensor(Int32Array.from({ length: 40 }, (_, i) => i % 3));
    const set = new data.TensorDataset(noisy([40, 2], 1), labels);
    await collectGarbage();
    const before = memory().liveTensors;
    const { loss: measured, accuracy } = await trainer.evaluate(set, { batchSize: 7 });
    const scores = await trainer.predict(set.x as Tensor, { batchSize: 9 });
    expect(await loss.crossEntropy(scores, labels).item()).toBeCloseTo(measured, 5);
    const best = await ops.argMax(scores).data();
    expect(best.filter((k, i) => k === i % 3).length / 40).toBe(accuracy);
    scores.dispose();
    await synchronize();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
    expect([...ensemble.stateDict().keys()].slice(0, 3)).toEqual([
      'members.0.0.weight',
      'members.0.0.bias',
      'members.0.3.weight',
    ]);
    const folder = await mkdtemp(join(tmpdir(), 'striate-ensemble-'));
    try {
      await io.saveSafetensors(ensemble, join(folder, 'e.safetensors'));
      const other = new Ensemble(
        members.map(
          () => new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Dropout(), new nn.Linear(8, 3)),
        ),
      );
      await io.loadSafetensors(other, join(folder, 'e.safetensors'));
      const answers = [ensemble, other].map((e) => noGrad(() => e.eval().forward(x())));
      expect(await answers[1]!.data()).toEqual(await answers[0]!.data());
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('holds the intermediates of one member at a time', async () => {
    const wide = () => new nn.Sequential(new nn.Linear(4, 4000), new nn.ReLU(), new nn.Linear(4000, 3));
    const input = noisy([500, 4]);
    const peak = async (members: number): Promise<number> => {
      const ensemble = new Ensemble(Array.from({ length: members }, wide)).eval();
      await collectGarbage();
      const { resetPeakMemory } = await import('../../lib/index.js');
      const before = memory().liveBytes;
      resetPeakMemory();
      const y = noGrad(() => ensemble.forward(input));
      await y.data();
      const most = memory().peakBytes - before;
      y.dispose();
      ensemble.dispose();
      return most;
    };
    const [one, five] = [await peak(1), await peak(5)];
    expect(one).toBeGreaterThan(500 * 4000 * 4);
    expect(five).toBeLessThan(one + 500 * 4000 * 2);
  });

  test('a member that counts nothing does not run', async () => {
    const [a, b] = [new Fixed(noisy([n, 3], 1)), new Fixed(noisy([n, 3], 2))];
    const y = new Ensemble([a, b], { weights: [0, 3], average: 'logits' }).forward(x());
    expect(await y.data()).toEqual(await b.scores.data());
    expect([a.runs, b.runs]).toEqual([0, 1]);
  });

  test('refuses what is no ensemble', () => {
    const member = () => new nn.Linear(2, 3);
    const make = (members: unknown, options?: unknown) => () =>
      new Ensemble(members as nn.Module[], options as EnsembleOptions);
    expect(make([])).toThrow(/Ensemble: there are no members/);
    expect(make(member())).toThrow(/members is an object, wants a list of modules/);
    expect(make([member(), 3])).toThrow(TypeError);
    expect(make([member()], { average: 'votes' })).toThrow(
      /Ensemble: average is 'votes', wants 'probabilities' or 'logits'/,
    );
    for (const weights of [[1, 2], [-1], [NaN], [0], [Infinity], ['1'], 1]) {
      expect(make([member()], { weights }), String(weights)).toThrow(RangeError);
    }
    const unequal = new Ensemble([member(), new nn.Linear(2, 4)]);
    expect(() => unequal.forward(x())).toThrow(/members\[1\] gives \[7, 4\], members\[0\] \[7, 3\]/);
    const single = new Ensemble([new nn.Linear(2, 1)]);
    expect(() => single.forward(x())).toThrow(
      /one score, of which there are no probabilities; wants average: 'logits'/,
    );
    expect(new Ensemble([new nn.Linear(2, 1)], { average: 'logits' }).forward(x()).shape).toEqual([7, 1]);
  });
});

describe('SnapshotEnsemble', () => {
  const build = () =>
    new nn.Sequential(new nn.Linear(2, 6), new nn.BatchNorm1d(6), new nn.ReLU(), new nn.Linear(6, 3));
  const set = () =>
    new data.TensorDataset(noisy([30, 2], 1), tensor(Int32Array.from({ length: 30 }, (_, i) => i % 3)));

  function prepared(): { trainer: Trainer; model: nn.Module } {
    setSeed(9);
    const model = build();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.9 });
    const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 6 });
    const trainer = new Trainer(model, {
      optimizer,
      loss: loss.crossEntropy,
      schedule: { scheduler, interval: 'step' },
    });
    return { trainer, model };
  }

  const fitting = { batchSize: 10, seed: 1, progress: false } as const;

  test('has the model as it was at the end of each cycle, where the rate is least', async () => {
    const { trainer, model } = prepared();
    const snapshots = new SnapshotEnsemble({ everyEpochs: 2 });
    const at: Float32Array[] = [];
    const rates: number[] = [];
    const watch: Callback = {
      onBatchEnd: ({ learningRate }) => void rates.push(learningRate),
      async onEpochEnd({ epoch }) {
        if (epoch % 2 === 0) at.push(await noGrad(() => model.eval().forward(x())).data());
      },
    };
    await trainer.fit(set(), { epochs: 6, callbacks: [snapshots, watch], ...fitting });
    expect(snapshots.snapshots).toHaveLength(3);
    const ends = rates.map((rate, i) => (rate < (rates[i + 1] ?? Infinity) ? i : -1)).filter((i) => i >= 0);
    expect(ends).toEqual([5, 11, 17]);
    const ensemble = snapshots.ensemble(build);
    expect(ensemble.training).toBe(false);
    for (const [i, expected] of at.entries()) {
      expect(await noGrad(() => ensemble.members.at(i).forward(x())).data()).toEqual(expected);
    }
    const lasting = new SnapshotEnsemble({ everyEpochs: 2, keep: 2 });
    const again = prepared();
    await again.trainer.fit(set(), { epochs: 6, callbacks: [lasting], ...fitting });
    expect(lasting.snapshots).toHaveLength(2);
    const last = lasting.ensemble(build, { average: 'logits' });
    expect(await noGrad(() => last.members.at(1).forward(x())).data()).toEqual(at[2]);
    snapshots.dispose();
    lasting.dispose();
  });

  test('goes on from a checkpoint with the snapshots that there were', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'striate-snapshots-'));
    try {
      const run = async (name: string, ends: number, resume?: string) => {
        const { trainer } = prepared();
        const snapshots = new SnapshotEnsemble({ everyEpochs: 2 });
        const stop: Callback = {
          onEpochEnd({ epoch }) {
            if (epoch === ends) trainer.stop();
          },
        };
        const checkpoint = new Checkpoint({ folder: join(folder, name), monitor: null });
        await trainer.fit(set(), { epochs: 6, callbacks: [snapshots, checkpoint, stop], resume, ...fitting });
        return noGrad(() => snapshots.ensemble(build).forward(x())).data();
      };
      const whole = await run('whole', 6);
      await run('part', 3);
      expect(await run('rest', 6, join(folder, 'part', 'last.safetensors'))).toEqual(whole);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('gives its copies back, and refuses what is none', async () => {
    const { trainer } = prepared();
    const data30 = set();
    await trainer.fit(data30, { ...fitting });
    await collectGarbage();
    const before = memory().liveTensors;
    const snapshots = new SnapshotEnsemble({ everyEpochs: 1, keep: 2 });
    await trainer.fit(data30, { epochs: 3, callbacks: [snapshots], ...fitting });
    await collectGarbage();
    expect(memory().liveTensors).toBe(before + 2 * trainer.model.stateDict().size);
    snapshots.dispose();
    expect(memory().liveTensors).toBe(before);
    expect(() => snapshots.ensemble(build)).toThrow(StriateError);
    expect(() => new SnapshotEnsemble({ everyEpochs: 0 })).toThrow(/SnapshotEnsemble: everyEpochs is 0/);
    expect(() => new SnapshotEnsemble({ everyEpochs: 1, keep: 0 })).toThrow(/keep is 0/);
    await trainer.fit(data30, { callbacks: [snapshots], ...fitting });
    expect(() => snapshots.ensemble(() => 3 as never)).toThrow(/build gave 3, wants a Module/);
    expect(() => snapshots.ensemble(() => models.mlp(2))).toThrow(/loadStateDict/);
  });
});
