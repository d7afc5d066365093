import { describe, expect, test } from 'vitest';
import { eigh, matmul, mul, transpose } from '../../lib/ops/index.js';
import { expectClose, expectSameBits, f32, noise, noisy, relativeError } from '../check.js';

function symmetric(n: number, seed: number): Float32Array {
  const a = noise(n * n, seed);
  return a.map((value, i) => value + a[(i % n) * n + Math.floor(i / n)]!);
}

describe('eigh', () => {
  test.each([1, 2, 3, 17, 64, 129, 257])('of %i rows takes the matrix apart', async (n) => {
    const a = symmetric(n, n);
    const { values, vectors } = eigh(f32(a, [n, n]));
    await expectClose(matmul(mul(vectors, values), vectors, { transposeB: true }), a, 3e-6);
    const product = await matmul(vectors, vectors, { transposeA: true }).data();
    const identity = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    expect(relativeError(product, identity)).toBeLessThan(1e-6);
    const ascending = await values.data();
    expect([...ascending]).toEqual([...ascending].sort((u, v) => u - v));
    const columns = await transpose(vectors).data();
    for (let i = 0; i < n; i++) {
      const column = columns.subarray(i * n, (i + 1) * n);
      const most = column.reduce((u, v) => (Math.abs(v) > Math.abs(u) ? v : u));
      expect(most).toBeGreaterThan(0);
    }
  });

  test('of matrices that are diagonal, or all alike, or of one rank', async () => {
    const diagonal = f32([3, 0, 0, 0, -1, 0, 0, 0, 2], [3, 3]);
    await expectClose(eigh(diagonal).values, [-1, 2, 3], 0);
    await expectClose(eigh(diagonal).vectors, [0, 0, 1, 1, 0, 0, 0, 1, 0], 0);
    const n = 50;
    const ones = await eigh(f32(new Float32Array(n * n).fill(1), [n, n])).values.data();
    expect(ones.at(-1)).toBeCloseTo(n, 4);
    for (const value of ones.slice(0, -1)) expect(Math.abs(value)).toBeLessThan(1e-12);
    await expectClose(eigh(f32(new Float32Array(n * n), [n, n])).values, new Float32Array(n), 0);
  });

  test('takes large and small numbers', async () => {
    for (const factor of [1e30, 1e-30]) {
      const a = symmetric(20, 3).map((value) => value * factor);
      const { values, vectors } = eigh(f32(a, [20, 20]));
      await expectClose(
        matmul(mul(vectors, values), vectors, { transposeB: true }),
        a,
        3e-6 / Math.min(1, factor * 1e15),
      );
    }
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const { values, vectors } = eigh(f32(symmetric(150, 5), [150, 150]));
      return [values, vectors];
    });
  });

  test('of nothing is nothing', async () => {
    const { values, vectors } = eigh(f32([], [0, 0]));
    expect([values.shape, vectors.shape]).toEqual([[0], [0, 0]]);
    expect((await values.data()).length).toBe(0);
  });

  test('refuses what is no square matrix of finite numbers', async () => {
    expect(() => eigh(noisy([2, 3]))).toThrow(/eigh: input \[2, 3\] is no square matrix/);
    expect(() => eigh(noisy([4]))).toThrow(/eigh: input \[4\] has 1 axes, wants 2/);
    await expect(eigh(f32([1, 2, NaN, 1], [2, 2])).vectors.data()).rejects.toThrow(
      /eigh: input is not finite at \[1, 0\]/,
    );
  });
});
