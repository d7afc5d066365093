import { expect, test } from 'vitest';
import { data, tensor } from '../../lib/index.js';
import { expectClose, noise } from '../check.js';

test('measures and removes mean and deviation, over several batches', async () => {
  const n = 2500;
  const x = noise(n * 3, 1).map((v) => 5 + 2 * v);
  const set = new data.TensorDataset(tensor(x, [n, 3]), tensor(new Int32Array(n)));
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const deviation = Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length);
  const scale = await data.scaleOf(set);
  expect(scale.mean).toBeCloseTo(mean, 5);
  expect(scale.deviation).toBeCloseTo(deviation, 5);
  const standardized = new data.StandardizedDataset(set, scale);
  expect(standardized.length).toBe(n);
  const [batch, labels] = await standardized.batch(new Int32Array([1, 0]));
  const order = [x[3]!, x[4]!, x[5]!, x[0]!, x[1]!, x[2]!];
  await expectClose(
    batch,
    order.map((v) => (v - mean) / deviation),
    1e-5,
  );
  expect(labels.shape).toEqual([2]);
});

test('refuses a scale that is none', () => {
  const set = new data.TensorDataset(tensor([[1]]), tensor(new Int32Array(1)));
  expect(() => new data.StandardizedDataset(set, { mean: 0, deviation: 0 })).toThrow(/deviation 0/);
  expect(() => new data.StandardizedDataset(set, { mean: NaN, deviation: 1 })).toThrow(/mean NaN/);
});
