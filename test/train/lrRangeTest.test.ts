import { describe, expect, test } from 'vitest';
import {
  data,
  loss,
  lrRangeTest,
  memory,
  nn,
  optim,
  setSeed,
  synchronize,
  tensor,
  Trainer,
  type LrRangeTestOptions,
  type Tensor,
  type Trained,
} from '../../lib/index.js';
import { noise } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Two classes of points on either side of a line. */
function points(n = 200): data.TensorDataset {
  const x = noise(n * 2, 3);
  const labels = Int32Array.from({ length: n }, (_, i) => (x[2 * i]! + x[2 * i + 1]! > 0 ? 1 : 0));
  return new data.TensorDataset(tensor(x, [n, 2]), tensor(labels));
}

class Classifier extends nn.Module {
  readonly hidden = new nn.Linear(2, 12);
  readonly norm = new nn.BatchNorm2d(12);
  readonly out = new nn.Linear(12, 2);

  override forward(x: Tensor): Tensor {
    const h = this.hidden.forward(x).reshape([-1, 1, 1, 12]);
    return this.out.forward(this.norm.forward(h).reshape([-1, 12]).relu());
  }
}

function trainer(): Trainer {
  setSeed(5);
  const model = new Classifier();
  const head = { parameters: model.out.parameters(), lr: 0.5 };
  const body = { parameters: [...model.hidden.parameters(), ...model.norm.parameters()] };
  const optimizer = new optim.SGD([head, body], { lr: 0.125, momentum: 0.9 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy });
}

/** All that training changes, as numbers. */
async function everything({ model, optimizer }: Trained): Promise<unknown> {
  const read = async (tensors: ReadonlyMap<string, { data(): Promise<unknown> }>) =>
    Promise.all(Array.from(tensors, async ([name, t]) => [name, await t.data()] as const));
  const { tensors, ...rest } = optimizer.stateDict();
  const modes = Array.from(model.modules(), ([path, { training }]) => [path, training]);
  return [await read(model.stateDict()), await read(tensors), rest, modes];
}

const options: LrRangeTestOptions = { lrMin: 1e-4, lrMax: 10, steps: 40, batchSize: 20, seed: 1 };

describe('lrRangeTest', () => {
  test('trains with rates that grow by one factor, and finds where the loss falls', async () => {
    const result = await lrRangeTest(trainer(), points(), { ...options, divergence: Infinity });
    const { lrs, losses, smoothed, suggestion, diverged } = result;
    expect([lrs.length, losses.length, smoothed.length, diverged]).toEqual([40, 40, 40, false]);
    expect(lrs[0]).toBeCloseTo(1e-4, 12);
    expect(lrs[39]).toBeCloseTo(10, 9);
    for (let i = 1; i < 40; i++) expect(lrs[i]! / lrs[i - 1]!).toBeCloseTo(1e5 ** (1 / 39), 9);
    let mean = 0;
    for (const [i, l] of losses.entries()) {
      mean = 0.9 * mean + 0.1 * l;
      expect(smoothed[i]).toBeCloseTo(mean / (1 - 0.9 ** (i + 1)), 9);
    }
    expect(Math.min(...losses)).toBeLessThan(losses[0]! / 2);
    expect(suggestion).toBeGreaterThan(1e-3);
    expect(suggestion).toBeLessThan(5);
    expect(lrs).toContain(suggestion);
  });

  test('grows rates by one amount where asked to', async () => {
    const { lrs } = await lrRangeTest(trainer(), points(), {
      ...options,
      growth: 'linear',
      steps: 5,
      lrMax: 0.4001,
    });
    expect(lrs).toEqual([1e-4, 0.1001, 0.2001, 0.3001, 0.4001].map((lr) => expect.closeTo(lr, 9) as number));
  });

  test('leaves weights, buffers, modes and the state of the optimizer as they were', async () => {
    const trained = trainer();
    await trained.fit(points(60), { progress: false });
    trained.model.train();
    for (const [path, module] of trained.model.modules()) if (path === 'norm') module.eval();
    const before = await everything(trained);
    await lrRangeTest(trained, points(), options);
    expect(await everything(trained)).toEqual(before);
    expect(trained.optimizer.parameters.every(({ grad }) => grad === null)).toBe(true);
  });

  test('leaves an optimizer that has made no step at its beginning', async () => {
    const trained = trainer();
    const before = await everything(trained);
    await lrRangeTest(trained, points(), { ...options, steps: 3 });
    expect(await everything(trained)).toEqual(before);
    expect(trained.optimizer.stateDict().tensors.size).toBe(0);
  });

  test('ends where the loss diverges', async () => {
    const trained = trainer();
    const { lrs, smoothed, diverged } = await lrRangeTest(trained, points(), {
      ...options,
      lrMax: 1e6,
      smoothing: 0,
    });
    expect(diverged).toBe(true);
    expect(lrs.length).toBeLessThan(40);
    const best = Math.min(...smoothed.slice(0, -1));
    expect(smoothed.at(-1)! > 4 * best || !Number.isFinite(smoothed.at(-1)!)).toBe(true);
    expect(smoothed.slice(0, -1).every((l) => l <= 4 * Math.max(best, l / 4))).toBe(true);
  });

  test('ends where the loss is no number', async () => {
    const { model, optimizer } = trainer();
    let calls = 0;
    const spoilt = (y: Tensor, labels: Tensor<'i32'>) =>
      loss.crossEntropy(++calls === 4 ? y.mul(NaN) : y, labels);
    const { losses, diverged } = await lrRangeTest({ model, optimizer, loss: spoilt }, points(), options);
    expect([losses.length, losses.at(-1), diverged]).toEqual([4, NaN, true]);
    for (const p of model.parameters()) expect((await p.data()).every(Number.isFinite)).toBe(true);
  });

  test('has no suggestion where the loss never falls', async () => {
    const { model, optimizer } = trainer();
    let calls = 0;
    const rising = (y: Tensor) => y.sum().mul(0).add(++calls);
    const test = { model, optimizer, loss: rising };
    expect(await lrRangeTest(test, points(), { ...options, steps: 4, divergence: Infinity })).toMatchObject({
      losses: [1, 2, 3, 4],
      suggestion: null,
    });
  });

  test('goes through batches of a loader, again where there are too few', async () => {
    const loader = new data.DataLoader(points(50), { batchSize: 20 });
    const { lrs } = await lrRangeTest(trainer(), loader, { ...options, steps: 8 });
    expect(lrs).toHaveLength(8);
    const one = await lrRangeTest(trainer(), points(), options);
    const two = await lrRangeTest(trainer(), points(), options);
    expect(one).toEqual(two);
  });

  test.each(['loss', 'native', 'signal'] as const)('restores all where it throws: %s', async (where) => {
    const trained = trainer();
    await trained.fit(points(60), { progress: false });
    const before = await everything(trained);
    const controller = new AbortController();
    let calls = 0;
    const failing = (y: Tensor, labels: Tensor<'i32'>) => {
      calls++;
      if (calls === 3 && where === 'loss') throw new Error('no more');
      if (calls === 3 && where === 'signal') controller.abort(new Error('no more'));
      if (calls < 3 || where !== 'native') return loss.crossEntropy(y, labels);
      return loss.crossEntropy(y, labels.mul(tensor(new Int32Array([9]))));
    };
    const { model, optimizer } = trained;
    const testing = lrRangeTest({ model, optimizer, loss: failing }, points(), {
      ...options,
      signal: controller.signal,
    });
    await expect(testing).rejects.toThrow(where === 'native' ? /crossEntropy: labels/ : 'no more');
    expect(calls).toBeLessThan(5);
    expect(await everything(trained)).toEqual(before);
    await trained.fit(points(60), { progress: false });
  });

  test('leaves nothing behind', async () => {
    const trained = trainer();
    const set = points();
    await trained.fit(set, { progress: false });
    trained.optimizer.zeroGrad();
    await collectGarbage();
    const before = memory();
    await lrRangeTest(trained, set, options);
    await synchronize();
    const after = memory();
    expect([after.liveTensors, after.liveBytes]).toEqual([before.liveTensors, before.liveBytes]);
  });

  test.each<[object, RegExp]>([
    [{ lrMin: 0 }, /^lrRangeTest: lrMin is 0, wants a finite number above 0$/],
    [{ lrMin: NaN }, /^lrRangeTest: lrMin is NaN/],
    [{ lrMin: '1' }, /^lrRangeTest: lrMin is 1, wants/],
    [{ lrMin: 1, lrMax: 1 }, /^lrRangeTest: lrMax is 1, wants a finite number above lrMin, 1$/],
    [{ lrMax: Infinity }, /^lrRangeTest: lrMax is Infinity/],
    [{ steps: 1 }, /^lrRangeTest: steps is 1, wants a whole number from 2 on$/],
    [{ growth: 'fast' }, /^lrRangeTest: growth is fast, wants 'exponential' or 'linear'$/],
    [{ smoothing: 1 }, /^lrRangeTest: smoothing is 1, wants a number from 0 to less than 1$/],
    [{ divergence: 1 }, /^lrRangeTest: divergence is 1, wants a number above 1$/],
    [{ batchSize: 0 }, /batchSize is 0/],
    [{ rate: 1 }, /^lrRangeTest: option 'rate' is unknown/],
  ])('refuses %o', async (change, message) => {
    await expect(lrRangeTest(trainer(), points(), change)).rejects.toThrow(message);
  });

  test('refuses data without batches', async () => {
    const loader = new data.DataLoader(points(5), { batchSize: 20, dropLast: true });
    await expect(lrRangeTest(trainer(), loader, options)).rejects.toThrow(
      /^lrRangeTest: the data has no batches$/,
    );
  });
});
