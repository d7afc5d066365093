import { describe, expect, test } from 'vitest';
import {
  adjustColors,
  hsvToRgb,
  rgbToGrayscale,
  rgbToHsv,
  rgbToYcbcr,
  rgbToYuv,
  ycbcrToRgb,
  yuvToRgb,
} from '../../lib/ops/index.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy } from '../check.js';

const colors = (n: number, seed = 1) => noise(n, seed).map((value) => (value + 1) / 2);
const limited = (value: number) => Math.min(1, Math.max(0, value));
const grey = ([r = 0, g = 0, b = 0]: number[]) => 0.2989 * r + 0.587 * g + 0.114 * b;

function toHsv([r = 0, g = 0, b = 0]: number[]): [number, number, number] {
  const most = Math.max(r, g, b);
  const span = most - Math.min(r, g, b);
  if (span === 0) return [0, 0, most];
  const sixths = most === r ? (g - b) / span : most === g ? 2 + (b - r) / span : 4 + (r - g) / span;
  return [(((sixths / 6) % 1) + 1) % 1, span / most, most];
}

function fromHsv([h, s, v]: readonly [number, number, number]): number[] {
  const sixths = (((h % 1) + 1) % 1) * 6;
  const part = Math.floor(sixths) % 6;
  const rest = sixths - Math.floor(sixths);
  const [p, q, t] = [v * (1 - s), v * (1 - s * rest), v * (1 - s * (1 - rest))];
  return [[v, t, p], [q, v, p], [p, v, t], [p, q, v], [t, p, v], [v, p, q]][part]!; // prettier-ignore
}

/** One image, pixel by pixel in double precision. */
function adjusted(pixels: number[][], factors: number[], order: number[]): number[][] {
  let now = pixels;
  for (const kind of order) {
    const f = factors[kind]!;
    const average =
      now.reduce((sum, pixel) => sum + (pixel.length === 3 ? grey(pixel) : pixel[0]!), 0) / now.length;
    if (kind === 0) now = now.map((pixel) => pixel.map((v) => limited(v * f)));
    if (kind === 1) now = now.map((pixel) => pixel.map((v) => limited(f * v + (1 - f) * average)));
    if (pixels[0]!.length !== 3) continue;
    if (kind === 2) now = now.map((pixel) => pixel.map((v) => limited(f * v + (1 - f) * grey(pixel))));
    if (kind === 3) {
      now = now.map((pixel) => {
        const [h, s, v] = toHsv(pixel);
        return fromHsv([h + f, s, v]);
      });
    }
  }
  return now;
}

describe('adjustColors', () => {
  test.each([3, 1])('agrees with the definition, %i channels', async (channels) => {
    const shape = [5, 9, 11, channels];
    const x = colors(5 * 99 * channels, 3);
    const factors = [
      [1.3, 0.6, 1.5, 0.3],
      [0.2, 1.8, 0, -0.45],
      [1, 1, 1, 0],
      [2, 0, 0.5, 0.1],
      [0.9, 1.1, 1.2, 0.02],
    ];
    const order = [[0, 1, 2, 3], [3, 2, 1, 0], [4, 4, 4, 4], [2, 4, 0, 1], [1, 3, 4, 2]]; // prettier-ignore
    const expected = factors.flatMap((by, n) => {
      const image = Array.from({ length: 99 }, (_, i) =>
        Array.from(x.subarray((n * 99 + i) * channels, (n * 99 + i + 1) * channels)),
      );
      return adjusted(image, by, order[n]!).flat();
    });
    const y = adjustColors(f32(x, shape), f32(factors.flat(), [5, 4]), i32(order.flat(), [5, 4]));
    await expectClose(y, expected, 2e-6);
  });

  test('changes nothing where it is told so', async () => {
    const x = colors(2 * 12 * 3, 1);
    const y = adjustColors(f32(x, [2, 3, 4, 3]), noisy([2, 4]), i32(new Int32Array(8).fill(4), [2, 4]));
    await expectClose(y, x, 0);
  });

  test('leaves no number that is none as one', async () => {
    const x = f32([NaN, 0.5, 0.5, 0.2, 0.3, 0.4], [1, 1, 2, 3]);
    const y = await adjustColors(x, f32([1.5, 1, 1, 0], [1, 4]), i32([0, 4, 4, 4], [1, 4])).data();
    expect(y[0]).toBeNaN();
    expect(y[1]).toBeCloseTo(0.75);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const order = Int32Array.from({ length: 160 }, (_, i) => (i * 3) % 4);
    await expectSameBits(() => [
      adjustColors(f32(colors(40 * 33 * 31 * 3), [40, 33, 31, 3]), noisy([40, 4]), i32(order, [40, 4])),
    ]);
  });

  test('refuses what does not fit', async () => {
    const [factors, order] = [noisy([1, 4]), i32([0, 1, 2, 3], [1, 4])];
    expect(() => adjustColors(noisy([1, 2, 2, 2]), factors, order)).toThrow(/has 2 channels, wants 1 or 3/);
    expect(() => adjustColors(noisy([2, 2, 2, 3]), factors, order)).toThrow(
      /factors has shape \[1, 4\], wants \[2, 4\]/,
    );
    await expect(
      adjustColors(noisy([1, 2, 2, 3]), factors, i32([0, 1, 2, 5], [1, 4])).data(),
    ).rejects.toThrow(/adjustColors: index 5 at place 3/);
  });
});

describe('colour spaces', () => {
  const n = 1000;
  const x = colors(n * 3, 5);

  test.each([
    ['HSV', rgbToHsv, hsvToRgb],
    ['YUV', rgbToYuv, yuvToRgb],
    ['YCbCr', rgbToYcbcr, ycbcrToRgb],
  ] as const)('to %s and back', async (_, to, back) => {
    await expectClose(back(to(f32(x, [10, 10, 10, 3]))), x, 1e-6);
  });

  test('of the corners, as the standards have them', async () => {
    const corners = f32([0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1], [5, 3]);
    await expectClose(
      rgbToYcbcr(corners),
      [
        [0, 0.5, 0.5],
        [1, 0.5, 0.5],
        [0.299, 0.5 - 0.168736, 1],
        [0.587, 0.5 - 0.331264, 0.5 - 0.418688],
        [0.114, 1, 0.5 - 0.081312],
      ].flat(),
      1e-6,
    );
    await expectClose(
      rgbToYuv(corners),
      [0, 0, 0, 1, 0, 0, 0.299, -0.147108, 0.614777, 0.587, -0.288804, -0.514799, 0.114, 0.435912, -0.099978],
      1e-6,
    );
    await expectClose(rgbToHsv(corners), [0, 0, 0, 0, 0, 1, 0, 1, 1, 1 / 3, 1, 1, 2 / 3, 1, 1], 1e-7);
  });

  test('hues count modulo 1', async () => {
    const hsv = f32([-0.75, 0.5, 0.8, 0.25, 0.5, 0.8, 1, 1, 1, 0, 1, 1, 7.25, 0.5, 0.8], [5, 3]);
    const y = await hsvToRgb(hsv).data();
    for (const k of [0, 1, 2]) {
      expect(y[k]).toBeCloseTo(y[3 + k]!, 6);
      expect(y[12 + k]).toBeCloseTo(y[3 + k]!, 6);
      expect(y[6 + k]).toBe(y[9 + k]);
    }
  });

  test('grey, with one channel and with three', async () => {
    const expected = Array.from({ length: n }, (_, i) => grey(Array.from(x.subarray(3 * i, 3 * i + 3))));
    await expectClose(rgbToGrayscale(f32(x, [n, 3])), expected, 1e-6);
    await expectClose(
      rgbToGrayscale(f32(x, [n, 3]), 3),
      expected.flatMap((v) => [v, v, v]),
      1e-6,
    );
  });

  test('that are linear have derivatives', async () => {
    for (const convert of [rgbToYuv, ycbcrToRgb, rgbToGrayscale]) {
      await expectGradients((v) => convert(v), [noisy([2, 3, 3, 3])], { tolerance: 1e-3 });
    }
  });

  test('want three channels', () => {
    expect(() => rgbToHsv(noisy([2, 4]))).toThrow(/rgbToHsv: input \[2, 4\] wants 3 channels/);
    expect(() => hsvToRgb(noisy([]))).toThrow(/hsvToRgb: input \[\] wants 3 channels/);
    expect(() => rgbToYuv(noisy([2, 4]))).toThrow(/rgbToYuv: input \[2, 4\] has 4 channels, wants 3/);
    expect(() => rgbToGrayscale(noisy([2, 3]), 2 as never)).toThrow(/channels is 2, wants 1 or 3/);
  });
});
