import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { pair } from '../../lib/ops/pair.js';
import { avgPool2d, maxPool2d, type AvgPoolOptions, type MaxPoolOptions } from '../../lib/ops/pool.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

type Pair = readonly [number, number];

interface Case {
  shape: readonly [number, number, number, number];
  kernel: Pair;
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  ceil?: boolean;
  include?: boolean;
}

/** The places of each window along one axis, as PyTorch documents them, and how many of the padded image it covers. */
function windowsOf(c: Case, axis: 0 | 1): { places: number[]; covered: number }[] {
  const n = c.shape[axis + 1]!;
  const kernel = c.kernel[axis];
  const stride = c.stride?.[axis] ?? kernel;
  const padding = c.padding?.[axis] ?? 0;
  const dilation = c.dilation?.[axis] ?? 1;
  const windows = [];
  for (let start = -padding; ; start += stride) {
    const last = start + dilation * (kernel - 1);
    const inside = last < n + padding;
    // A window that is cut off counts in ceil mode, if it follows a whole one and starts in the image or before it.
    const cutOff = c.ceil === true && start < n && last - stride < n + padding - 1;
    if (!inside && !cutOff) return windows;
    const all = Array.from({ length: kernel }, (_, i) => start + i * dilation);
    windows.push({
      places: all.map((place) => (place >= 0 && place < n ? place : -1)),
      covered: Math.min(start + kernel, n + padding) - start,
    });
  }
}

/** y and dx for dy, by the definition. */
function definition(kind: 'max' | 'avg', c: Case, x: Float32Array, dyOf: (n: number) => Float32Array) {
  const [images, height, width, channels] = c.shape;
  const rows = windowsOf(c, 0);
  const columns = windowsOf(c, 1);
  const outputShape = [images, rows.length, columns.length, channels];
  const dy = dyOf(volume(outputShape));
  const y: number[] = [];
  const dx = new Float64Array(x.length);
  for (let n = 0; n < images; n++)
    for (const row of rows)
      for (const column of columns)
        for (let channel = 0; channel < channels; channel++) {
          const inside = row.places.flatMap((i) =>
            column.places.flatMap((j) =>
              i < 0 || j < 0 ? [] : [((n * height + i) * width + j) * channels + channel],
            ),
          );
          const g = dy[y.length]!;
          if (kind === 'max') {
            const largest = Math.max(...inside.map((at) => x[at]!));
            const chosen = inside.find((at) => Object.is(x[at], largest));
            if (chosen !== undefined) dx[chosen]! += g;
            y.push(largest);
          } else {
            const count = c.include === false ? inside.length : row.covered * column.covered;
            for (const at of inside) dx[at]! += g / count;
            y.push(inside.reduce((sum, at) => sum + x[at]!, 0) / count);
          }
        }
  return { outputShape, y, dx };
}

function pool(kind: 'max' | 'avg', c: Case): (x: Tensor) => Tensor {
  const { stride, padding, dilation, ceil: ceilMode, include: countIncludePad } = c;
  return kind === 'max'
    ? (x) => maxPool2d(x, c.kernel, { stride, padding, dilation, ceilMode })
    : (x) => avgPool2d(x, c.kernel, { stride, padding, ceilMode, countIncludePad });
}

const shared: Case[] = [
  { shape: [3, 14, 14, 6], kernel: [2, 2] },
  { shape: [2, 10, 10, 16], kernel: [2, 2] },
  { shape: [1, 5, 7, 1], kernel: [2, 3] },
  { shape: [2, 13, 11, 17], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { shape: [2, 9, 8, 5], kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { shape: [1, 23, 19, 40], kernel: [4, 5], stride: [3, 2], padding: [2, 1], ceil: true },
  { shape: [2, 5, 6, 3], kernel: [2, 2], stride: [4, 3], ceil: true },
  { shape: [1, 3, 4, 1030], kernel: [2, 2], stride: [1, 2] },
  { shape: [1, 20, 21, 3], kernel: [17, 18], stride: [2, 1] },
  { shape: [2, 7, 7, 33], kernel: [7, 7] },
  { shape: [2, 4, 4, 3], kernel: [1, 1], stride: [3, 3] },
  { shape: [2, 15, 14, 24], kernel: [3, 3], stride: [2, 2] },
  { shape: [1, 11, 13, 20], kernel: [3, 2], ceil: true },
  { shape: [1, 9, 21, 35], kernel: [3, 5], stride: [2, 4], padding: [0, 2] },
  { shape: [1, 12, 12, 4], kernel: [5, 5], stride: [1, 1], padding: [2, 2] },
  { shape: [1, 9, 17, 18], kernel: [4, 4], stride: [2, 1], padding: [1, 2], ceil: true },
  { shape: [0, 4, 4, 3], kernel: [2, 2] },
  { shape: [2, 4, 4, 0], kernel: [2, 2] },
  { shape: [2, 16, 17, 21], kernel: [8, 7], stride: [4, 5], padding: [4, 3], ceil: true },
  // Several windows in a vector, with rows and columns in none, or in windows that are cut off.
  ...[1, 2, 3, 4, 5, 7, 8, 10, 11, 15].flatMap((channels): Case[] => [
    { shape: [2, 9, 13, channels], kernel: [2, 2] },
    { shape: [2, 8, 11, channels], kernel: [2, 2], ceil: true },
  ]),
];
const cases: ['max' | 'avg', Case][] = [
  ...shared.flatMap((c): ['max' | 'avg', Case][] => [
    ['max', c],
    ['avg', c],
  ]),
  [
    'avg',
    { shape: [1, 23, 19, 9], kernel: [4, 5], stride: [3, 2], padding: [2, 1], ceil: true, include: false },
  ],
  ['max', { shape: [2, 12, 15, 6], kernel: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [2, 3] }],
  ['max', { shape: [1, 12, 15, 7], kernel: [2, 2], dilation: [3, 3], ceil: true }],
];

describe.each(cases)('%sPool2d %o', (kind, c) => {
  test('agrees with the definition, forward and backward', async () => {
    const x = noise(volume(c.shape), 3);
    const { outputShape, y, dx } = definition(kind, c, x, (n) => noise(n, 4));
    const input = f32(x, c.shape);
    input.requiresGrad = true;
    const output = pool(kind, c)(input);
    expect(output.shape).toEqual(outputShape);
    await expectClose(output, y);
    const [gradient] = grad(output, [input], f32(noise(output.size, 4), output.shape));
    await expectClose(gradient!, dx);
  });
});

interface Vector {
  kind: 'max' | 'avg';
  shape: [number, number, number, number];
  kernel: [number, number];
  stride?: [number, number];
  padding?: [number, number];
  dilation?: [number, number];
  ceil?: boolean;
  include?: boolean;
  outputShape: number[];
  y: number[];
  dx: number[];
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('pool').map((v, i) => ({ ...v, i })))('$kind, case $i', async (v) => {
    const x = f32(pattern(v.shape, 1), v.shape);
    x.requiresGrad = true;
    const y = pool(v.kind, v)(x);
    expect(y.shape).toEqual(v.outputShape);
    await expectClose(y, v.y);
    const [dx] = grad(y, [x], f32(pattern(y.shape, 2), y.shape));
    await expectClose(dx!, v.dx);
  });
});

test('what is written past the caches is the same', async () => {
  const [images, rest] = [130, [32, 32, 64]];
  const one = noisy([1, ...rest]);
  const data = await one.data();
  const many = new Float32Array(images * data.length);
  for (let i = 0; i < images; i++) many.set(data, i * data.length);
  const all = f32(many, [images, ...rest]);
  for (const input of [one, all]) input.requiresGrad = true;
  for (const f of [maxPool2d, avgPool2d])
    for (const [kernel, options] of [[2], [3, { stride: 1, padding: 1 }]] as const) {
      const [y, large] = [f(one, kernel, options), f(all, kernel, options)];
      const [dx] = grad(y, [one], f32(await y.data(), y.shape));
      const [wide] = grad(large, [all], f32(await large.data(), large.shape));
      const pairs = [[y, large], [dx!, wide!]] as const; // prettier-ignore
      for (const [small, big] of pairs) {
        const [expected, given] = [await small.data(), await big.data()];
        for (const i of [0, 1, images - 1]) {
          const part = given.subarray(i * expected.length, (i + 1) * expected.length);
          expect(Buffer.compare(Buffer.from(part.slice().buffer), Buffer.from(expected.slice().buffer))).toBe(
            0,
          );
        }
      }
    }
});

describe('maxPool2d', () => {
  test('lets what is no number win, wherever in the window', async () => {
    for (let place = 0; place < 4; place++) {
      const x = f32(
        [1, 2, 3, 4].map((v, i) => (i === place ? NaN : v)),
        [1, 2, 2, 1],
      );
      expect(await maxPool2d(x, 2).item()).toBeNaN();
    }
  });

  test('finds what is no number and infinities in windows of any size, among many channels', async () => {
    for (const kernel of [2, 3, 4]) {
      const shape = [1, kernel, kernel, 37];
      const x = noise(volume(shape), kernel);
      // Channel c has something special in place c of the window, and -∞ in the next.
      const places = kernel * kernel;
      for (let c = 0; c < 37; c++) {
        x[(c % places) * 37 + c] = [NaN, Infinity, 5][c % 3]!;
        x[((c + 1) % places) * 37 + c] = -Infinity;
      }
      const input = f32(x, shape);
      input.requiresGrad = true;
      const y = maxPool2d(input, kernel);
      expect([...(await y.data())]).toEqual(Array.from({ length: 37 }, (_, c) => [NaN, Infinity, 5][c % 3]));
      const dx = await grad(y, [input], f32(new Array<number>(37).fill(1), [1, 1, 1, 37]))[0]!.data();
      expect([...dx.keys()].filter((i) => dx[i] !== 0)).toEqual(
        Array.from({ length: 37 }, (_, c) => (c % places) * 37 + c).sort((a, b) => a - b),
      );
    }
  });

  test('finds them in windows of few channels, where a vector holds several', async () => {
    for (const channels of [1, 3, 6]) {
      const shape = [3, 8, 10, channels];
      const x = noise(volume(shape), channels);
      for (const [i, special] of [NaN, Infinity, -Infinity].entries())
        for (let at = 5 * i; at < x.length; at += 17) x[at] = special;
      const y = [];
      const dx = new Float32Array(x.length);
      for (let window = 0; window < x.length / 4 / channels; window++)
        for (let c = 0; c < channels; c++) {
          const [row, column] = [2 * Math.floor(window / 5), 2 * (window % 5)];
          const places = [0, 1, 10, 11].map((place) => (10 * row + column + place) * channels + c);
          const values = places.map((at) => x[at]!);
          const largest = Math.max(...values);
          const chosen = largest === largest ? values.indexOf(largest) : values.findLastIndex(Number.isNaN);
          dx[places[chosen]!] = y.length + 1;
          y.push(largest);
        }
      const input = f32(x, shape);
      input.requiresGrad = true;
      const output = maxPool2d(input, 2);
      expect([...(await output.data())]).toEqual(y);
      const gradient = f32([...y.keys()].map((i) => i + 1), output.shape); // prettier-ignore
      expect(await grad(output, [input], gradient)[0]!.data()).toEqual(dx);
      const [same] = native.maxPool2d(
        f32(x, shape).handle,
        [2, 2],
        [2, 2],
        [0, 0, 0, 0],
        [1, 1],
        false,
        false,
      );
      expect(await native.data(same)).toEqual(await output.data());
    }
  });

  test('without a gradient wanted gives the same, and no indices', async () => {
    const shape = [2, 13, 11, 19];
    const x = noisy(shape);
    for (const [kernel, stride] of [
      [2, 2],
      [3, 2],
      [4, 3],
    ] as const) {
      // prettier-ignore
      const given = [[kernel, kernel], [stride, stride], [1, 1, 1, 1], [1, 1], false] as const;
      const [y, indices] = native.maxPool2d(x.handle, ...given, true);
      const [same, none] = native.maxPool2d(x.handle, ...given, false);
      expect(indices).not.toBeNull();
      expect(none).toBeNull();
      expect(await native.data(same)).toEqual(await native.data(y));
    }
    expect(maxPool2d(x, 2).requiresGrad).toBe(false);
  });

  test('gives the gradient to the first of equal values, and to one of −∞', async () => {
    for (const value of [5, -Infinity]) {
      const x = f32([value, value, value, value], [1, 2, 2, 1]);
      x.requiresGrad = true;
      const [dx] = grad(maxPool2d(x, 2), [x], f32([7], [1, 1, 1, 1]));
      expect([...(await dx!.data())]).toEqual([7, 0, 0, 0]);
    }
  });

  test('a window that dilation carries past the image is −∞, without a gradient', async () => {
    const x = f32([1], [1, 1, 1, 1]);
    x.requiresGrad = true;
    const y = maxPool2d(x, [2, 1], { padding: [1, 0], dilation: [2, 1] });
    expect([...(await y.data())]).toEqual([-Infinity]);
    expect(await grad(y, [x], f32([1], y.shape))[0]!.item()).toBe(0);
  });

  test('indices are small where they fit, and no index leads outside of the input', async () => {
    const x = noisy([1, 20, 20, 3]);
    const shape = [1, 20, 20, 3];
    const [, small] = native.maxPool2d(x.handle, [16, 16], [1, 1], [0, 0, 0, 0], [1, 1], false, true);
    const [, large] = native.maxPool2d(x.handle, [16, 17], [1, 1], [0, 0, 0, 0], [1, 1], false, true);
    expect([native.dtype(small!), native.dtype(large!)]).toEqual(['u8', 'i32']);
    const wild = i32(new Array<number>(60).fill(-(2 ** 31)), [1, 5, 4, 3]);
    const handle = native.maxPool2dBackward(
      noisy([1, 5, 4, 3]).handle, wild.handle, shape, [16, 17], [1, 1], [0, 0, 0, 0], [1, 1],
    ); // prettier-ignore
    expect((await native.data(handle)).every((v) => v === 0)).toBe(true);
  });
});

test('gradients agree with differences', async () => {
  // Steps of 0.1 between neighbours, so that no step of the differences changes which is the largest.
  const distinct = () =>
    f32(
      Array.from({ length: 2 * 6 * 5 * 3 }, (_, i) => ((i * 37) % 180) / 10),
      [2, 6, 5, 3],
    );
  await expectGradients((x) => maxPool2d(x, 3, { stride: 2, padding: 1 }), [distinct()]);
  await expectGradients((x) => avgPool2d(x, [3, 2], { stride: 2, padding: 1, ceilMode: true }), [distinct()]);
});

test('results are the same for 1 and 2 threads', async () => {
  const x = noisy([5, 33, 41, 19]);
  x.requiresGrad = true;
  await expectSameBits(() =>
    [maxPool2d, avgPool2d].flatMap((f) => {
      const y = f(x, 3, { stride: 2, padding: 1 });
      return [y, ...grad(y, [x], f32(noise(y.size, 5), y.shape))];
    }),
  );
});

describe('refused', () => {
  const x = noisy([2, 5, 6, 3]);
  test.each<[number | Pair, MaxPoolOptions & AvgPoolOptions, RegExp]>([
    [0, {}, /maxPool2d: kernelSize is 0, wants a whole number from 1/],
    [2, { stride: [0, 1] }, /maxPool2d: stride is 0, wants/],
    [2, { padding: -1 }, /maxPool2d: padding is -1, wants/],
    [2, { dilation: 0 }, /maxPool2d: dilation is 0, wants/],
    [3, { padding: 2 }, /maxPool2d: padding 2 is more than half of kernelSize 3/],
    [[6, 1], {}, /maxPool2d: a window reaches over 6 of height, the padded input has 5/],
    [[1, 3], { dilation: 3 }, /maxPool2d: a window reaches over 7 of width, the padded input has 6/],
    [2 ** 31 - 1, {}, /maxPool2d: kernelSize \[2147483647, 2147483647\] has more than 2\^24 places/],
    [2, { dilation: 2 ** 53 }, /maxPool2d: dilation is 9007199254740992, wants/],
    [1.5, {}, /maxPool2d: kernelSize\[0\] is 1.5/],
    [NaN, {}, /maxPool2d: kernelSize\[0\] is NaN/],
  ])('kernelSize %o, %o', (kernel, options, message) => {
    expect(() => maxPool2d(x, kernel, options)).toThrow(message);
    expect(() => maxPool2d(x, kernel, options)).toThrow(RangeError);
    if (options.dilation === undefined) expect(() => avgPool2d(x, kernel, options)).toThrow(RangeError);
  });

  test('tensors of another rank, dtype, or with nothing to pool', () => {
    for (const f of [maxPool2d, avgPool2d]) {
      expect(() => f(noisy([5, 6, 3]), 2)).toThrow(/input \[5, 6, 3\] has 3 axes, wants 4/);
      expect(() => f(i32([1, 2, 3, 4], [1, 2, 2, 1]) as never, 2)).toThrow(TypeError);
      expect(() => f(noisy([1, 0, 2, 3]), 1)).toThrow(/has no height/);
      expect(() => f('x' as never, 2)).toThrow(/input is a string, wants a tensor/);
    }
  });

  test('gradients and indices that do not fit', () => {
    const [margins, one] = [[0, 0, 0, 0], [1, 1]]; // prettier-ignore
    const backward = (g: Tensor, indices: Tensor<'i32'> | Tensor, shape: number[], padding = margins) =>
      native.maxPool2dBackward(g.handle, indices.handle, shape, [2, 2], [2, 2], padding, one);
    const g = noisy([2, 2, 3, 3]);
    expect(() => backward(g, g, [2, 5, 6, 3])).toThrow(/indices is f32 .*, wants dtype u8/);
    expect(() => backward(g, i32([1], [1]), [2, 5, 6, 3])).toThrow(/indices is i32 .*, wants dtype u8/);
    expect(() => backward(g, g, [2, 9, 6, 3])).toThrow(
      /gradient has shape \[2, 2, 3, 3\], wants \[2, 5, 3, 3\]/,
    );
    expect(() => backward(g, g, [2, 5, 6])).toThrow(/inputShape \[2, 5, 6\] has 3 axes/);
    expect(() => backward(g, g, [2, 2 ** 47, 2 ** 47, 3])).toThrow(/more than 2\^48 elements/);
    expect(() => backward(g, g, [2, 5, 6, 3], [0, 0])).toThrow(/padding has 2 numbers, wants 4/);
    expect(() => native.avgPool2dBackward(g.handle, [2, 5, 6, 2], [2, 2], [2, 2], margins, true)).toThrow(
      /gradient has shape/,
    );
  });

  test('what is no pair', () => {
    expect(pair('f', 'stride', 3)).toEqual([3, 3]);
    expect(pair('f', 'stride', [3, 4])).toEqual([3, 4]);
    for (const wrong of [[1], [1, 2, 3], ['1', 2], '3', null, undefined, {}, true]) {
      expect(() => pair('f', 'stride', wrong as never)).toThrow(
        /^f: stride is .*, wants a number or \[height, width\]$/,
      );
      expect(() => pair('f', 'stride', wrong as never)).toThrow(TypeError);
    }
  });
});
