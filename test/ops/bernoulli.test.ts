import { describe, expect, test } from 'vitest';
import { less } from '../../lib/ops/elementwise.js';
import { bernoulli } from '../../lib/ops/bernoulli.js';
import { cast, full, setSeed, uniform } from '../../lib/ops/creation.js';
import { expectSameBits, f32, i32, noise, noisy } from '../check.js';

describe('bernoulli', () => {
  test.each([[[1]], [[63]], [[64]], [[7, 11, 13]], [[40_003]], [[0, 3]], [[]]])(
    'of %j is whether the uniform number of its place is below the probability',
    async (shape) => {
      const n = shape.reduce((all, extent) => all * extent, 1);
      const p = f32(noise(n, 3).map((v) => (v + 1) / 2), shape); // prettier-ignore
      setSeed(5);
      const drawn = bernoulli(p);
      expect(drawn.shape).toEqual(shape);
      setSeed(5);
      expect(await drawn.data()).toEqual(await cast(less(uniform(shape), p), 'f32').data());
    },
  );

  test.each([0.001, 0.05, 0.5, 0.97])('is 1 with probability %d', async (p) => {
    setSeed(7);
    const n = 400_000;
    const ones = (await bernoulli(full([n], p)).data()).reduce((sum, v) => sum + v, 0);
    expect(Math.abs(ones / n - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
  });

  test('at and beyond 0 and 1, and of what is no number', async () => {
    const p = f32([0, 1, -0.5, 1.5, NaN, Infinity], [6]);
    for (let i = 0; i < 50; i++) {
      expect([...(await bernoulli(p).data())]).toEqual([0, 1, 0, 1, NaN, 1]);
    }
  });

  test('draws anew in each call, the same with 1 and 2 threads, and has no derivative', async () => {
    const p = full([201, 307], 0.3);
    setSeed(1);
    const first = await bernoulli(p).data();
    expect(await bernoulli(p).data()).not.toEqual(first);
    await expectSameBits(() => {
      setSeed(1);
      return [bernoulli(p)];
    });
    p.requiresGrad = true;
    expect(bernoulli(p).requiresGrad).toBe(false);
  });

  test('refuses', () => {
    expect(() => bernoulli(i32([1], [1]) as never)).toThrow(/bernoulli: probabilities is i32 \[1\]/);
    expect(() => bernoulli(0.5 as never)).toThrow(/bernoulli: probabilities/);
    const gone = noisy([2]);
    gone.dispose();
    expect(() => bernoulli(gone)).toThrow(/bernoulli: probabilities/);
  });
});
