import { expect, test } from 'vitest';
import { conv2d } from '../../lib/ops/conv.js';
import { memory } from '../../lib/system.js';
import { synchronize } from '../../lib/tensor.js';
import { noisy } from '../check.js';

test('weights keep what was made of them from the second use on, and take it with them', async () => {
  const [x, weight] = [noisy([1, 6, 6, 64], 1), noisy([3, 3, 64, 64], 2)];
  const held = async () => {
    conv2d(x, weight, null, { algorithm: 'winograd4' }).dispose();
    await synchronize();
    return memory().liveBytes;
  };
  const [once, twice, thrice] = [await held(), await held(), await held()];
  expect(twice - once).toBeGreaterThanOrEqual(36 * 64 * 64 * 4);
  expect(thrice).toBe(twice);
  weight.assign(weight);
  await synchronize();
  expect(memory().liveBytes).toBe(once);
  await held();
  await held();
  weight.dispose();
  await synchronize();
  expect(memory().liveBytes).toBeLessThan(once);
  x.dispose();
});
