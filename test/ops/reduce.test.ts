import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { argMax, argMin, max, mean, min, sum, variance, type Axes } from '../../lib/ops/reduce.js';
import { Tensor, type Shape } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** The elements that each result is made of, by a plain walk over all elements. */
function groups(data: ArrayLike<number>, shape: Shape, axes: readonly number[]): number[][] {
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const found: number[][] = Array.from({ length: volume(kept.map((axis) => shape[axis]!)) }, () => []);
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    found[kept.reduce((at, axis) => at * shape[axis]! + index[axis]!, 0)]!.push(data[i]!);
  }
  return found;
}

const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
const largest = (list: readonly number[]) => list.reduce((a, b) => (b > a ? b : a));
const smallest = (list: readonly number[]) => list.reduce((a, b) => (b < a ? b : a));

function axesOf(mask: number, rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis).filter((axis) => mask & (1 << axis));
}

/** Shapes that reach every way of cutting, and the sets of axes to reduce. */
const cases: [Shape, number[]][] = [
  [[40003, 6], [0]],
  [[40003, 6], [1]],
  [[70001], [0]],
  [[3, 70001], [1]],
  [[3, 70001], [0]],
  [[5, 20011, 3], [1]],
  [
    [37, 5003, 3],
    [0, 2],
  ],
  [
    [11, 13, 7, 5, 3],
    [0, 2, 4],
  ],
  [
    [11, 13, 7, 5, 3],
    [1, 3],
  ],
  [[15013, 2, 3], [1]],
  [[1037, 1100], [0]],
  [[1037, 1100], [1]],
  [
    [9, 31, 29, 67],
    [0, 1, 2],
  ],
  [
    [9, 31, 29, 67],
    [1, 2],
  ],
  [
    [2, 1, 3, 1],
    [1, 3],
  ],
  [[600, 40], [0]],
  [[513, 17], [0]],
  [[1031, 200], [0]],
];

describe('sums, means, extrema', () => {
  test('over every set of axes of five', async () => {
    const shape = [3, 4, 1, 5, 7];
    const data = noise(volume(shape));
    const x = f32(data, shape);
    for (let mask = 0; mask < 32; mask++) {
      const axes = axesOf(mask, 5);
      const expected = groups(data, shape, axes);
      await expectClose(sum(x, axes), expected.map(total), 1e-6);
      await expectClose(
        mean(x, axes),
        expected.map((g) => total(g) / g.length),
        1e-6,
      );
      expect(await max(x, axes).data()).toEqual(Float32Array.from(expected.map(largest)));
      expect(await min(x, axes).data()).toEqual(Float32Array.from(expected.map(smallest)));
      const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
      expect(sum(x, axes, true).shape).toEqual(kept);
      expect(max(x, axes).shape).toEqual(shape.filter((_, axis) => !axes.includes(axis)));
    }
  });

  test.each(cases)('%j over %j', async (shape, axes) => {
    const data = noise(volume(shape));
    const x = f32(data, shape);
    const expected = groups(data, shape, axes);
    await expectClose(sum(x, axes), expected.map(total), 2e-6);
    await expectClose(
      mean(x, axes),
      expected.map((g) => total(g) / g.length),
      2e-6,
    );
    expect(await max(x, axes).data()).toEqual(Float32Array.from(expected.map(largest)));
    expect(await min(x, axes).data()).toEqual(Float32Array.from(expected.map(smallest)));
  });

  test.each(cases)('%j over %j, whole numbers', async (shape, axes) => {
    const data = Int32Array.from(noise(volume(shape)), (v) => v * 2 ** 31);
    const x = i32(data, shape);
    const expected = groups(data, shape, axes);
    // Sums of doubles are exact here, and a typed array takes them modulo 2³².
    expect(await sum(x, axes).data()).toEqual(Int32Array.from(expected.map(total)));
    expect(await max(x, axes).data()).toEqual(Int32Array.from(expected.map(largest)));
    expect(await min(x, axes).data()).toEqual(Int32Array.from(expected.map(smallest)));
    expect(sum(x, axes).dtype).toBe('i32');
  });

  test('a sum of a million is nearly as accurate as its inputs', async () => {
    const data = noise(1e6).map((v) => v + 0.7);
    const exact = total([...data]);
    for (const shape of [[1e6], [1e6, 1], [1, 1e6], [1000, 1000]]) {
      const all = await sum(f32(data, shape)).item();
      expect(Math.abs(all - exact) / exact).toBeLessThan(2e-7);
    }
    const columns = groups(data, [250000, 4], [0]).map(total);
    const given = await sum(f32(data, [250000, 4]), 0).data();
    columns.forEach((value, c) => expect(Math.abs(given[c]! - value) / value).toBeLessThan(5e-7));
  });

  test('axes: all by default, a number, negative ones, none', async () => {
    const x = f32([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(await sum(x).data()).toEqual(Float32Array.of(21));
    expect(sum(x).shape).toEqual([]);
    expect(sum(x, undefined, true).shape).toEqual([1, 1]);
    expect(await x.sum(-1).data()).toEqual(Float32Array.of(6, 15));
    expect(await x.sum([-2]).data()).toEqual(Float32Array.of(5, 7, 9));
    expect(await x.mean([1, 0]).item()).toBe(3.5);
    expect(await x.max([]).data()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await x.min().item()).toBe(1);
    expect(await sum(f32([7], [])).item()).toBe(7);
    expect(await max(f32([7], []), []).item()).toBe(7);
    expect(await i32([3, 4], [2]).sum().item()).toBe(7);
  });

  test('nothing to reduce: a sum is 0, a mean NaN, extrema are refused', async () => {
    const x = f32([], [2, 0, 3]);
    expect(await sum(x).item()).toBe(0);
    expect(await sum(x, 1).data()).toEqual(new Float32Array(6));
    expect(await sum(x, 0).data()).toEqual(new Float32Array(0));
    expect(await sum(i32([], [0]), 0).item()).toBe(0);
    expect(await mean(x).item()).toBeNaN();
    expect(await mean(x, 1).data()).toEqual(new Float32Array(6).fill(NaN));
    expect(max(x, 0).shape).toEqual([0, 3]);
    expect(() => max(x, 1)).toThrow(
      new RangeError('max: input [2, 0, 3] has no elements along axis 1, wants at least 1'),
    );
    expect(() => min(x)).toThrow(RangeError);
  });

  test('what is no number stays so', async () => {
    for (const n of [3, 50, 4099, 70001]) {
      for (const place of [0, n >> 1, n - 1]) {
        const data = noise(n);
        data[place] = NaN;
        expect(await max(f32(data, [n])).item()).toBeNaN();
        expect(await min(f32(data, [n, 1]), 0).item()).toBeNaN();
        const columns = await max(f32([...data, ...noise(n, 2)], [2, n]), 0).data();
        expect(columns.findIndex(Number.isNaN)).toBe(place);
        expect(columns.filter(Number.isNaN).length).toBe(1);
      }
    }
    expect(await max(f32([-Infinity, -Infinity], [2])).item()).toBe(-Infinity);
    expect(await min(f32([Infinity], [1])).item()).toBe(Infinity);
    expect(await sum(f32([Infinity, -Infinity], [2])).item()).toBeNaN();
  });

  test.each(cases)('%j over %j has the same bits for any number of threads', async (shape, axes) => {
    const x = noisy(shape);
    await expectSameBits(() => [sum(x, axes), mean(x, axes), max(x, axes), min(x, axes)]);
  });
});

describe('variance', () => {
  test('with and without correction', async () => {
    const shape = [301, 7, 3];
    const data = noise(volume(shape)).map((v) => v + 10);
    const x = f32(data, shape);
    for (const axes of [[0], [0, 1], [2], [0, 1, 2]]) {
      for (const correction of [0, 1]) {
        const expected = groups(data, shape, axes).map((g) => {
          const m = total(g) / g.length;
          return total(g.map((v) => (v - m) ** 2)) / (g.length - correction);
        });
        await expectClose(variance(x, axes, false, correction), expected, 1e-5);
      }
    }
    await expectClose(x.variance(), await variance(x, [0, 1, 2], false, 1).data(), 0);
    expect(x.variance(1, true).shape).toEqual([301, 1, 3]);
    expect(await variance(f32([3], [1])).item()).toBeNaN();
    expect(await variance(f32([3], [1]), 0, false, 0).item()).toBe(0);
  });

  test('leaves nothing behind', async () => {
    const x = noisy([5, 3]);
    await collectGarbage();
    const before = native.memory().liveTensors;
    x.variance(0).dispose();
    expect(native.memory().liveTensors).toBe(before);
  });
});

describe('argMax', () => {
  function expected(data: ArrayLike<number>, shape: Shape, axis: number): Int32Array {
    return Int32Array.from(groups(data, shape, [axis]), (g) =>
      g.reduce((best, v, i) => (v > g[best]! || (Number.isNaN(v) && !Number.isNaN(g[best]!)) ? i : best), 0),
    );
  }

  test.each<[Shape, number]>([
    [[129, 10], 1],
    [[129, 10], 0],
    [[7, 1000], -1],
    [[3, 70001], 1],
    [[4001, 3, 2], 1],
    [[5, 7, 1301], 1],
    [[9, 1], 1],
    [[11], 0],
  ])('%j along %i', async (shape, axis) => {
    // Few different values: there are equal maxima.
    const data = noise(volume(shape)).map((v) => Math.round(v * 50));
    data.forEach((_, i) => (data[i] = i % 997 === 300 ? NaN : data[i]!));
    const from0 = axis < 0 ? axis + shape.length : axis;
    const x = f32(data, shape);
    expect(await argMax(x, axis).data()).toEqual(expected(data, shape, from0));
    const whole = Int32Array.from(data, (v) => v | 0);
    expect(await argMax(i32(whole, shape), axis).data()).toEqual(expected(whole, shape, from0));
    expect(argMax(x, axis).dtype).toBe('i32');
    expect(argMax(x, axis, true).shape).toEqual(shape.map((extent, i) => (i === from0 ? 1 : extent)));
    await expectSameBits(() => [x.argMax(axis)]);
  });

  test('of infinities, and with nothing in other axes', async () => {
    expect(await argMax(f32([-Infinity, -Infinity], [2])).item()).toBe(0);
    expect(await argMax(f32([-Infinity, Infinity, NaN, NaN], [4])).item()).toBe(2);
    expect(await argMax(i32([-(2 ** 31), 2 ** 31 - 1], [2])).item()).toBe(1);
    expect(await argMax(f32([], [0, 3])).data()).toEqual(new Int32Array(0));
    expect(argMax(f32([], [3, 0]), 0).shape).toEqual([0]);
  });
});

test('argMin is the first of the smallest', async () => {
  const data = noise(7 * 11 * 3).map((v) => Math.round(v * 9));
  const smallestPlaces = groups(data, [7, 11, 3], [1]).map((g) => g.indexOf(Math.min(...g)));
  expect([...(await argMin(f32(data, [7, 11, 3]), 1).data())]).toEqual(smallestPlaces);
  expect([...(await i32(data, [7, 11, 3]).argMin(-2).data())]).toEqual(smallestPlaces);
  expect(argMin(f32(data, [7, 11, 3]), 1, true).shape).toEqual([7, 1, 3]);
  expect(await argMin(f32([3, NaN, -Infinity, NaN], [4])).item()).toBe(1);
  expect(await argMin(i32([0, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31)], [4])).item()).toBe(2);
  expect(() => argMin(f32([], [0]))).toThrow(/wants 1 to 2147483647/);
});

describe('gradients', () => {
  test.each<[Shape, Axes | undefined, boolean]>([
    [[3, 4, 5], undefined, false],
    [[3, 4, 5], [0, 2], false],
    [[3, 4, 5], [-1], true],
    [[3, 1, 5], 1, false],
    [[], undefined, false],
  ])('%j over %j, axes kept: %j', async (shape, axes, keepDims) => {
    // Elements further apart than the step, in no order.
    const apart = (f: (x: Tensor) => Tensor) =>
      expectGradients(f, [
        f32(
          Array.from({ length: volume(shape) }, (_, i) => ((i * 37) % 61) / 10),
          shape,
        ),
      ]);
    await apart((x) => sum(x, axes, keepDims));
    await apart((x) => mean(x, axes, keepDims));
    await apart((x) => max(x, axes, keepDims));
    await apart((x) => min(x, axes, keepDims));
    if (shape.length > 0 && axes !== 1) await apart((x) => variance(x, axes, keepDims));
  });

  test('equal extrema share it', async () => {
    const x = f32([1, 3, 3, 2, 2, 2], [2, 3]);
    x.requiresGrad = true;
    const by = async (y: Tensor) => [...(await grad(y, [x], f32([6, 12], [2]))[0]!.data())];
    expect(await by(max(x, 1))).toEqual([0, 3, 3, 4, 4, 4]);
    expect(await by(min(x, 1))).toEqual([6, 0, 0, 4, 4, 4]);
  });

  test('through what has no elements', async () => {
    const x = f32([], [0, 3]);
    x.requiresGrad = true;
    for (const y of [sum(x), mean(x)]) expect(grad(y, [x])[0]!.shape).toEqual([0, 3]);
    await expect(grad(sum(x, 0), [x], f32([1, 2, 3], [3]))[0]!.data()).resolves.toEqual(new Float32Array(0));
  });
});

describe('errors', () => {
  const x = f32([1, 2, 3, 4], [2, 2]);
  const bytes = new Tensor(native.tensor(Uint8Array.of(1, 2), [2]), 'u8');

  test('axes', () => {
    expect(() => sum(x, 2)).toThrow(new RangeError('sum: axis 2 is not in a tensor of 2 axes'));
    expect(() => mean(x, [0, -3])).toThrow(new RangeError('mean: axis -3 is not in a tensor of 2 axes'));
    expect(() => max(x, [1, -1])).toThrow(new RangeError('max: axes names axis 1 twice, wants each once'));
    expect(() => min(x, 0.5)).toThrow(RangeError);
    expect(() => sum(x, 1e300)).toThrow(RangeError);
    expect(() => sum(x, NaN)).toThrow(RangeError);
    expect(() => sum(x, 'all' as unknown as Axes)).toThrow(TypeError);
    expect(() => sum(x, ['0'] as unknown as Axes)).toThrow(TypeError);
    expect(() =>
      sum(
        x,
        Array.from({ length: 100 }, () => 0),
      ),
    ).toThrow(RangeError);
    expect(() => sum(x, 0, 1 as unknown as boolean)).toThrow(TypeError);
    expect(() => argMax(x, 2)).toThrow(new RangeError('argMax: axis 2 is not in a tensor of 2 axes'));
    expect(() => argMax(x, [0] as unknown as number)).toThrow(TypeError);
    expect(() => argMax(f32([1], []))).toThrow(RangeError);
    expect(() => argMax(f32([], [2, 0]))).toThrow(
      new RangeError('argMax: input [2, 0] has 0 elements along axis 1, wants 1 to 2147483647'),
    );
  });

  test('dtypes and what is no tensor', () => {
    const wrong = bytes as unknown as Tensor;
    expect(() => sum(wrong)).toThrow(new TypeError('sum: input is u8 [2], wants dtype f32 or i32; cast it'));
    expect(() => max(wrong)).toThrow(TypeError);
    expect(() => argMax(wrong)).toThrow(TypeError);
    expect(() => mean(i32([1], [1]) as unknown as Tensor)).toThrow(
      new TypeError('mean: input is i32 [1], wants dtype f32'),
    );
    for (const nothing of [null, undefined, 3, 'x', {}] as unknown as Tensor[]) {
      for (const f of [sum, mean, max, min, argMax, variance]) expect(() => f(nothing)).toThrow(TypeError);
    }
  });

  test('a disposed tensor', () => {
    const gone = noisy([3]);
    gone.dispose();
    expect(() => sum(gone)).toThrow(/sum: input/);
  });
});
