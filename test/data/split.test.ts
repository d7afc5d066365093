import { describe, expect, test } from 'vitest';
import { data, loss, memory, setSeed, synchronize, tensor } from '../../lib/index.js';
import { collectGarbage } from '../garbage.js';
import { labelled, numbered, numbersOf, scalar, Slow } from './samples.js';

const sorted = (values: Iterable<number>): number[] => Array.from(values).sort((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const all = (dataset: data.Dataset) => numbersOf(new data.DataLoader(dataset, { batchSize: 100, seed: 0 }));

describe('Subset', () => {
  test('has the samples of these numbers, in their order, and their labels', async () => {
    const subset = new data.Subset(labelled([5, 6, 7, 8], []), [3, 0, 3]);
    expect([subset.length, subset.classes]).toEqual([3, []]);
    expect(await all(subset)).toEqual([[3, 0, 3]]);
    expect(await (await subset.get(0))[0].item()).toBe(3);
    const plain = new data.Subset(labelled([5, 6, 7, 8]), [3, 0, 3]);
    expect([...(await plain.labels!())]).toEqual([8, 5, 8]);
  });

  test('draws by the numbers of the whole', async () => {
    const asked: unknown[] = [];
    const slow = new Slow(9, (i, randomness) => {
      asked.push([i, randomness]);
      return [scalar(i), 0];
    });
    const subset = new data.Subset(slow, [7, 2]);
    expect(subset.labels).toBeUndefined();
    await data.batchOf(subset, Int32Array.of(1), { seed: 4, epoch: 2 });
    await subset.get(0, { seed: 4, epoch: 3 });
    expect(asked).toEqual([[2, { seed: 4, epoch: 2 }], [7, { seed: 4, epoch: 3 }]]); // prettier-ignore
  });

  test('refuses numbers that no sample has', () => {
    expect(() => new data.Subset(numbered(3), [3])).toThrow(
      /^Subset: there is no sample 3, the dataset has 3$/,
    );
    expect(() => new data.Subset(numbered(3), [0.5])).toThrow(/^Subset: index 0.5 is none/);
    expect(() => new data.Subset(numbered(3), [1]).get(1)).toThrow(/^get: there is no sample 1/);
    expect(() => new data.Subset(numbered(3), [1]).batch(Int32Array.of(1))).toThrow(
      /^batch: there is no sample 1/,
    );
  });
});

describe('ConcatDataset', () => {
  test('has the samples of all, wherever they come in a batch', async () => {
    const parts = [
      numbered(3),
      new data.Subset(numbered(9), []),
      new data.Subset(numbered(9), [8, 7]),
      numbered(1),
    ];
    const joined = new data.ConcatDataset(parts);
    expect(joined.length).toBe(6);
    expect(await all(joined)).toEqual([[0, 1, 2, 8, 7, 0]]);
    expect([...(await joined.labels!())]).toEqual([0, 1, 2, 8, 7, 0]);
    await collectGarbage();
    const { liveTensors } = memory();
    const [x, y] = await data.batchOf(joined, Int32Array.of(4, 0, 3, 2, 5));
    expect([...(await x.data())]).toEqual([7, 0, 8, 2, 0]);
    expect([y.dtype, [...(await y.data())]]).toEqual(['i32', [7, 0, 8, 2, 0]]);
    expect(await (await joined.get(3))[0].item()).toBe(8);
    x.dispose();
    y.dispose();
    await collectGarbage();
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test('refuses none, classes that differ, and samples that do not fit', async () => {
    expect(() => new data.ConcatDataset([])).toThrow(/^ConcatDataset: datasets is empty/);
    expect(() => new data.ConcatDataset([labelled([0], ['a', 'b']), labelled([0], ['b', 'a'])])).toThrow(
      /^ConcatDataset: datasets\[1\] has the classes b, a, datasets\[0\] the classes a, b$/,
    );
    const wide = new data.TensorDataset(tensor([[1, 2]]), tensor(new Int32Array(1)));
    const joined = new data.ConcatDataset([numbered(1), wide]);
    await expect(data.batchOf(joined, Int32Array.of(0, 1))).rejects.toThrow(/concat/);
    const failing = new data.ConcatDataset([numbered(1), new Slow(1, () => { throw new Error('torn'); })]); // prettier-ignore
    await expect(data.batchOf(failing, Int32Array.of(0, 1))).rejects.toThrow(/^torn$/);
    await synchronize().catch(() => undefined);
  });
});

describe('randomSplit', () => {
  test('deals each sample to one part, by shares or numbers', () => {
    const sizes = (wanted: number[], n = 10) =>
      data.randomSplit(numbered(n), wanted, { seed: 1 }).map((p) => p.length);
    expect(sizes([0.8, 0.2])).toEqual([8, 2]);
    expect(sizes([1 / 3, 1 / 3, 1 / 3])).toEqual([4, 3, 3]);
    expect(sizes([7, 3])).toEqual([7, 3]);
    expect(sizes([0.7, 0.2, 0.1])).toEqual([7, 2, 1]);
    expect(sizes([1, 0], 1)).toEqual([1, 0]);
    const parts = data.randomSplit(numbered(10), [0.5, 0.5], { seed: 1 });
    expect(sorted(parts.flatMap((part) => [...part.indices]))).toEqual(upTo(10));
    expect(sorted(parts[0]!.indices)).not.toEqual(upTo(5));
  });

  test('follows the seed, or setSeed', () => {
    const split = (seed?: number) =>
      data.randomSplit(numbered(40), [20, 20], { seed }).map((p) => [...p.indices]);
    expect(split(1)).toEqual(split(1));
    expect(split(2)).not.toEqual(split(1));
    setSeed(9);
    const [one, two] = [split(), split()];
    expect(two).not.toEqual(one);
    setSeed(9);
    expect(split()).toEqual(one);
  });

  test.each([
    [[0.5, 0.4], /^randomSplit: sizes add up to 0.9, wants 1, for shares, or 10, for numbers of samples$/],
    [[5, 6], /sizes add up to 11/],
    [[], /sizes is \[\], wants an array/],
    [[NaN, 1], /a size is NaN, wants a number from 0 on/],
    [[-1, 11], /a size is -1/],
    [[0.99, 0.01], /a share of 0.01 of 10 samples is none/],
  ])('refuses %o', (sizes, message) => {
    expect(() => data.randomSplit(numbered(10), sizes)).toThrow(message);
  });
});

/** 12, 7 and 5 of three classes, mixed. */
const mixed = labelled(
  [...upTo(24)].map((i) => (i % 2 === 0 ? 0 : i % 24 < 14 ? 1 : 2)),
  ['a', 'b', 'c'],
);
const countsIn = async (part: data.Subset): Promise<number[]> => {
  const counts = [0, 0, 0];
  for (const label of await part.labels!()) counts[label]!++;
  return counts;
};

test('stratifiedSplit gives each part its share of each class', async () => {
  const parts = await data.stratifiedSplit(mixed, [0.5, 0.25, 0.25], { seed: 3 });
  expect(parts.map((part) => part.length)).toEqual([12, 6, 6]);
  expect(sorted(parts.flatMap((part) => [...part.indices]))).toEqual(upTo(24));
  const wanted = await countsIn(new data.Subset(mixed, upTo(24)));
  for (const [i, part] of parts.entries()) {
    for (const [label, count] of (await countsIn(part)).entries()) {
      expect(Math.abs(count - wanted[label]! * [0.5, 0.25, 0.25][i]!)).toBeLessThanOrEqual(1);
    }
  }
});

describe('folds', () => {
  const check = (folds: data.Fold[], n: number) => {
    expect(sorted(folds.flatMap(({ validation }) => [...validation.indices]))).toEqual(upTo(n));
    for (const { train, validation } of folds) {
      expect(sorted([...train.indices, ...validation.indices])).toEqual(upTo(n));
      expect(Math.abs(validation.length - n / folds.length)).toBeLessThan(1);
    }
  };

  test('kFold has each sample in one validation part', () => {
    check(data.kFold(numbered(23), 4, { seed: 2 }), 23);
    const [first] = data.kFold(numbered(10), 5, { shuffle: false });
    expect([...first!.validation.indices]).toEqual([0, 5]);
  });

  test('stratifiedKFold has the classes balanced as well', async () => {
    const folds = await data.stratifiedKFold(mixed, 5, { seed: 2 });
    check(folds, 24);
    const counts = await Promise.all(folds.map(({ validation }) => countsIn(validation)));
    for (let label = 0; label < 3; label++) {
      const each = counts.map((count) => count[label]!);
      expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1);
    }
    const again = await data.stratifiedKFold(mixed, 5, { seed: 2 });
    expect(again.map(({ train }) => train.indices)).toEqual(folds.map(({ train }) => train.indices));
  });

  test('refuse too few samples, one class, no labels', async () => {
    expect(() => data.kFold(numbered(3), 4)).toThrow(
      /^kFold: there are 3 samples, wants at least 4 for 4 folds$/,
    );
    expect(() => data.kFold(numbered(3), 1)).toThrow(/^kFold: k is 1, wants a whole number from 2 on$/);
    await expect(data.stratifiedKFold(mixed, 6)).rejects.toThrow(
      /^stratifiedKFold: there are 5 samples of class c, wants at least 6 for 6 folds$/,
    );
    await expect(data.stratifiedKFold(labelled([1, 1, 1]), 2)).rejects.toThrow(
      /^stratifiedKFold: all 3 samples are of class 1, wants two classes or more$/,
    );
    await expect(data.stratifiedKFold(new Slow(4, () => [scalar(0), 0]), 2)).rejects.toThrow(
      /^stratifiedKFold: the dataset knows no labels/,
    );
    await expect(data.stratifiedKFold(labelled([]), 2)).rejects.toThrow(/the dataset is empty/);
  });
});

describe('classWeights', () => {
  test('make classes count the same', async () => {
    // sklearn.utils.class_weight.compute_class_weight('balanced', classes=[0, 1, 2], y=[0]*6 + [1]*3 + [2]*1)
    const set = labelled([0, 0, 0, 0, 0, 0, 1, 1, 1, 2]);
    const weights = await data.classWeights(set);
    expect([...(await weights.data())].map((w) => w.toFixed(5))).toEqual(['0.55556', '1.11111', '3.33333']);
    using l = loss.crossEntropy(tensor([[1, 2, 3]]), tensor(new Int32Array([2])), { classWeights: weights });
    expect(await l.item()).toBeCloseTo(0.4076, 4);
  });

  test('refuse a class without samples, and one class', async () => {
    await expect(data.classWeights(labelled([0, 2]))).rejects.toThrow(
      /^classWeights: class 1 has no samples$/,
    );
    await expect(data.classWeights(labelled([0, 1], ['a', 'b', 'c']))).rejects.toThrow(
      /class c has no samples$/,
    );
    await expect(data.classWeights(labelled([1]))).rejects.toThrow(
      /^classWeights: all 1 samples are of class 1/,
    );
  });
});
