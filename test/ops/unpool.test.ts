import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import * as nn from '../../lib/nn/index.js';
import { adaptiveMaxPool2d } from '../../lib/ops/adaptivePool.js';
import { maxPool2d } from '../../lib/ops/pool.js';
import { maxPool1d } from '../../lib/ops/pool1d.js';
import { maxUnpool1d, maxUnpool2d } from '../../lib/ops/unpool.js';
import { StriateError } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';

type Pair = [number, number];

interface Vector {
  kernel?: Pair;
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  ceil?: boolean;
  size?: Pair;
  shape: [number, number, number, number];
  outputShape: number[];
  indices: number[];
  pooled: number[];
  y: number[];
  dx: number[];
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('unpool').map((v, i) => ({ ...v, i })))('case $i', async (v) => {
    const x = f32(pattern(v.shape, 1), v.shape);
    const { stride, padding, dilation, ceil: ceilMode } = v;
    const { output, indices } = v.size
      ? adaptiveMaxPool2d(x, v.size, { returnIndices: true })
      : maxPool2d(x, v.kernel!, { stride, padding, dilation, ceilMode, returnIndices: true });
    expect([output.shape, indices.shape]).toEqual([v.outputShape, v.outputShape]);
    expect([...(await indices.data())]).toEqual(v.indices);
    await expectClose(output, v.pooled);
    output.requiresGrad = true;
    const [, height, width] = v.shape;
    const y = maxUnpool2d(output, indices, [height, width]);
    expect(y.shape).toEqual(v.shape);
    await expectClose(y, v.y);
    const [dx] = grad(y, [output], f32(pattern(v.shape, 2), v.shape));
    await expectClose(dx!, v.dx);
  });
});

describe('indices', () => {
  const shape = [3, 40, 37, 21];
  test.each<[number | Pair, Parameters<typeof maxPool2d>[2]]>([
    [2, {}],
    [3, { stride: 2, padding: 1 }],
    [[4, 5], { stride: [3, 2], padding: [2, 1], ceilMode: true }],
    [2, { dilation: [3, 2], stride: 1 }],
    [[17, 18], { stride: 5 }],
  ])('of kernel %o, %o name the values, with and without a gradient', async (kernel, options) => {
    const values = noise(volume(shape), 7);
    const x = f32(values, shape);
    const plain = maxPool2d(x, kernel, options);
    x.requiresGrad = true;
    const { output, indices } = maxPool2d(x, kernel, { ...options, returnIndices: true });
    expect(output.requiresGrad).toBe(true);
    const [y, at] = [await output.data(), await indices.data()];
    expect(y).toEqual(await plain.data());
    const [, rows = 0, columns = 0] = output.shape;
    const inImage = rows * columns * 21;
    at.forEach((place, i) => {
      const image = Math.floor(i / inImage);
      if (values[(image * 40 * 37 + place) * 21 + (i % 21)] !== y[i]) expect(place).toBe(`right at ${i}`);
    });
    // The gradient of pooling is unpooling, but for places that several windows chose.
    const g = noisy(output.shape, 8);
    const [dx] = grad(output, [x], g);
    const wanted = new Float64Array(values.length);
    (await g.data()).forEach((v, i) => {
      wanted[(Math.floor(i / inImage) * 40 * 37 + at[i]!) * 21 + (i % 21)]! += v;
    });
    await expectClose(dx!, wanted);
  });

  test('of a window that dilation carries past the image are −1', async () => {
    const x = f32([1], [1, 1, 1, 1]);
    const options = { padding: [1, 0], dilation: [2, 1], returnIndices: true } as const;
    const { output, indices } = maxPool2d(x, [2, 1], options);
    expect([await output.item(), await indices.item()]).toEqual([-Infinity, -1]);
  });

  test('translated from indices that are none lead nowhere', async () => {
    const wild = native.tensor(Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31), 272), [1, 1, 4, 1]);
    const places = native.maxPool2dPlaces(wild, [1, 16, 20, 1], [16, 17], [1, 1], [0, 0, 0, 0], [1, 1], false);
    expect([...(await native.data(places))]).toEqual([-1, -1, -1, -1]);
  }); // prettier-ignore
});

test('gradients agree with differences', async () => {
  const { output, indices } = maxPool2d(noisy([2, 6, 8, 3]), 2, { returnIndices: true });
  await expectGradients((x) => maxUnpool2d(x, indices, [6, 8]), [output]);
  const s = maxPool1d(noisy([2, 9, 3]), 2, { returnIndices: true });
  await expectGradients((x) => maxUnpool1d(x, s.indices, 9), [s.output]);
});

test('results are the same for 1 and 2 threads', async () => {
  const x = noisy([3, 41, 37, 150]);
  x.requiresGrad = true;
  await expectSameBits(() => {
    const { output, indices } = maxPool2d(x, 3, { stride: 2, returnIndices: true });
    const y = maxUnpool2d(output, indices, [41, 37]);
    return [output, indices, y, ...grad(y, [output, x], noisy(x.shape, 5))];
  });
});

test('of equal places the last counts, and each has the gradient', async () => {
  const x = f32([1, 2, 3], [1, 1, 3, 1]);
  x.requiresGrad = true;
  const y = maxUnpool2d(x, i32([4, 4, 0], [1, 1, 3, 1]), [2, 3]);
  expect([...(await y.data())]).toEqual([3, 0, 0, 0, 2, 0]);
  const [dx] = grad(y, [x], f32([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]));
  expect([...(await dx!.data())]).toEqual([5, 5, 1]);
});

test('what is no number is put back, and nothing stays nothing', async () => {
  const y = maxUnpool2d(f32([NaN, -Infinity], [1, 1, 2, 1]), i32([1, 2], [1, 1, 2, 1]), [1, 3]);
  expect([...(await y.data())]).toEqual([0, NaN, -Infinity]);
  expect((await maxUnpool2d(noisy([0, 1, 1, 2]), i32([], [0, 1, 1, 2]), 2).data()).length).toBe(0);
});

test.each([-1, 6, 2 ** 31 - 1])('an index of %i fails, forward and backward', async (place) => {
  const [x, at] = [noisy([1, 1, 2, 1]), i32([0, place], [1, 1, 2, 1])];
  const y = maxUnpool2d(x, at, [2, 3]);
  await expect(y.data()).rejects.toThrow(StriateError);
  await expect(y.data()).rejects.toThrow(`maxUnpool2d: index ${place} at place 1 is not in [0, 6)`);
  const back = native.maxUnpool2dBackward(noisy([1, 2, 3, 1]).handle, at.handle);
  await expect(native.data(back)).rejects.toThrow(`maxUnpool2dBackward: index ${place}`);
});

describe('the layers', () => {
  test('undo the pooling with the same windows', async () => {
    const x = noisy([2, 8, 6, 3]);
    const pool = new nn.MaxPool2d(2);
    const { output, indices } = pool.forwardWithIndices(x);
    const y = new nn.MaxUnpool2d(2).forward(output, indices);
    expect(y.shape).toEqual([2, 8, 6, 3]);
    expect(await pool.forward(y).data()).toEqual((await output.data()).map((v) => Math.max(0, v)));
    const sequence = noisy([2, 11, 3]);
    const { output: short, indices: at } = new nn.MaxPool1d(3, { stride: 2 }).forwardWithIndices(sequence);
    const long = new nn.MaxUnpool1d(3, { stride: 2 }).forward(short, at);
    expect(await long.data()).toEqual(await maxUnpool1d(short, at, 11).data());
    expect(new nn.MaxUnpool2d(2).windows()[1]).toEqual({ kernelSize: 1, stride: 0.5 });
    expect(new nn.MaxUnpool1d(3, { stride: 2 }).windows()).toEqual([{ kernelSize: 2, stride: 0.5 }]);
    const adaptive = new nn.AdaptiveMaxPool2d(3).forwardWithIndices(x);
    expect(await adaptive.output.data()).toEqual(await adaptiveMaxPool2d(x, 3).data());
  }); // prettier-ignore

  test('take the size where the windows do not fill it', () => {
    const { output, indices } = maxPool2d(noisy([1, 7, 9, 2]), 3, { stride: 2, padding: 1, returnIndices: true });
    const layer = new nn.MaxUnpool2d(3, { stride: 2, padding: 1 });
    expect(layer.forward(output, indices).shape).toEqual([1, 7, 9, 2]);
    expect(layer.forward(output, indices, [8, 10]).shape).toEqual([1, 8, 10, 2]);
    expect(() => layer.forward(output, indices, [9, 9])).toThrow(
      /MaxUnpool2d: outputSize is 9, wants a whole number between 5 and 9/,
    );
  }); // prettier-ignore
});

describe('refused', () => {
  const [x, at] = [noisy([1, 2, 2, 1]), i32([0, 1, 2, 3], [1, 2, 2, 1])];
  test.each<[string, () => unknown, RegExp]>([
    ['other indices', () => maxUnpool2d(x, i32([0], [1, 1, 1, 1]), 4), /maxUnpool2d: indices has shape \[1, 1, 1, 1\]/],
    ['indices of f32', () => maxUnpool2d(x, x as never, 4), /maxUnpool2d: indices is f32 .*, wants dtype i32/],
    ['no indices', () => maxUnpool2d(x, null as never, 4), /maxUnpool2d: indices is null, wants a tensor/],
    ['a size of 0', () => maxUnpool2d(x, at, 0), /maxUnpool2d: outputSize is 0, wants a whole number from 1/],
    ['no size', () => maxUnpool2d(x, at, 'x' as never), /maxUnpool2d: outputSize is 'x', wants a number or/],
    ['too many pixels', () => maxUnpool2d(x, at, 2 ** 20), /maxUnpool2d: .* more than 2\^31 - 1 pixels/],
    ['a sequence', () => maxUnpool2d(noisy([1, 2, 2]), at, 4), /maxUnpool2d: input \[1, 2, 2\] has 3 axes, wants 4/],
    ['an image', () => maxUnpool1d(x, at, 4), /maxUnpool1d: input \[1, 2, 2, 1\] wants 3 axes, \[N, L, C\]/],
    ['a pair', () => maxUnpool1d(noisy([1, 2, 1]), i32([0, 1], [1, 2, 1]), [1, 4] as never), /maxUnpool1d: outputSize/],
    ['a flag that is none', () => maxPool2d(x, 2, { returnIndices: 'x' as never }), /maxPool2d: returnIndices is 'x'/],
    ['a layer of 0', () => new nn.MaxUnpool2d(0), /MaxUnpool2d: kernelSize is 0, wants a whole number from 1 on/],
    ['a stride of NaN', () => new nn.MaxUnpool1d(2, { stride: NaN }), /MaxUnpool1d: stride is NaN/],
    ['a padding below 0', () => new nn.MaxUnpool2d(2, { padding: [0, -1] }), /MaxUnpool2d: padding is -1/],
    ['a layer without indices', () => new nn.MaxUnpool2d(2).forward(x), /MaxUnpool2d: indices is undefined, wants/],
  ])('%s', (_, work, message) => {
    expect(work).toThrow(message);
  }); // prettier-ignore

  test('indices within windows that do not fit', () => {
    const call = (indices: number[], shape: number[], dtype = Uint8Array) =>
      native.maxPool2dPlaces(
        native.tensor(dtype.from(indices), [1, 1, indices.length, 1]), shape, [2, 2], [2, 2], [0, 0, 0, 0], [1, 1], false,
      );
    expect(() => call([0, 1], [1, 2, 2, 1])).toThrow(/indices has shape \[1, 1, 2, 1\], wants \[1, 1, 1, 1\]/);
    expect(() => call([0], [1, 2, 2, 1], Int32Array as never)).toThrow(/indices is i32 .*, wants dtype u8/);
    expect(() => call([0], [2, 2, 1])).toThrow(/inputShape \[2, 2, 1\] has 3 axes, wants 4/);
    expect(() => call([0], [1, 2 ** 20, 2 ** 20, 1])).toThrow(/more than 2\^31 - 1 pixels/);
  }); // prettier-ignore
});
