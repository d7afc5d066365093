import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { linear, matmul } from '../../lib/ops/matmul.js';
import { expectClose, expectGradients, expectSameBits, f32, noise, noisy, relativeError } from '../check.js';

/** a [m, k]·b [k, n] in double precision. */
function definition(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  m: number,
  k: number,
  n: number,
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) for (let d = 0; d < k; d++) c[i * n + j]! += a[i * k + d]! * b[d * n + j]!;
  return c;
}

/** a [rows, columns] as [columns, rows]. */
function transposed(a: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(a, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)]!);
}

const sizes: [number, number, number][] = [
  [1, 1, 1],
  [1, 300, 1],
  [1, 50, 131],
  [5, 3, 2],
  [15, 33, 16],
  [17, 64, 31],
  [128, 400, 120],
  [49, 1100, 67],
  [200, 7, 129],
];

describe.each(sizes)('matmul [%i, %i]·[…, %i]', (m, k, n) => {
  const a = noise(m * k, 1);
  const b = noise(k * n, 2);
  const expected = definition(a, b, m, k, n);

  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('agrees with the definition, transposed %s %s', async (transposeA, transposeB) => {
    const left = transposeA ? f32(transposed(a, m, k), [k, m]) : f32(a, [m, k]);
    const right = transposeB ? f32(transposed(b, k, n), [n, k]) : f32(b, [k, n]);
    const y = matmul(left, right, { transposeA, transposeB });
    expect(y.shape).toEqual([m, n]);
    await expectClose(y, expected, 2e-6);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [f32(a, [m, k]).matmul(f32(b, [k, n]))]);
  });
});

describe('matmul over leading axes', () => {
  test('matrix by matrix', async () => {
    const a = noise(3 * 5 * 4, 1);
    const b = noise(3 * 4 * 7, 2);
    const y = matmul(f32(a, [3, 5, 4]), f32(b, [3, 4, 7]));
    expect(y.shape).toEqual([3, 5, 7]);
    const expected = [0, 1, 2].flatMap((i) => [
      ...definition(a.subarray(i * 20, i * 20 + 20), b.subarray(i * 28, i * 28 + 28), 5, 4, 7),
    ]);
    await expectClose(y, expected);
  });

  test('one matrix for all, on either side', async () => {
    const a = noise(3 * 5 * 4, 1);
    const b = noise(4 * 7, 2);
    await expectClose(matmul(f32(a, [3, 5, 4]), f32(b, [4, 7])), definition(a, b, 15, 4, 7));
    const left = noise(2 * 5, 3);
    const y = matmul(f32(left, [2, 5]), f32(a, [3, 5, 4]));
    const expected = [0, 1, 2].flatMap((i) => [
      ...definition(left, a.subarray(i * 20, i * 20 + 20), 2, 5, 4),
    ]);
    await expectClose(y, expected);
  });

  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('the derivative agrees with a numeric one, transposed %s %s', async (transposeA, transposeB) => {
    const options = { transposeA, transposeB };
    const a = transposeA ? [2, 3, 5] : [2, 5, 3];
    const b = transposeB ? [4, 3] : [3, 4];
    await expectGradients((u, v) => matmul(u, v, options), [noisy(a, 1), noisy(b, 2)]);
    await expectGradients((u, v) => matmul(u, v, options), [noisy(a, 1), noisy([2, ...b], 2)]);
    await expectGradients((u, v) => matmul(u, v, options), [noisy(a.slice(1), 1), noisy([2, ...b], 2)]);
  });
});

describe('linear', () => {
  test('is the product plus bias, with ReLU where asked', async () => {
    const x = noise(6 * 9, 1);
    const w = noise(9 * 21, 2);
    const bias = noise(21, 3);
    const expected = definition(x, w, 6, 9, 21).map((v, i) => v + bias[i % 21]!);
    const args = () => [f32(x, [2, 3, 9]), f32(w, [9, 21]), f32(bias, [21])] as const;
    expect(linear(...args()).shape).toEqual([2, 3, 21]);
    await expectClose(linear(...args()), expected);
    await expectClose(
      linear(...args(), { relu: true }),
      expected.map((v) => Math.max(0, v)),
    );
  });

  test('the derivative agrees with a numeric one', async () => {
    await expectGradients(
      (x, w, b) => linear(x, w, b),
      [noisy([2, 3, 9], 1), noisy([9, 5], 2), noisy([5], 3)],
    );
    const away = (x: number) => (Math.abs(x) < 0.05 ? 0.1 : x);
    const x = f32(noise(12, 1).map(away), [4, 3]);
    await expectGradients((u, w) => linear(u, w, null, { relu: true }), [x, noisy([3, 5], 2)], {
      step: 1e-3,
      tolerance: 2e-2,
    });
  });

  test.each([
    { m: 7, depth: 19, n: 37, why: 'few rows, whose side is turned for the gradient by x' },
    { m: 5, depth: 263, n: 4099, why: 'weights that are streamed, with their gradients' },
    { m: 9, depth: 1031, n: 1033, why: 'weights whose rows are read in one go by the gradient by x' },
    { m: 50, depth: 1061, n: 997, why: 'weights that are streamed by narrower blocks' },
  ])('$why', async ({ m, depth, n }) => {
    const [x, w, g] = [noise(m * depth, 1), noise(depth * n, 2), noise(m * n, 3)];
    const bias = noise(n, 4);
    const [a, b, c] = [f32(x, [m, depth]), f32(w, [depth, n]), f32(bias, [n])];
    a.requiresGrad = b.requiresGrad = true;
    const y = linear(a, b, c);
    await expectClose(
      y,
      definition(x, w, m, depth, n).map((v, i) => v + bias[i % n]!),
    );
    const [byX, byW] = grad(y, [a, b], f32(g, [m, n]));
    await expectClose(byX!, definition(g, transposed(w, depth, n), m, n, depth));
    await expectClose(byW!, definition(transposed(x, m, depth), g, depth, m, n));
    await expectSameBits(() => [linear(a, b, c, { relu: true })]);
  });

  test('few rows use weights larger than the caches where they lie', async () => {
    const [m, depth, n] = [5, 4099, 4099];
    const part = noise(65_537, 2);
    const w = new Float32Array(depth * n);
    for (let i = 0; i < w.length; i++) w[i] = part[i % part.length]!;
    const x = noise(m * depth, 1);
    using a = f32(x, [m, depth]);
    using b = f32(w, [depth, n]);
    using c = f32(noise(n, 3), [n]);
    const bias = await c.data();
    await expectClose(
      linear(a, b, c),
      definition(x, w, m, depth, n).map((v, i) => v + bias[i % n]!),
    );
    await expectSameBits(() => [linear(a, b, c, { relu: true })]);
  });

  test('refuses features that differ', () => {
    expect(() => linear(noisy([2, 3]), noisy([4, 5]))).toThrow(/linear: input \[2, 3\] wants 4 features/);
    expect(() => linear(noisy([2, 4]), noisy([4, 5]), noisy([4]))).toThrow(
      /bias has shape \[4\], wants \[5\]/,
    );
  });
});

test('a product larger than the caches, of short sums', async () => {
  const [m, depth, n] = [2051, 7, 4112];
  const a = noise(depth * m, 1);
  const b = noise(depth * n, 2);
  using u = f32(a, [depth, m]);
  using v = f32(b, [depth, n]);
  using y = matmul(u, v, { transposeA: true });
  const data = await y.data();
  for (const row of [0, 47, 48, 1000, 2015, 2050]) {
    const ofRow = Float32Array.from({ length: depth }, (_, d) => a[d * m + row]!);
    const actual = data.subarray(row * n, (row + 1) * n);
    expect(relativeError(actual, definition(ofRow, b, 1, depth, n))).toBeLessThanOrEqual(1e-6);
  }
  await expectSameBits(() => [matmul(u, v, { transposeA: true })]);
});

test('matmul refuses what does not fit', () => {
  expect(() => matmul(noisy([2, 3]), noisy([4, 5]))).toThrow(/matmul: a \[2, 3\] and b \[4, 5\] do not fit/);
  expect(() => matmul(noisy([3]), noisy([3, 5]))).toThrow(/do not fit/);
  expect(() => matmul(noisy([2, 4, 3]), noisy([3, 3, 5]))).toThrow(/do not fit/);
});

test('an empty sum is zero', async () => {
  const y = matmul(f32([], [3, 0]), f32([], [0, 2]));
  expect([...(await y.data())]).toEqual([0, 0, 0, 0, 0, 0]);
});
