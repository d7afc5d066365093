// Operations on images against the vectors of PyTorch, NumPy and colorsys.
import { describe, expect, test } from 'vitest';
import {
  affine,
  eigh,
  hsvToRgb,
  resizedCrop,
  rgbToHsv,
  separableFilter,
  type AffineOptions,
} from '../../lib/ops/index.js';
import { matmul } from '../../lib/ops/matmul.js';
import { mul } from '../../lib/ops/elementwise.js';
import { expectClose, f32, i32, relativeError } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

interface Vector extends AffineOptions {
  operation: string;
  shape: [number, number, number, number];
  matrices: number[][][];
  boxes: number[][];
  size: [number, number];
  antialias?: boolean;
  tall: number;
  wide: number;
  x: number[];
  n: number;
  a: number[];
  values: number[];
  y: number[];
}

const all = vectors<Vector>('images');
const of = (operation: string) => all.filter((vector) => vector.operation === operation);
const unit = (shape: number[], seed: number) =>
  f32(
    pattern(shape, seed).map((value) => (value + 1) / 2),
    shape,
  );

describe('agrees with PyTorch', () => {
  test.each(of('affine').map((v) => [v.size, v.interpolation, v.paddingMode, v] as const))(
    'affine to %j, %s, %s',
    async (size, interpolation, paddingMode, { shape, matrices, y }) => {
      const maps = f32(matrices.flat(2), [shape[0], 2, 3]);
      const out = affine(f32(pattern(shape, 1), shape), maps, { size, interpolation, paddingMode });
      expect(out.shape).toEqual([shape[0], ...size, shape[3]]);
      await expectClose(out, y, 2e-6);
    },
  );

  test.each(of('resizedCrop').map((v) => [v.size, v.interpolation, v.antialias, v] as const))(
    'resizedCrop to %j, %s, antialias %s',
    async (size, interpolation, antialias, { shape, boxes, y }) => {
      const places = i32(boxes.flat(), [shape[0], 4]);
      const out = resizedCrop(f32(pattern(shape, 2), shape), places, { size, interpolation, antialias });
      expect(out.shape).toEqual([shape[0], ...size, shape[3]]);
      await expectClose(out, y, 2e-6);
    },
  );

  test.each(of('separableFilter').map((v) => [v.tall, v.wide, v] as const))(
    'separableFilter of %i × %i',
    async (tall, wide, { shape, y }) => {
      const out = separableFilter(f32(pattern(shape, 3), shape), unit([2, tall], 4), unit([2, wide], 5));
      await expectClose(out, y, 1e-6);
    },
  );

  test.each([
    ['rgbToHsv', rgbToHsv],
    ['hsvToRgb', hsvToRgb],
  ] as const)('%s with colorsys', async (name, convert) => {
    const [{ x, y }] = of(name) as [Vector];
    await expectClose(convert(f32(x, [x.length / 3, 3])), y, 1e-6);
  });

  test('eigh with NumPy, and A·V = V·diag(values)', async () => {
    const [{ n, a, values }] = of('eigh') as [Vector];
    const matrix = f32(a, [n, n]);
    const { values: found, vectors: basis } = eigh(matrix);
    await expectClose(found, values, 1e-6);
    await expectClose(matmul(matrix, basis), await mul(basis, found).data(), 2e-6);
    const identity = await matmul(basis, basis, { transposeA: true }).data();
    expect(
      relativeError(
        identity,
        Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
      ),
    ).toBeLessThan(1e-6);
  });
});
