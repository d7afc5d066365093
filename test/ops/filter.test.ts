import { describe, expect, test } from 'vitest';
import * as ops from '../../lib/ops/index.js';
import { expectClose, expectGradients, f32, noise, noisy } from '../check.js';

const sum = (values: Float32Array) => values.reduce((total, v) => total + v, 0);

describe('kernels', () => {
  test('mean and Gaussian have the sum 1, the others 0 or 1', async () => {
    for (const [kernel, total] of [
      [ops.meanKernel(5), 1],
      [ops.gaussianKernel(7, 1.3), 1],
      [ops.gaussianKernel(), 1],
      [ops.sobelKernel('x'), 0],
      [ops.sobelKernel('y'), 0],
      [ops.laplacianKernel(), 0],
      [ops.laplacianKernel({ diagonals: true }), 0],
      [ops.sharpenKernel(), 1],
    ] as const) {
      expect(Math.abs(sum(await kernel.data()) - total)).toBeLessThan(1e-6);
    }
  });

  test('the Gaussian falls off as e^(−d²/2σ²)', async () => {
    const values = await ops.gaussianKernel(5, 0.8).data();
    for (const [u, v] of [[0, 1], [1, 1], [2, 0], [2, 1]] as const) {
      const ratio = values[(2 + u) * 5 + 2 + v]! / values[12]!;
      expect(ratio / Math.exp(-(u * u + v * v) / (2 * 0.64))).toBeCloseTo(1, 5);
    } // prettier-ignore
  });

  test('refuse sizes that are none', () => {
    expect(() => ops.meanKernel(4)).toThrow(/meanKernel: size is 4, wants an odd number/);
    expect(() => ops.gaussianKernel(3, 0)).toThrow(/gaussianKernel: sigma is 0/);
    expect(() => ops.sobelKernel('z' as never)).toThrow(/sobelKernel: axis is z/);
  });
});

/** y[n, i, j, c] = Σ x[n, i + u − r, j + v − r, c]·kernel[u, v], zeros around. */
function definition(
  x: Float32Array,
  [images, height, width, channels]: number[],
  kernel: Float32Array,
  size: number,
) {
  const r = (size - 1) / 2;
  const y: number[] = [];
  for (let n = 0; n < images!; n++)
    for (let i = 0; i < height!; i++)
      for (let j = 0; j < width!; j++)
        for (let c = 0; c < channels!; c++) {
          let total = 0;
          for (let u = 0; u < size; u++)
            for (let v = 0; v < size; v++) {
              const [row, column] = [i + u - r, j + v - r];
              if (row < 0 || row >= height! || column < 0 || column >= width!) continue;
              total += x[((n * height! + row) * width! + column) * channels! + c]! * kernel[u * size + v]!;
            }
          y.push(total);
        }
  return y;
}

describe('filter2d', () => {
  test.each([
    ['mean', ops.meanKernel(3), 3],
    ['Gaussian', ops.gaussianKernel(7, 1.5), 7],
    ['Sobel', ops.sobelKernel('x'), 3],
    ['Laplacian', ops.laplacianKernel(), 3],
    ['sharpen', ops.sharpenKernel(), 3],
  ] as const)('%s agrees with the definition, channel by channel', async (_, kernel, size) => {
    const shape = [2, 9, 7, 3];
    const x = noise(2 * 9 * 7 * 3, 2);
    const y = ops.filter2d(f32(x, shape), kernel);
    await expectClose(y, definition(x, shape, await kernel.data(), size), 1e-6);
  });

  test("Sobel's finds an edge where it is, by its direction", async () => {
    const step = f32(
      Float32Array.from({ length: 36 }, (_, i) => (i % 6 < 3 ? 0 : 1)),
      [1, 6, 6, 1],
    );
    const across = ops.filter2d(step, ops.sobelKernel('x'), { padding: 'valid' });
    expect(across.shape).toEqual([1, 4, 4, 1]);
    expect([...(await across.data())]).toEqual(Array.from({ length: 4 }, () => [0, 4, 4, 0]).flat());
    const down = ops.filter2d(step, ops.sobelKernel('y'), { padding: 'valid' });
    expect((await down.data()).every((v) => v === 0)).toBe(true);
  });

  test('has the derivative, by the image and by the kernel', async () => {
    await expectGradients(
      (x, kernel) => ops.filter2d(x, kernel),
      [noisy([1, 4, 5, 2], 1), noisy([3, 3], 2)],
      {
        tolerance: 1e-3,
      },
    );
  });

  test('refuses what is no image and no kernel', () => {
    expect(() => ops.filter2d(noisy([3, 3]), ops.meanKernel())).toThrow(
      /filter2d: input \[3, 3\] has 2 axes/,
    );
    expect(() => ops.filter2d(noisy([1, 3, 3, 1]), noisy([3]))).toThrow(/filter2d: kernel \[3\] has 1 axes/);
    expect(() => ops.filter2d(noisy([1, 2, 2, 1]), ops.meanKernel(3), { padding: 'valid' })).toThrow(
      RangeError,
    );
  });
});
