import { describe, expect, test } from 'vitest';
import { data, nn, setSeed, tensor } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { profile } from '../../lib/profile.js';
import { expectClose } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { labelled, Slow } from './samples.js';
import { bits, images, samplesOf, transforms } from './transforms/batches.js';

/** All that changes a sample by its own numbers alone. */
const everything = () => [
  new transforms.RandomCrop(20, { padding: 3 }),
  new transforms.RandomHorizontalFlip(),
  new transforms.RandomVerticalFlip(),
  new transforms.RandomResizedCrop(16),
  new transforms.RandomAffine(20, {
    translate: [0.1, 0.1],
    scale: [0.8, 1.2],
    shear: 5,
    interpolation: 'bilinear',
  }),
  new transforms.RandomRotation(5),
  new transforms.Compose([
    new transforms.ColorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }),
    new transforms.RandomGrayscale(0.2),
  ]),
  new transforms.GaussianBlur(3),
  new transforms.RandomErasing({ value: 'random' }),
  new transforms.Cutout(4),
  new transforms.GaussianNoise(),
  new transforms.FeatureNoise(),
  new transforms.Normalize([0.4, 0.5, 0.6], 0.25),
];

describe('what a sample becomes', () => {
  const randomness = { seed: 2 ** 40 + 17, epoch: 4 };
  const inOrder = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]];
  const otherwise = [[10], [3, 7, 0], [9, 8], [6, 5, 4, 2, 1]];

  test('depends on neither the batches nor the threads', async () => {
    const set = new data.TransformedDataset(images([11, 20, 20, 3], { bytes: true }), everything());
    const expected = await samplesOf(set, inOrder, randomness);
    expect(await samplesOf(set, otherwise, randomness)).toEqual(expected);
    const threads = native.cpuInfo().threads;
    try {
      for (const count of [1, 2]) {
        native.setThreads(count);
        expect(await samplesOf(set, otherwise, randomness)).toEqual(expected);
      }
    } finally {
      native.setThreads(threads);
    }
  });

  test('depends on seed, epoch, number and place', async () => {
    const noisy = (...transforms: data.transforms.Step[]) =>
      new data.TransformedDataset(images([3, 4, 4, 1]), transforms);
    const noise = new transforms.GaussianNoise();
    const still = new transforms.RandomHorizontalFlip(0);
    const all = await Promise.all([
      samplesOf(noisy(noise), [[0, 1]], randomness),
      samplesOf(noisy(noise), [[0, 1]], { ...randomness, seed: 3 }),
      samplesOf(noisy(noise), [[0, 1]], { ...randomness, epoch: 5 }),
      samplesOf(noisy(still, noise), [[0, 1]], randomness),
    ]);
    const different = new Set(all.flatMap((samples) => [...samples.values()]));
    expect(different.size).toBe(8);
  });

  test('through a loader, shuffled or not, and after an interruption', async () => {
    const set = new data.TransformedDataset(images([30, 12, 12, 3]), [
      new transforms.RandomCrop(12, { padding: 2 }),
      new transforms.ColorJitter({ brightness: 0.3 }),
    ]);
    const gone = async (options: data.DataLoaderOptions, from = 0) => {
      const loader = new data.DataLoader(set, { seed: 6, ...options });
      const all: string[] = [];
      for await (const [x] of loader.epoch(2, { from })) {
        const values = await x.data();
        for (let n = 0; n < x.shape[0]!; n++) all.push(bits(values.slice(n * 432, (n + 1) * 432)));
      }
      return all;
    };
    const whole = await gone({ batchSize: 30 });
    expect(await gone({ batchSize: 7 })).toEqual(whole);
    const shuffled = await gone({ batchSize: 8, shuffle: true });
    expect(shuffled).not.toEqual(whole);
    expect([...shuffled].sort()).toEqual([...whole].sort());
    expect(await gone({ batchSize: 8, shuffle: true }, 2)).toEqual(shuffled.slice(16));
  });

  test('is drawn anew where no randomness is given, after setSeed the same', async () => {
    const set = new data.TransformedDataset(images([2, 4, 4, 1]), [new transforms.GaussianNoise()]);
    const take = async () => bits(await (await set.batch(Int32Array.of(0, 1)))[0].data());
    setSeed(5);
    const first = [await take(), await take()];
    expect(first[0]).not.toBe(first[1]);
    setSeed(5);
    expect([await take(), await take()]).toEqual(first);
  });
});

describe('one pass over bytes', () => {
  const head = () => [
    new transforms.RandomCrop([9, 11], { padding: 2, fill: 0.3 }),
    new transforms.RandomHorizontalFlip(),
    new transforms.RandomVerticalFlip(),
    new transforms.Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.25]),
  ];
  /** Hides that it is a TensorDataset. */
  class Plain implements data.Dataset {
    readonly length: number;
    constructor(readonly inner: data.TensorDataset) {
      this.length = inner.length;
    }
    get(index: number) {
      return this.inner.get(index);
    }
    batch(indices: Int32Array) {
      return this.inner.batch(indices);
    }
  }
  /** Cannot be one pass with others. */
  const alone = (step: data.transforms.Transform): data.transforms.Transform => ({
    apply: (batch, draws) => step.apply(batch, draws),
  });
  const numbers = Int32Array.of(6, 0, 3, 3, 5);
  const randomness = { seed: 8, epoch: 1 };

  test.each([true, false])('gives the bits of several passes; bytes: %s', async (bytes) => {
    const source = images([7, 10, 12, 3], { bytes });
    const take = async (set: data.Dataset) => {
      const [x, y] = await data.batchOf(set, numbers, randomness);
      return [bits(await x.data()), x.shape, [...(await y.data())]] as const;
    };
    const fused = await take(new data.TransformedDataset(source, head()));
    expect(fused[1]).toEqual([5, 9, 11, 3]);
    expect(fused[2]).toEqual([2, 0, 3, 3, 1]);
    expect(await take(new data.TransformedDataset(new Plain(source), head()))).toEqual(fused);
    expect(await take(new data.TransformedDataset(source, head().map(alone)))).toEqual(fused);
    expect(await take(new data.TransformedDataset(source, [new transforms.Compose(head())]))).toEqual(fused);
  });

  test('is one operation on images', async () => {
    const set = new data.TransformedDataset(images([7, 10, 12, 3], { bytes: true }), [
      ...head(),
      new transforms.Cutout(2),
      new transforms.RandomHorizontalFlip(),
      new transforms.RandomCrop(4),
      new transforms.CenterCrop(3),
    ]);
    const entries = await profile(async () => {
      await (await set.batch(numbers, randomness))[0].data();
    });
    const operations = entries
      .map(({ operation }) => operation)
      .filter((name) => /crop|erase|gather|cast/i.test(name));
    expect(operations).toEqual(['cropFlip', 'gather', 'eraseBoxes', 'cropFlip', 'cropFlip', 'cropFlip']);
  });
});

describe('TransformedDataset', () => {
  test('gives one sample without the batch axis, and what is known of the dataset', async () => {
    const set = new data.TransformedDataset(labelled([1, 0, 1], ['a', 'b']), [
      new transforms.GaussianNoise(),
    ]);
    expect([set.length, set.classes]).toEqual([3, ['a', 'b']]);
    expect([...(await set.labels!())]).toEqual([1, 0, 1]);
    const [x, y] = await set.get(2, { seed: 1, epoch: 1 });
    expect(x.shape).toEqual([1]);
    expect(await (y as data.Target).item()).toBe(1);
    const [batch] = await set.batch(Int32Array.of(2), { seed: 1, epoch: 1 });
    await expectClose(batch, await x.data(), 0);
  });

  test('stacks what a dataset gives one by one, and tells it the randomness', async () => {
    const seen: unknown[] = [];
    const slow = new Slow(4, (index, randomness) => {
      seen.push(randomness);
      return [tensor([index / 4]), index];
    });
    const set = new data.TransformedDataset(slow, [new nn.Identity()]);
    const randomness = { seed: 1, epoch: 2 };
    const [x, y] = await set.batch(Int32Array.of(3, 1), randomness);
    await expectClose(x, [0.75, 0.25], 0);
    expect([...(await y.data())]).toEqual([3, 1]);
    expect(seen).toEqual([randomness, randomness]);
  });

  test('applies modules to inputs', async () => {
    const scale = new data.preprocessing.MinMax();
    const set = new data.TransformedDataset(labelled([1, 0]), [scale]);
    await expectClose((await set.batch(Int32Array.of(1, 0)))[0], [1, 0], 0);
  });

  test('leaves nothing behind, also where a transform fails', async () => {
    const failing: data.transforms.Transform = {
      apply() {
        throw new Error('no');
      },
    };
    const source = images([4, 20, 20, 3], { bytes: true });
    const sets = [[...everything().slice(0, 3), failing], [failing], everything()].map(
      (steps) => new data.TransformedDataset(source, steps),
    );
    await collectGarbage();
    const before = native.memory().liveTensors;
    for (const set of sets.slice(0, 2)) {
      await expect(set.batch(Int32Array.of(1, 2))).rejects.toThrow('no');
      expect(native.memory().liveTensors).toBe(before);
    }
    for await (const [x] of new data.DataLoader(sets[2]!, { batchSize: 2 })) await x.data();
    expect(native.memory().liveTensors).toBe(before);
  });

  test('refuses what is no dataset, no transforms, no sample', async () => {
    expect(() => new data.TransformedDataset({} as never, [])).toThrow(
      /dataset is an object, wants one with length/,
    );
    const set = images([2, 4, 4, 1]);
    expect(() => new data.TransformedDataset(set, {} as never)).toThrow(
      /transforms is an object, wants an array/,
    );
    expect(() => new data.TransformedDataset(set, [1 as never])).toThrow(
      /TransformedDataset: transforms\[0\] is 1, wants a transform, with apply\(\), or a Module/,
    );
    expect(() => new transforms.Compose([null as never])).toThrow(/Compose: transforms\[0\] is null/);
    const cropped = new data.TransformedDataset(set, [new transforms.RandomCrop(3)]);
    await expect(cropped.batch(Int32Array.of(2))).rejects.toThrow(
      /batch: there is no sample 2, the dataset has 2/,
    );
    const take = (randomness: object) => cropped.batch(Int32Array.of(0), randomness as data.Randomness);
    await expect(take({ seed: -1, epoch: 1 })).rejects.toThrow(/TransformedDataset: seed is -1/);
    await expect(take({ seed: 1, epoch: 0.5 })).rejects.toThrow(
      /TransformedDataset: epoch is 0.5, wants a whole/,
    );
    await expect(take({ seed: 1 })).rejects.toThrow(/TransformedDataset: epoch is undefined/);
    const small = new data.TransformedDataset(set, [new transforms.RandomCrop(5)]);
    await expect(small.batch(Int32Array.of(1))).rejects.toThrow(/RandomCrop: size is \[5, 5\]/);
  });
});
