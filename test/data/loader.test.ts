import { describe, expect, test } from 'vitest';
import {
  data,
  loss,
  memory,
  nn,
  optim,
  randn,
  setSeed,
  synchronize,
  tensor,
  type Tensor,
} from '../../lib/index.js';
import { collectGarbage } from '../garbage.js';
import { numbered, numbersOf, points, scalar, Slow } from './samples.js';

function classifier(): { model: nn.Sequential; optimizer: optim.Adam } {
  setSeed(1);
  const model = new nn.Sequential(new nn.Linear(2, 16), new nn.ReLU(), new nn.Linear(16, 2));
  return { model, optimizer: new optim.Adam(model.parameters(), { lr: 0.02 }) };
}

describe('DataLoader', () => {
  const set = () => numbered(10);
  const round = async (loader: data.DataLoader) => {
    const batches: number[][] = [];
    for await (const [x, labels] of loader) {
      expect([...(await x.data())]).toEqual([...(await labels.data())]);
      batches.push([...(await labels.data())]);
    }
    return batches;
  };

  test('goes in order, with a smaller last batch or without', async () => {
    const loader = new data.DataLoader(set(), { batchSize: 4 });
    expect(loader.batches).toBe(3);
    expect(await round(loader)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(await round(new data.DataLoader(set(), { batchSize: 4, dropLast: true }))).toHaveLength(2);
  });

  test('shuffles anew each round, reproducibly by seed', async () => {
    const make = (seed: number) => new data.DataLoader(set(), { batchSize: 3, shuffle: true, seed });
    const loader = make(5);
    const [first, second] = [await round(loader), await round(loader)];
    expect(first.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(second).not.toEqual(first);
    const again = make(5);
    expect([await round(again), await round(again)]).toEqual([first, second]);
    expect(await round(make(6))).not.toEqual(first);
  });

  test('disposes a batch when the next is asked for, unless it is kept', async () => {
    const seen: Tensor[] = [];
    for await (const [x] of new data.DataLoader(set(), { batchSize: 4 }))
      seen.push(seen.length === 1 ? x.keep() : x);
    expect(seen.map((x) => x.disposed)).toEqual([true, false, true]);
  });

  test('leaves the event loop its turns, and does not run ahead, in a loop that awaits nothing', async () => {
    const trainer = classifier();
    const { model, optimizer } = trainer;
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    let most = 0;
    for (let round = 0; round < 3; round++) {
      for await (const [x, labels] of new data.DataLoader(points(400, 1), { batchSize: 4 })) {
        optimizer.zeroGrad();
        using l = loss.crossEntropy(model.forward(x), labels);
        l.backward();
        optimizer.step();
        most = Math.max(most, memory().queuedCommands);
      }
    }
    clearInterval(timer);
    expect(turns).toBeGreaterThan(10);
    expect(most).toBeLessThan(200);
  });

  test('tells of an update in place that failed', async () => {
    const { model, optimizer } = classifier();
    const wrong = new data.TensorDataset(randn([40, 2]), tensor(new Int32Array(40).fill(7)));
    const train = async () => {
      for await (const [x, labels] of new data.DataLoader(wrong, { batchSize: 4 })) {
        using l = loss.crossEntropy(model.forward(x), labels);
        l.backward();
        optimizer.step();
      }
    };
    await expect(train()).rejects.toThrow(/crossEntropy: labels\[0\] is 7/);
    await synchronize().catch(() => undefined);
  });

  test('an epoch depends on the seed and its number alone, and can be begun at any batch', async () => {
    const make = () => new data.DataLoader(set(), { batchSize: 3, shuffle: true, seed: 5 });
    const loader = make();
    const [first, second] = [await numbersOf(loader), await numbersOf(loader)];
    expect(await numbersOf(make().epoch(2))).toEqual(second);
    expect(await numbersOf(loader.epoch(1))).toEqual(first);
    // After epoch 1 comes 2.
    expect(await numbersOf(loader)).toEqual(second);
    expect(await numbersOf(make().epoch(2, { from: 2 }))).toEqual(second.slice(2));
    expect(await numbersOf(make().epoch(2, { from: 4 }))).toEqual([]);
  });

  test('tells the seed that it draws, which setSeed fixes', async () => {
    const make = (seed?: number) => new data.DataLoader(set(), { shuffle: true, seed });
    setSeed(3);
    const [one, two] = [make(), make()];
    expect(two.seed).not.toBe(one.seed);
    setSeed(3);
    expect([make().seed, make().seed]).toEqual([one.seed, two.seed]);
    expect(await numbersOf(make(one.seed))).toEqual(await numbersOf(one));
  });

  test('stacks what get() gives, and hands on what fixes random draws', async () => {
    const given: unknown[] = [];
    const slow = new Slow(5, (i, randomness) => {
      given.push(randomness);
      return [scalar(i), i * 10];
    });
    const seen: unknown[] = [];
    for await (const [x, y] of new data.DataLoader(slow, { batchSize: 3, seed: 8 })) {
      seen.push([x.shape, [...(await x.data())], y.dtype, [...(await y.data())]]);
    }
    expect(seen).toEqual([
      [[3, 1], [0, 1, 2], 'i32', [0, 10, 20]],
      [[2, 1], [3, 4], 'i32', [30, 40]],
    ]);
    expect(given).toEqual(new Array(5).fill({ seed: 8, epoch: 1 }));
    const [, y] = await data.batchOf(new Slow(2, (i) => [scalar(i), scalar(i / 2)]), Int32Array.of(1, 0));
    expect([y.dtype, y.shape, [...(await y.data())]]).toEqual(['f32', [2, 1], [0.5, 0]]);
  });

  test('batches what an async iterable gives', async () => {
    const samples = {
      async *[Symbol.asyncIterator](): AsyncGenerator<data.Sample> {
        for (let i = 0; i < 8; i++) yield [scalar(i), i];
      },
    };
    const loader = new data.DataLoader(samples, { batchSize: 3 });
    expect(loader.batches).toBeUndefined();
    const all = [[0, 1, 2], [3, 4, 5], [6, 7]]; // prettier-ignore
    expect(await numbersOf(loader)).toEqual(all);
    expect(await numbersOf(loader.epoch(1, { from: 1 }))).toEqual(all.slice(1));
    expect(await numbersOf(new data.DataLoader(samples, { batchSize: 3, dropLast: true }))).toEqual(
      all.slice(0, 2),
    );
  });

  const cases: [string, (i: number) => unknown, RegExp][] = [
    ['shapes that differ', (i) => [tensor([1, 2].slice(i)), 0], /sample 1: x is f32 \[1\], sample 0: x is f32 \[2\]; a batch wants one shape/],
    ['targets that differ', (i) => [scalar(0), i ? scalar(1) : 1], /sample 1: y is f32 \[1\], sample 0: y is a number/],
    ['labels that are none', () => [scalar(0), 0.5], /sample 0: y is 0.5, wants a label, a whole number; values come as tensors/],
    ['bytes', () => [tensor(new Uint8Array(1)), 0], /sample 0: x is u8, wants f32/],
    ['what is no sample', () => 5, /sample 0 is 5, wants \[x, y\]/],
    ['what is no tensor', () => [[1], 0], /sample 0: x is \[1\], wants a tensor/],
  ]; // prettier-ignore

  test.each(cases)('refuses %s, and leaves nothing behind', async (_, sample, message) => {
    await collectGarbage();
    const { liveTensors } = memory();
    const wrong = new Slow(2, (i) => sample(i) as data.Sample);
    await expect(numbersOf(new data.DataLoader(wrong))).rejects.toThrow(message);
    await synchronize();
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test('refuses a batch that is none', async () => {
    const giving = (batch: unknown): data.Dataset => ({ length: 2, get: () => [scalar(0), 0], batch: () => batch as data.Batch });
    const taken = (batch: unknown) => data.batchOf(giving(batch), Int32Array.of(0, 1));
    await expect(taken(null)).rejects.toThrow(/^batch: the dataset gave null, wants \[x, y\]$/);
    await expect(taken([1, 2])).rejects.toThrow(/^batch: x is 1, wants a tensor$/);
    await expect(taken([randn([3, 1]), randn([2])])).rejects.toThrow(/^batch: the dataset gave x \[3, 1\] for 2 samples/);
  }); // prettier-ignore

  test('refuses options that are none', () => {
    const make = (options: object) => () => new data.DataLoader(set(), options);
    expect(make({ batchSize: 0 })).toThrow(/^DataLoader: batchSize is 0, wants a whole number from 1 on$/);
    expect(make({ seed: 1.5 })).toThrow(/^DataLoader: seed is 1.5, wants a whole number from 0 to 2\^53 - 1$/);
    expect(make({ shuffle: 1 })).toThrow(/^DataLoader: shuffle is 1, wants true or false$/);
    expect(() => new data.DataLoader(5 as never)).toThrow(/^DataLoader: dataset is 5, wants length and get\(\)/);
    const loader = new data.DataLoader(set(), { batchSize: 4 });
    expect(() => loader.epoch(0)).toThrow(/^DataLoader: epoch is 0, wants a whole number from 1 on$/);
    expect(() => loader.epoch(1, { from: 4 })).toThrow(/^DataLoader: from is 4, wants a whole number from 0 to 3$/);
    const none = { [Symbol.asyncIterator]: () => Promise.reject(new Error('not asked')) };
    expect(() => new data.DataLoader(none as never, { shuffle: true })).toThrow(/^DataLoader: shuffle is true/);
  }); // prettier-ignore
});
