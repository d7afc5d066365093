import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { interpolate, type InterpolateOptions } from '../../lib/ops/upsample.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

interface Vector {
  shape: number[];
  size: [number, number];
  mode?: 'nearest' | 'linear' | 'bilinear';
  alignCorners?: boolean;
  y: number[];
  dx: number[];
}

const title = ({ shape, size, mode = 'nearest', alignCorners = false }: Vector) =>
  `[${shape.join(', ')}] to ${size.join(' × ')}, ${mode}${alignCorners ? ', corners aligned' : ''}`;

describe.each(vectors<Vector>('upsample').map((vector) => [title(vector), vector] as const))(
  'interpolate %s',
  (_, { shape, size, y, dx, ...options }) => {
    test('agrees with PyTorch, forward and backward', async () => {
      const x = f32(pattern(shape, 1), shape);
      x.requiresGrad = true;
      const out = interpolate(x, { size, ...options });
      await expectClose(out, y, 1e-6);
      const [byX] = grad(out, [x], f32(pattern(out.shape, 2), out.shape));
      await expectClose(byX!, dx, 1e-6);
    });
  },
);

/** The place among n that place i of m comes from, by the documented formula. */
function source(
  i: number,
  n: number,
  m: number,
  { mode = 'nearest', alignCorners = false }: InterpolateOptions,
) {
  if (mode === 'nearest') return Math.floor((i * n) / m);
  if (alignCorners) return m > 1 ? (i * (n - 1)) / (m - 1) : 0;
  return Math.max(0, ((i + 0.5) * n) / m - 0.5);
}

function definition(
  x: Float32Array,
  shape: readonly number[],
  size: readonly number[],
  options: InterpolateOptions,
) {
  const [images, height, width, channels] = shape as [number, number, number, number];
  const y: number[] = [];
  for (let n = 0; n < images; n++)
    for (let i = 0; i < size[0]!; i++)
      for (let j = 0; j < size[1]!; j++)
        for (let c = 0; c < channels; c++) {
          const [u, v] = [source(i, height, size[0]!, options), source(j, width, size[1]!, options)];
          const at = (row: number, column: number) =>
            x[
              ((n * height + Math.min(row, height - 1)) * width + Math.min(column, width - 1)) * channels + c
            ]!;
          const [top, left] = [Math.floor(u), Math.floor(v)];
          const [s, t] = [u - top, v - left];
          y.push(
            (1 - s) * ((1 - t) * at(top, left) + t * at(top, left + 1)) +
              s * ((1 - t) * at(top + 1, left) + t * at(top + 1, left + 1)),
          );
        }
  return y;
}

const sizes: [shape: number[], size: [number, number]][] = [
  [[2, 7, 5, 33], [14, 10]],
  [[1, 31, 29, 3], [64, 61]],
  [[3, 13, 17, 16], [5, 6]],
  [[1, 1, 1, 7], [5, 4]],
  [[2, 9, 4, 1], [1, 1]],
  [[1, 40, 40, 70], [80, 80]],
  [[0, 3, 3, 2], [6, 6]],
  [[2, 3, 3, 0], [6, 6]],
]; // prettier-ignore
const modes: InterpolateOptions[] = [
  { mode: 'nearest' },
  { mode: 'bilinear' },
  { mode: 'bilinear', alignCorners: true },
];
const cases = sizes.flatMap(([shape, size]) => modes.map((options) => [shape, size, options] as const));

describe('interpolate', () => {
  test.each(cases)('agrees with the definition: %j to %j, %j', async (shape, size, options) => {
    const x = noise(volume(shape), 3);
    const y = interpolate(f32(x, shape), { size, ...options });
    expect(y.shape).toEqual([shape[0], ...size, shape[3]]);
    await expectClose(y, definition(x, shape, size, options), 1e-6);
  });

  test.each(modes)('has the derivative, %j', async (options) => {
    await expectGradients((x) => interpolate(x, { size: [7, 3], ...options }), [noisy([2, 4, 5, 3], 4)], {
      tolerance: 1e-3,
    });
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const x = noisy([3, 50, 41, 37], 5);
      x.requiresGrad = true;
      const y = interpolate(x, { scaleFactor: 2, mode: 'bilinear' });
      return [y, ...grad(y, [x], noisy(y.shape, 6))];
    });
  });

  test('by a factor, which may differ from axis to axis', () => {
    expect(interpolate(noisy([2, 5, 7, 3]), { scaleFactor: 2 }).shape).toEqual([2, 10, 14, 3]);
    expect(interpolate(noisy([2, 5, 7, 3]), { scaleFactor: [0.5, 1.5] }).shape).toEqual([2, 2, 10, 3]);
    expect(interpolate(noisy([2, 5, 3]), { scaleFactor: 3, mode: 'linear' }).shape).toEqual([2, 15, 3]);
  });

  test('what has no share does not count, even where it is infinite', async () => {
    const x = f32([1, Infinity, 3, 4], [1, 1, 4, 1]);
    const y = await interpolate(x, { size: [1, 7], mode: 'bilinear', alignCorners: true }).data();
    expect([...y]).toEqual([1, Infinity, Infinity, Infinity, 3, 3.5, 4]);
  });

  test('refuses what it cannot do', () => {
    const x = noisy([1, 4, 4, 1]);
    expect(() => interpolate(noisy([4, 4]), { size: 2 })).toThrow(
      /interpolate: input \[4, 4\] has 2 axes, wants 4/,
    );
    expect(() => interpolate(x, {})).toThrow(/neither of size and scaleFactor/);
    expect(() => interpolate(x, { size: 2, scaleFactor: 2 })).toThrow(/both of size and scaleFactor/);
    expect(() => interpolate(x, { size: 0 })).toThrow(/size is 0, wants a whole number from 1/);
    expect(() => interpolate(x, { size: 2 ** 40 })).toThrow(/size is 1099511627776/);
    expect(() => interpolate(x, { scaleFactor: -1 })).toThrow(/scaleFactor is -1/);
    expect(() => interpolate(x, { scaleFactor: 0.1 })).toThrow(/size is 0/);
    expect(() => interpolate(x, { size: 2, mode: 'linear' })).toThrow(
      /mode is 'linear', wants 'nearest' or 'bilinear'/,
    );
    expect(() => interpolate(x, { size: 2, alignCorners: true })).toThrow(/alignCorners is true/);
    expect(() => interpolate(noisy([1, 0, 4, 1]), { size: 2 })).toThrow(/wants from 1 to/);
    expect(() => interpolate(i32([1], [1, 1, 1, 1]) as never, { size: 2 })).toThrow(/input is i32/);
  });
});
