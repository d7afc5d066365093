import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { logSoftmax, softmax } from '../../lib/ops/softmax.js';
import { type DType, type Shape, type Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

/** Calls visit with the places of the elements of each row along an axis. */
function alongAxis(shape: Shape, axis: number, visit: (places: number[]) => void): void {
  const extent = shape[axis]!;
  const inner = volume(shape.slice(axis + 1));
  for (let outer = 0; outer < volume(shape.slice(0, axis)); outer++) {
    for (let i = 0; i < inner; i++) {
      visit(Array.from({ length: extent }, (_, k) => (outer * extent + k) * inner + i));
    }
  }
}

function reference(data: ArrayLike<number>, shape: Shape, axis: number): { soft: number[]; log: number[] } {
  const soft = Array.from({ length: data.length }, () => 0);
  const log = soft.slice();
  alongAxis(shape, axis, (places) => {
    const largest = Math.max(...places.map((p) => data[p]!));
    const sum = places.reduce((total, p) => total + Math.exp(data[p]! - largest), 0);
    for (const p of places) {
      soft[p] = Math.exp(data[p]! - largest) / sum;
      log[p] = data[p]! - largest - Math.log(sum);
    }
  });
  return { soft, log };
}

const cases: [Shape, number][] = [
  [[129, 10], -1],
  [[129, 10], 0],
  [[1000, 7], 1],
  [[3, 5003], 1],
  [[2, 21, 33, 35], 1],
  [[4, 9, 11, 21], 3],
  [[4001, 5, 2], 1],
  [[9000, 3], 0],
  [[3, 1], 1],
  [[1, 5], 0],
  [[37], 0],
];

describe('softmax and its logarithm', () => {
  test.each(cases)('%j along %i', async (shape, axis) => {
    const data = noise(volume(shape)).map((v) => v * 8);
    const x = f32(data, shape);
    const { soft, log } = reference(data, shape, axis < 0 ? axis + shape.length : axis);
    await expectClose(softmax(x, axis), soft, 1e-6);
    await expectClose(logSoftmax(x, axis), log, 1e-6);
  });

  test.each(cases)('gradients of %j along %i', async (shape, axis) => {
    const data = noise(volume(shape)).map((v) => v * 3);
    const weights = noise(volume(shape), 5);
    const { soft } = reference(data, shape, axis < 0 ? axis + shape.length : axis);
    const bySoftmax = soft.slice();
    const byLog = soft.slice();
    alongAxis(shape, axis < 0 ? axis + shape.length : axis, (places) => {
      const dot = places.reduce((total, p) => total + weights[p]! * soft[p]!, 0);
      const sum = places.reduce((total, p) => total + weights[p]!, 0);
      for (const p of places) {
        bySoftmax[p] = soft[p]! * (weights[p]! - dot);
        byLog[p] = weights[p]! - soft[p]! * sum;
      }
    });
    const x = f32(data, shape);
    x.requiresGrad = true;
    await expectClose(grad(softmax(x, axis), [x], f32(weights, shape))[0]!, bySoftmax, 3e-6);
    await expectClose(grad(logSoftmax(x, axis), [x], f32(weights, shape))[0]!, byLog, 3e-6);
  });

  test('gradients agree with differences', async () => {
    for (const axis of [0, 1, 2]) {
      await expectGradients((x) => softmax(x, axis), [noisy([3, 4, 5])]);
      await expectGradients((x) => x.logSoftmax(axis), [noisy([3, 4, 5])]);
    }
  });

  test.each(cases)('%j along %i has the same bits for any number of threads', async (shape, axis) => {
    const x = noisy(shape);
    x.requiresGrad = true;
    await expectSameBits(() => {
      const y = softmax(x, axis);
      const log = x.logSoftmax(axis);
      return [y, log, grad(y, [x], noisy(shape, 2))[0]!, grad(log, [x], noisy(shape, 2))[0]!];
    });
  });

  test('the last axis by default', async () => {
    const x = noisy([3, 4]);
    expect(await x.softmax().data()).toEqual(await softmax(x, 1).data());
    expect(await x.logSoftmax().data()).toEqual(await logSoftmax(x, -1).data());
  });

  test('large and infinite elements', async () => {
    const x = f32([1e4, 1e4 - 1, -1e4, -Infinity], [4]);
    const soft = [1 / (1 + Math.exp(-1)), 1 / (1 + Math.E), 0, 0];
    await expectClose(softmax(x), soft);
    await expectClose(softmax(f32([1e4, 1e4 - 1, -1e4, -Infinity], [4, 1]), 0), soft);
    const log = await logSoftmax(x).data();
    expect(log[2]).toBeCloseTo(-2e4, 0);
    expect(log[3]).toBe(-Infinity);
    expect([...(await softmax(f32([0, NaN, 1], [3])).data())].every(Number.isNaN)).toBe(true);
    expect(
      [...(await softmax(f32([0, NaN, 1, 5, 6, 7], [2, 3])).data()).subarray(3)].some(Number.isNaN),
    ).toBe(false);
  });

  test('no elements', async () => {
    for (const [shape, axis] of [
      [[0, 3], 1],
      [[3, 0], 1],
      [[0, 3], 0],
      [[3, 0], 0],
    ] as [Shape, number][]) {
      const x = f32([], shape);
      x.requiresGrad = true;
      expect(await softmax(x, axis).data()).toEqual(new Float32Array(0));
      expect(grad(logSoftmax(x, axis), [x], f32([], shape))[0]!.shape).toEqual(shape);
    }
  });
});

describe('errors', () => {
  const x = noisy([2, 3]);

  test('axes and dtypes', () => {
    expect(() => softmax(x, 2)).toThrow(new RangeError('softmax: axis 2 is not in a tensor of 2 axes'));
    expect(() => logSoftmax(x, -3)).toThrow(RangeError);
    expect(() => softmax(f32([1], []))).toThrow(RangeError);
    expect(() => softmax(x, 0.5)).toThrow(RangeError);
    expect(() => softmax(x, '0' as unknown as number)).toThrow(TypeError);
    expect(() => softmax(i32([1], [1]) as unknown as Tensor)).toThrow(
      new TypeError('softmax: input is i32 [1], wants dtype f32'),
    );
    for (const nothing of [null, undefined, 3, 'x', {}] as unknown as Tensor[]) {
      for (const f of [softmax, logSoftmax]) expect(() => f(nothing)).toThrow(TypeError);
    }
  });

  test('backward', () => {
    for (const operation of ['softmaxBackward', 'logSoftmaxBackward'] as const) {
      const backward = (g: Tensor<DType>, y: Tensor<DType>, axis: number) => () =>
        native[operation](g.handle, y.handle, axis);
      expect(backward(x, noisy([3, 2]), 0)).toThrow(RangeError);
      expect(backward(x, i32([1, 2, 3, 4, 5, 6], [2, 3]), 0)).toThrow(TypeError);
      expect(backward(x, x, 5)).toThrow(RangeError);
    }
  });
});
