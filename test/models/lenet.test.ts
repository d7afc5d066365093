import { expect, test } from 'vitest';
import { models, randn } from '../../lib/index.js';

test('LeNet-5 has the published number of parameters, and takes 28×28 and 32×32', () => {
  const count = models
    .lenet5()
    .parameters()
    .reduce((n, p) => n + p.size, 0);
  expect(count).toBe(61706);
  expect(models.lenet5().forward(randn([2, 28, 28, 1])).shape).toEqual([2, 10]);
  expect(models.lenet5({ side: 32, channels: 3, classes: 7 }).forward(randn([2, 32, 32, 3])).shape).toEqual([
    2, 7,
  ]);
  expect(() => models.lenet5({ side: 30 as never })).toThrow(/lenet5: side is 30/);
});
