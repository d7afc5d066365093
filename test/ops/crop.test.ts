import { describe, expect, test } from 'vitest';
import { native } from '../../lib/native.js';
import {
  cropFlip,
  eraseBoxes,
  pasteBoxes,
  type CropFlipOptions,
  type PaddingMode,
} from '../../lib/ops/index.js';
import { Tensor } from '../../lib/tensor.js';
import { expectClose, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

const u8 = (shape: number[]) =>
  new Tensor(
    native.tensor(
      Uint8Array.from({ length: volume(shape) }, (_, i) => (i * 37 + 11) % 256),
      shape,
    ),
    'u8',
  );

/** The place whose pixel stands at `at`, by walking: to the border, or back and forth. */
function place(at: number, extent: number, mode: PaddingMode): number | null {
  if (at >= 0 && at < extent) return at;
  if (mode === 'constant') return null;
  if (mode === 'edge' || extent === 1) return at < 0 ? 0 : extent - 1;
  if (at < 0) return place(mode === 'reflect' ? -at : -1 - at, extent, mode);
  return place(mode === 'reflect' ? 2 * (extent - 1) - at : 2 * extent - 1 - at, extent, mode);
}

function definition(
  values: ArrayLike<number>,
  shape: number[],
  windows: number[][],
  { size, indices, paddingMode = 'constant', fill = 0, mean = 0, std = 1 }: Defined,
): number[] {
  const [, height, width, channels] = shape as [number, number, number, number];
  const [tall, wide] = size;
  const of = (list: number | readonly number[], c: number) => (typeof list === 'number' ? list : list[c]!);
  const y: number[] = [];
  for (const [n, [top, left, mirrored, upsideDown]] of (
    windows as [number, number, number, number][]
  ).entries())
    for (let i = 0; i < tall; i++)
      for (let j = 0; j < wide; j++)
        for (let c = 0; c < channels; c++) {
          const row = place(top + (upsideDown ? tall - 1 - i : i), height, paddingMode);
          const column = place(left + (mirrored ? wide - 1 - j : j), width, paddingMode);
          const image = indices?.[n] ?? n;
          const value =
            row === null || column === null
              ? of(fill, c)
              : values[((image * height + row) * width + column) * channels + c]!;
          y.push((value - of(mean, c)) / of(std, c));
        }
  return y;
}

type Defined = Omit<CropFlipOptions, 'size' | 'indices'> & { size: [number, number]; indices?: number[] };

const some: number[][] = [
  [0, 0, 0, 0],
  [-3, 2, 1, 0],
  [4, -5, 0, 1],
  [-20, 1, 1, 1],
  [2, 40, 1, 0],
  [-2, -2, 0, 0],
];
const cases: [shape: number[], windows: number[][], options: Defined][] = [
  [[6, 9, 7, 3], some, { size: [9, 7] }],
  [[6, 9, 7, 3], some, { size: [13, 17], fill: [0.5, -1, 2], mean: [0.1, 0.2, 0.3], std: [0.5, 2, 4] }],
  [[6, 9, 7, 3], some, { size: [4, 33], paddingMode: 'edge', mean: 0.25, std: 0.5 }],
  [[6, 9, 7, 1], some, { size: [11, 12], paddingMode: 'reflect' }],
  [[6, 9, 7, 2], some, { size: [11, 12], paddingMode: 'symmetric' }],
  [[6, 1, 1, 5], some, { size: [3, 2], paddingMode: 'reflect' }],
  [[3, 5, 6, 19], some, { size: [5, 6], indices: [2, 0, 1, 2, 2, 0], fill: 1 }],
  [[2, 40, 90, 3], [[1, -1, 1, 1], [-30, 5, 0, 0]], { size: [80, 100] }],
]; // prettier-ignore

describe('cropFlip', () => {
  test.each(cases)(
    'of %j agrees with the definition, of floats and of bytes',
    async (shape, windows, options) => {
      const places = i32(windows.flat(), [windows.length, 4]);
      const indices = options.indices && i32(options.indices, [options.indices.length]);
      const x = noise(volume(shape), 3);
      const given = { ...options, indices };
      await expectClose(cropFlip(f32(x, shape), places, given), definition(x, shape, windows, options), 1e-6);
      const bytes = u8(shape);
      const values = Float64Array.from(bytes.dataSync(), (value) => value / 255);
      await expectClose(cropFlip(bytes, places, given), definition(values, shape, windows, options), 1e-6);
    },
  );

  test('in one pass or in several gives the same bits', async () => {
    const shape = [6, 9, 7, 3];
    const windows = some.map(([top = 0, left = 0]) => [top, left, 0, 0]);
    const scale = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25] };
    const still = i32(new Int32Array(24), [6, 4]);
    const mirrors = i32(
      [...Array<number>(6)].flatMap((_, i) => [0, 0, i % 2, i % 3 === 0 ? 1 : 0]),
      [6, 4],
    );
    const both = windows.map(([top = 0, left = 0], i) => [top, left, i % 2, i % 3 === 0 ? 1 : 0]);
    const bytes = u8(shape);
    const whole = cropFlip(bytes, i32(both.flat(), [6, 4]), { size: [8, 8], ...scale });
    const floats = cropFlip(bytes, still, { size: [9, 7] });
    const cut = cropFlip(floats, i32(windows.flat(), [6, 4]), { size: [8, 8] });
    const turned = cropFlip(cut, mirrors, { size: 8 });
    const scaled = cropFlip(turned, still, { size: 8, ...scale });
    expect(Buffer.compare(Buffer.from(whole.dataSync().buffer), Buffer.from(scaled.dataSync().buffer))).toBe(
      0,
    );
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const windows = Int32Array.from({ length: 4 * 300 }, (_, i) => (i % 4 < 2 ? (i % 9) - 4 : i % 2));
    await expectSameBits(() => [
      cropFlip(u8([300, 32, 32, 3]), i32(windows, [300, 4]), { size: 32, mean: 0.5, std: 0.25 }),
    ]);
  });

  test('of nothing is nothing', async () => {
    const y = cropFlip(f32([], [0, 4, 4, 3]), i32([], [0, 4]), { size: 2 });
    expect(y.shape).toEqual([0, 2, 2, 3]);
    expect(cropFlip(f32([], [2, 4, 4, 0]), i32(new Int32Array(8), [2, 4]), { size: 2 }).shape).toEqual([
      2, 2, 2, 0,
    ]);
    expect((await y.data()).length).toBe(0);
  });

  test('refuses what does not fit', async () => {
    const [x, still] = [noisy([2, 4, 4, 3]), i32(new Int32Array(8), [2, 4])];
    expect(() => cropFlip(noisy([4, 4]), still, { size: 2 })).toThrow(/cropFlip: input \[4, 4\] has 2 axes/);
    expect(() => cropFlip(x, i32([1], [1]), { size: 2 })).toThrow(/windows has shape \[1\], wants \[2, 4\]/);
    expect(() => cropFlip(x, still, { size: 0 })).toThrow(/size is 0, wants a whole number from 1/);
    expect(() => cropFlip(x, still, { size: 2, fill: [1, 2] })).toThrow(
      /fill has 2 values, wants one, or one for each of 3/,
    );
    expect(() => cropFlip(x, still, { size: 2, fill: NaN })).toThrow(/fill is NaN, wants a finite number/);
    expect(() => cropFlip(x, still, { size: 2, mean: 1 })).toThrow(/both of mean and std/);
    expect(() => cropFlip(x, still, { size: 2, paddingMode: 'wrap' as never })).toThrow(
      /paddingMode is 'wrap'/,
    );
    expect(() => cropFlip(i32(new Int32Array(48), [1, 4, 4, 3]) as never, still, { size: 2 })).toThrow(
      /wants dtype f32/,
    );
    await expect(cropFlip(x, still, { size: 2, indices: i32([0, 2], [2]) }).data()).rejects.toThrow(
      /cropFlip: index 2 at place 1 is not in \[0, 2\)/,
    );
  });
});

describe('boxes', () => {
  const shape = [3, 6, 5, 2];
  const boxes = [[1, 1, 4, 3], [-2, 3, 2, 99], [4, 4, 4, 5]]; // prettier-ignore
  const inside = (n: number, i: number, j: number) => {
    const [top, left, bottom, right] = boxes[n] as [number, number, number, number];
    return i >= top && i < bottom && j >= left && j < right;
  };
  const each = (value: (n: number, i: number, j: number, c: number) => number) =>
    Array.from({ length: volume(shape) }, (_, k) =>
      value(Math.floor(k / 60), Math.floor(k / 10) % 6, Math.floor(k / 2) % 5, k % 2),
    );
  const at = (n: number, i: number, j: number, c: number) => ((n * 6 + i) * 5 + j) * 2 + c;
  const x = noise(volume(shape), 1);
  const places = () => i32(boxes.flat(), [3, 4]);

  test('are erased', async () => {
    const expected = each((n, i, j, c) => (inside(n, i, j) ? [7, -1][c]! : x[at(n, i, j, c)]!));
    await expectClose(eraseBoxes(f32(x, shape), places(), [7, -1]), expected, 0);
  });

  test('are pasted from partners', async () => {
    const other = noise(2 * 60, 2);
    const partners = [1, 0, 1];
    const expected = each((n, i, j, c) =>
      inside(n, i, j) ? other[at(partners[n]!, i, j, c)]! : x[at(n, i, j, c)]!,
    );
    const y = pasteBoxes(f32(x, shape), f32(other, [2, 6, 5, 2]), places(), i32(partners, [3]));
    await expectClose(y, expected, 0);
  });

  test('want partners and shapes that fit', async () => {
    const images = f32(x, shape);
    expect(() => pasteBoxes(images, noisy([2, 6, 4, 2]), places(), i32([0, 0, 0], [3]))).toThrow(
      /other has shape \[2, 6, 4, 2\], wants \[2, 6, 5, 2\]/,
    );
    expect(() => eraseBoxes(images, i32([1], [1]), 0)).toThrow(/boxes has shape \[1\], wants \[3, 4\]/);
    await expect(pasteBoxes(images, images, places(), i32([0, 3, 0], [3])).data()).rejects.toThrow(
      /pasteBoxes: index 3 at place 1/,
    );
  });

  test('give the same bits for 1 and 2 threads', async () => {
    const many = Int32Array.from({ length: 400 }, (_, i) => [3, 5, 20, 31][i % 4]!);
    await expectSameBits(() => {
      const images = noisy([100, 32, 32, 3]);
      const next = i32(
        Int32Array.from({ length: 100 }, (_, i) => (i + 1) % 100),
        [100],
      );
      return [
        eraseBoxes(images, i32(many, [100, 4]), 1),
        pasteBoxes(images, images, i32(many, [100, 4]), next),
      ];
    });
  });
});
