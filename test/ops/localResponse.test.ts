import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { LocalResponseNorm } from '../../lib/nn/index.js';
import { localResponseNorm, type LocalResponseNormOptions } from '../../lib/ops/localResponse.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

/** The definition in double precision: y, and the gradient of Σ y·dy. */
function definition(
  x: Float32Array,
  dy: Float32Array,
  channels: number,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions,
) {
  const y = new Float64Array(x.length);
  const dx = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += channels) {
    for (let c = 0; c < channels; c++) {
      const from = Math.max(0, c - Math.floor(size / 2));
      const to = Math.min(channels - 1, c + Math.floor((size - 1) / 2));
      let energy = k;
      for (let j = from; j <= to; j++) energy += (alpha / size) * x[row + j]! ** 2;
      y[row + c] = x[row + c]! * energy ** -beta;
      const g = dy[row + c]!;
      dx[row + c]! += g * energy ** -beta;
      for (let j = from; j <= to; j++) {
        dx[row + j]! -= g * x[row + c]! * beta * energy ** (-beta - 1) * ((2 * alpha) / size) * x[row + j]!;
      }
    }
  }
  return { y, dx };
}

const cases: [shape: number[], size: number, options: LocalResponseNormOptions][] = [
  [[3, 7, 5, 64], 5, {}],
  [[2, 5, 3, 96], 5, { alpha: 2, k: 2 }],
  [[4, 3, 3, 17], 4, { alpha: 3, beta: 0.5 }],
  [[300, 3], 5, { alpha: 1, beta: 1.3, k: 0.1 }],
  [[7, 2, 1], 1, { alpha: 10 }],
  [[11, 9], 2, { alpha: 5, beta: 0 }],
  [[5, 37], 1000, { alpha: 40, beta: 0.75 }],
  [[2, 20_003], 5, { alpha: 1, beta: 2.5, k: 30 }],
  [[40, 31, 33], 3, { alpha: 0 }],
  [[6], 3, { alpha: 1e3, k: 1e-3 }],
];

describe.each(cases)('localResponseNorm %j, size %j, %j', (shape, size, options) => {
  test('agrees with the definition', async () => {
    const [x, dy] = [noise(volume(shape), 1).map((v) => 3 * v), noise(volume(shape), 2)];
    const expected = definition(x, dy, shape.at(-1)!, size, options);
    const input = f32(x, shape);
    input.requiresGrad = true;
    const y = localResponseNorm(input, size, options);
    await expectClose(y, expected.y, 1e-6);
    const [dx] = grad(y, [input], f32(dy, shape));
    await expectClose(dx!, expected.dx, 2e-6);
  });

  test('comes to the same bits with 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const input = noisy(shape, 3);
      input.requiresGrad = true;
      const y = localResponseNorm(input, size, options);
      return [y, ...grad(y, [input], noisy(shape, 4))];
    });
  });
});

interface Vector extends LocalResponseNormOptions {
  shape: number[];
  size: number;
  y: number[];
  dx: number[];
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('localResponse'))('$shape, size $size', async (v) => {
    const x = f32(pattern(v.shape, 1), v.shape);
    x.requiresGrad = true;
    const { alpha, beta, k } = v;
    const y = localResponseNorm(x, v.size, { alpha, beta, k });
    await expectClose(y, v.y);
    await expectClose(grad(y, [x], f32(pattern(v.shape, 2), v.shape))[0]!, v.dx, 2e-6);
  });
});

describe('localResponseNorm', () => {
  test.each([0.75, 1.1])('has the gradient that differences show, with beta %d', async (beta) => {
    await expectGradients((x) => localResponseNorm(x, 4, { alpha: 2, beta }), [noisy([3, 2, 11])]);
  });

  test.each([1e-15, 1e15])('has a power for energies far from 1, as of %d', async (k) => {
    for (const beta of [0.75, 0.3, 1.9]) {
      const y = localResponseNorm(f32([2], [1]), 1, { alpha: 0, beta, k });
      await expectClose(y, [2 * Math.fround(k) ** -beta], 5e-6);
    }
  });

  test.each([0.75, 0.6])('shows what is not a number, and where; beta %d', async (beta) => {
    const y = await localResponseNorm(f32([NaN, 1, 1, 1, Infinity], [5]), 3, { alpha: 1, beta }).data();
    expect([...y].map((v) => (v > 0 ? 1 : v))).toEqual([NaN, NaN, 1, 0, NaN]);
  });

  test('of nothing is nothing', async () => {
    expect([...(await localResponseNorm(noisy([3, 0]), 5).data())]).toEqual([]);
    expect([...(await localResponseNorm(noisy([0, 4]), 5).data())]).toEqual([]);
  });

  test('refuses what does not fit', () => {
    const x = noisy([2, 3]);
    expect(() => localResponseNorm(noisy([]), 5)).toThrow(/localResponseNorm: input is a scalar/);
    expect(() => localResponseNorm(i32([1], [1]) as never, 5)).toThrow(/input is i32 \[1\], wants dtype f32/);
    expect(() => localResponseNorm(x, 0)).toThrow(
      /localResponseNorm: size is 0, wants a whole number from 1/,
    );
    expect(() => localResponseNorm(x, 2.5)).toThrow(/localResponseNorm: size is 2.5/);
    expect(() => localResponseNorm(x, 5, { alpha: -1 })).toThrow(/localResponseNorm: alpha is -1/);
    expect(() => localResponseNorm(x, 5, { beta: Infinity })).toThrow(/localResponseNorm: beta is inf/);
    expect(() => localResponseNorm(x, 5, { k: 0 })).toThrow(
      /localResponseNorm: k is 0.*, wants a finite number above 0/,
    );
  });
});

describe('nn.LocalResponseNorm', () => {
  test('is the operation with its options', async () => {
    const x = noisy([2, 3, 3, 8]);
    const options = { alpha: 2, beta: 0.5, k: 3 };
    const expected = await localResponseNorm(x, 3, options).data();
    expect(await new LocalResponseNorm(3, options).forward(x).data()).toEqual(expected);
    expect(() => new LocalResponseNorm(0)).toThrow(
      /LocalResponseNorm: size is 0, wants a whole number from 1/,
    );
  });
});
