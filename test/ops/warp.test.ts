import { describe, expect, test } from 'vitest';
import { affine, interpolate, resizedCrop, separableFilter } from '../../lib/ops/index.js';
import { expectClose, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

const identity = [1, 0, 0, 0, 1, 0];

describe('affine', () => {
  test('by the identity changes no bit', async () => {
    const x = noise(2 * 5 * 4 * 17, 1);
    for (const interpolation of ['nearest', 'bilinear'] as const) {
      const maps = f32([...identity, ...identity], [2, 2, 3]);
      await expectClose(affine(f32(x, [2, 5, 4, 17]), maps, { interpolation }), x, 0);
    }
  });

  test('goes over evenly to what lies beyond', async () => {
    const x = f32([1, 2, 3, 4], [1, 2, 2, 1]);
    const moved = f32([1, 0, -0.25, 0, 1, 0], [1, 2, 3]);
    const y = affine(x, moved, { size: [2, 4], interpolation: 'bilinear', fill: 8 });
    await expectClose(y, [2.75, 1.75, 6.5, 8, 4.25, 3.75, 7, 8], 1e-6);
    await expectClose(
      affine(x, moved, { size: [2, 4], interpolation: 'bilinear', paddingMode: 'edge' }),
      [1, 1.75, 2, 2, 3, 3.75, 4, 4],
      1e-6,
    );
  });

  test('has a value for each channel beyond the image', async () => {
    const y = affine(noisy([1, 2, 2, 3]), f32([1, 0, 50, 0, 1, 0], [1, 2, 3]), { fill: [1, 2, 3] });
    await expectClose(y, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3], 0);
  });

  test.each([NaN, Infinity, -Infinity, 1e38])('takes matrices of %s for something beyond', async (odd) => {
    const x = f32([1, 2, 3, 4], [1, 2, 2, 1]);
    for (const interpolation of ['nearest', 'bilinear'] as const) {
      const maps = f32(Array<number>(6).fill(odd), [1, 2, 3]);
      const y = await affine(x, maps, { interpolation, fill: 9 }).data();
      expect([...y]).toEqual([9, 9, 9, 9]);
      const edge = await affine(x, maps, { interpolation, paddingMode: 'edge' }).data();
      for (const value of edge) expect([1, 4]).toContain(value);
    }
  });

  test('reads no pixel that has no share', async () => {
    const x = f32([1, Infinity, 3, NaN], [1, 1, 4, 1]);
    const y = await affine(x, f32(identity, [1, 2, 3]), { interpolation: 'bilinear' }).data();
    expect([...y]).toEqual([1, Infinity, 3, NaN]);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const maps = noise(6 * 70, 8).map((v, i) => v / 10 + identity[i % 6]!);
    await expectSameBits(() => [
      affine(noisy([70, 33, 31, 3]), f32(maps, [70, 2, 3]), { interpolation: 'bilinear' }),
    ]);
  });

  test('refuses what does not fit', () => {
    const x = noisy([2, 4, 4, 3]);
    const maps = f32([...identity, ...identity], [2, 2, 3]);
    expect(() => affine(x, noisy([2, 3]))).toThrow(/matrices has shape \[2, 3\], wants \[2, 2, 3\]/);
    expect(() => affine(x, maps, { interpolation: 'cubic' as never })).toThrow(/interpolation is 'cubic'/);
    expect(() => affine(x, maps, { paddingMode: 'reflect' as never })).toThrow(/paddingMode is 'reflect'/);
    expect(() => affine(noisy([2, 4]), maps)).toThrow(/affine: input \[2, 4\] has 2 axes, wants 4/);
    expect(() => affine(x, maps, { fill: [] })).toThrow(/fill is \[\]/);
  });
});

describe('resizedCrop', () => {
  test('of whole images is interpolate, where nothing is filtered', async () => {
    const x = noisy([2, 9, 7, 5], 2);
    for (const [size, antialias] of [[[4, 13], false], [[9, 7], true], [[18, 20], true]] as const) {
      await expectClose(
        resizedCrop(x, null, { size, antialias }),
        await interpolate(x, { size, mode: 'bilinear' }).data(),
        1e-6,
      );
    } // prettier-ignore
    await expectClose(
      resizedCrop(x, null, { size: [4, 13], interpolation: 'nearest' }),
      await interpolate(x, { size: [4, 13] }).data(),
      0,
    );
  });

  test('keeps the mean where it makes images smaller', async () => {
    const x = f32(new Float32Array(64 * 64 * 3).fill(0.75), [1, 64, 64, 3]);
    await expectClose(resizedCrop(x, null, { size: [7, 5] }), new Array<number>(7 * 5 * 3).fill(0.75), 1e-6);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const boxes = Int32Array.from({ length: 4 * 20 }, (_, i) => [i % 7, i % 5, 60, 50][i % 4]!);
    await expectSameBits(() => [
      resizedCrop(noisy([20, 64, 57, 3]), i32(boxes, [20, 4]), { size: 33 }),
      resizedCrop(noisy([1, 300, 301, 3]), null, { size: [150, 200] }),
    ]);
  });

  test('refuses boxes that are empty or reach beyond', async () => {
    const x = noisy([1, 4, 5, 1]);
    for (const box of [[0, 0, 5, 5], [-1, 0, 4, 5], [0, 3, 4, 3], [0, 0, 4, 6]]) {
      await expect(resizedCrop(x, i32(box, [1, 4]), { size: 2 }).data()).rejects.toThrow(
        /resizedCrop: box 0 is rows .* wants some of the image's 4 and 5/,
      );
    } // prettier-ignore
    expect(() => resizedCrop(x, null, { size: -1 })).toThrow(/size is -1/);
    expect(() => resizedCrop(x, null, { size: 2, antialias: 1 as never })).toThrow(/antialias is 1/);
    expect(() => resizedCrop(noisy([1, 0, 5, 1]), null, { size: 2 })).toThrow(/wants from 1 to/);
    expect(resizedCrop(noisy([0, 0, 5, 1]), null, { size: 2 }).shape).toEqual([0, 2, 2, 1]);
  });
});

describe('separableFilter', () => {
  test('by a single 1 changes no bit', async () => {
    const x = noise(volume([2, 4, 5, 3]), 1);
    const [tall, wide] = [f32([0, 1, 0, 0, 1, 0], [2, 3]), f32([1, 1], [2, 1])];
    await expectClose(separableFilter(f32(x, [2, 4, 5, 3]), tall, wide), x, 0);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [
      separableFilter(noisy([30, 40, 37, 3]), noisy([30, 7], 2), noisy([30, 5], 3)),
    ]);
  });

  test('refuses filters that are even or too long', () => {
    const x = noisy([1, 4, 3, 1]);
    expect(() => separableFilter(x, noisy([1, 2]), noisy([1, 1]))).toThrow(/vertical has 2 places/);
    expect(() => separableFilter(x, noisy([1, 1]), noisy([1, 7]))).toThrow(
      /horizontal has 7 places for images of 3/,
    );
    expect(() => separableFilter(x, noisy([2, 1]), noisy([1, 1]))).toThrow(
      /vertical has shape \[2, 1\], wants \[1, 1\]/,
    );
  });
});
