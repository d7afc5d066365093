import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { data, memory, synchronize, tensor } from '../../lib/index.js';
import { collectGarbage } from '../garbage.js';
import { numbered, numbersOf, scalar, Slow } from './samples.js';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** Waits until it is so, and then for what may come beyond it. */
async function reaches(count: () => number, wanted: number): Promise<void> {
  await expect.poll(count, { timeout: 5000, interval: 2 }).toBe(wanted);
  await settled();
  expect(count()).toBe(wanted);
}

/** Batches of one number each, of which the seventh fails. */
class Recorded implements data.Dataset {
  readonly length = 10;
  readonly asked: number[] = [];

  get(): data.Sample {
    throw new Error('batch() is there');
  }

  async batch(indices: Int32Array): Promise<data.Batch> {
    const [first = 0] = indices;
    this.asked.push(first);
    await settledSoon();
    if (first === 6) throw new Error('the seventh is bad');
    return [scalar(first), tensor(indices)];
  }
}

const settledSoon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

describe('prefetch', () => {
  let liveTensors: number;
  beforeEach(async () => {
    await collectGarbage();
    ({ liveTensors } = memory());
  });
  afterEach(async () => {
    await synchronize();
    await reaches(() => memory().liveTensors, liveTensors);
  });

  test('prepares so many batches ahead, and no more', async () => {
    for (const prefetch of [0, 1, 3]) {
      const set = new Recorded();
      const batches = new data.DataLoader(set, { batchSize: 1, prefetch })[Symbol.asyncIterator]();
      for (let i = 0; i < 3; i++) {
        const { value } = (await batches.next()) as IteratorYieldResult<data.Batch>;
        expect(await value[0].item()).toBe(i);
        await reaches(() => set.asked.length, i + 1 + prefetch);
      }
      await batches.return(undefined);
    }
  });

  test('tells an error at its place', async () => {
    const seen: number[] = [];
    const go = async () => {
      for await (const [x] of new data.DataLoader(new Recorded(), { batchSize: 1, prefetch: 3 })) {
        await settled();
        seen.push(await x.item());
      }
    };
    await expect(go()).rejects.toThrow('the seventh is bad');
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('leaves nothing behind a loop that is left, by break or by an error', async () => {
    for (const way of ['break', 'throw'] as const) {
      const go = async () => {
        for await (const [x] of new data.DataLoader(new Recorded(), { batchSize: 1 })) {
          if ((await x.item()) < 1) continue;
          if (way === 'break') break;
          throw new Error('enough');
        }
      };
      await (way === 'break' ? go() : expect(go()).rejects.toThrow('enough'));
    }
  });

  test('gives the same batches, in the same order', async () => {
    const set = numbered(50);
    const make = (prefetch: number) =>
      new data.DataLoader(set, { batchSize: 7, shuffle: true, seed: 2, prefetch });
    const wanted = await numbersOf(make(0));
    expect(await numbersOf(make(5))).toEqual(wanted);
    const slow = new Slow(50, (i) => [scalar(i), i]);
    expect(await numbersOf(new data.DataLoader(slow, { batchSize: 7, shuffle: true, seed: 2 }))).toEqual(
      wanted,
    );
    set.dispose();
  });

  test('reads ahead in an async iterable, and closes it where the loop is left', async () => {
    let given = 0;
    let closed = false;
    async function* samples(): AsyncGenerator<data.Sample> {
      try {
        for (;;) {
          await settledSoon();
          yield [scalar(given++), 0];
        }
      } finally {
        closed = true;
      }
    }
    for await (const [x] of new data.DataLoader(samples(), { batchSize: 2, prefetch: 2 })) {
      expect([...(await x.data())]).toEqual([0, 1]);
      await reaches(() => given, 6);
      break;
    }
    await reaches(() => Number(closed), 1);
  });

  test('tells an error of an async iterable after the batches before it', async () => {
    async function* samples(): AsyncGenerator<data.Sample> {
      for (let i = 0; i < 5; i++) yield [scalar(i), 0];
      throw new Error('cut off');
    }
    const seen: number[] = [];
    const go = async () => {
      for await (const [x] of new data.DataLoader(samples(), { batchSize: 2 }))
        seen.push((await x.data())[0]!);
    };
    await expect(go()).rejects.toThrow('cut off');
    expect(seen).toEqual([0, 2]);
  });

  test('refuses to go through a generator twice', async () => {
    async function* samples(): AsyncGenerator<data.Sample> {
      yield [scalar(1), 0];
    }
    const loader = new data.DataLoader(samples());
    expect(await numbersOf(loader)).toEqual([[1]]);
    await expect(numbersOf(loader)).rejects.toThrow(
      /^DataLoader: the async iterable can be gone through once/,
    );
    const again = new data.DataLoader({ [Symbol.asyncIterator]: samples });
    expect([await numbersOf(again), await numbersOf(again)]).toEqual([[[1]], [[1]]]);
  });
});

test('refuses a number of batches that is none', () => {
  expect(() => new data.DataLoader(numbered(2), { prefetch: -1 })).toThrow(
    /^DataLoader: prefetch is -1, wants a whole number from 0 on$/,
  );
});
