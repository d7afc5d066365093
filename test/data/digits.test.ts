import { expect, test } from 'vitest';
import { data } from '../../lib/index.js';

test('the digits that come with striate: 1,797 in two parts, balanced, enlarged', async () => {
  const { train, test: held } = await data.digits();
  expect([train.x.shape, train.y.shape]).toEqual([[1438, 32, 32, 1], [1438]]);
  expect([held.x.shape, held.y.shape]).toEqual([[359, 32, 32, 1], [359]]);
  const counts = new Array<number>(10).fill(0);
  for (const part of [train, held]) for (const label of await part.labels!()) counts[label]!++;
  // As published with the data set.
  expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
});

test('enlarging keeps the mean ink, and 8×8 is the original', async () => {
  const small = await (await data.digits({ side: 8 })).test.x.data();
  const large = await (await data.digits({ side: 32 })).test.x.data();
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
  expect(mean(large) / mean(small)).toBeCloseTo(1, 2);
  expect(new Set(small).size).toBeLessThanOrEqual(17);
  // The fifth image of the files is the first held out: a 4, whose second row is 0 0 0 7 8 0 0 0.
  const second = [0, 0, 0, 7, 8, 0, 0, 0].map((ink) => Math.round((ink * 255) / 16));
  expect([...small.subarray(8, 16)]).toEqual(second);
});

test('refuses sides that are none', async () => {
  await expect(data.digits({ side: 7 })).rejects.toThrow(/digits: side is 7/);
  await expect(data.digits({ side: 16.5 })).rejects.toThrow(/digits: side is 16.5/);
});
