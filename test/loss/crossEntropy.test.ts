import { describe, expect, test } from 'vitest';
import type { Handle } from '../../binding.js';
import { backward, grad } from '../../lib/autograd.js';
import { crossEntropy } from '../../lib/loss/index.js';
import { native, StriateError } from '../../lib/native.js';
import { softmax } from '../../lib/ops/softmax.js';
import { sum } from '../../lib/ops/reduce.js';
import { Tensor, type Shape } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** The options of the native side for the mean over labels that all count the same. */
const plain = [null, null, 'mean', -100, 0] as const;

function labelsFor(shape: Shape): Int32Array {
  const classes = shape.at(-1)!;
  return Int32Array.from(noise(volume(shape.slice(0, -1)), 7), (v) => Math.floor(((v + 1) / 2) * classes));
}

function reference(
  data: ArrayLike<number>,
  labels: Int32Array,
  classes: number,
): { loss: number; gradient: number[] } {
  let loss = 0;
  const gradient: number[] = [];
  labels.forEach((label, row) => {
    const logits = Array.from({ length: classes }, (_, k) => data[row * classes + k]!);
    const largest = Math.max(...logits);
    const total = logits.reduce((t, v) => t + Math.exp(v - largest), 0);
    loss -= logits[label]! - largest - Math.log(total);
    logits.forEach((v, k) =>
      gradient.push((Math.exp(v - largest) / total - (k === label ? 1 : 0)) / labels.length),
    );
  });
  return { loss: loss / labels.length, gradient };
}

const shapes: Shape[] = [
  [10],
  [1, 10],
  [129, 10],
  [64, 1000],
  [5, 20011],
  [3, 37, 41, 21],
  [7, 1],
  [20003, 2],
];

describe('crossEntropy', () => {
  test.each(shapes.map((shape) => [shape]))('%j', async (shape) => {
    const data = noise(volume(shape)).map((v) => v * 5);
    const classes = labelsFor(shape);
    const { loss, gradient } = reference(data, classes, shape.at(-1)!);
    const x = f32(data, shape);
    x.requiresGrad = true;
    const labels = i32(classes, shape.slice(0, -1));
    const given = crossEntropy(x, labels);
    expect(given.shape).toEqual([]);
    expect(await given.item()).toBeCloseTo(loss, 5);
    await expectClose(grad(given, [x])[0]!, gradient, 2e-6);
    const twice = crossEntropy(x, labels).mul(2);
    await expectClose(
      grad(twice, [x])[0]!,
      gradient.map((v) => 2 * v),
      2e-6,
    );
    await expectSameBits(() => {
      const again = crossEntropy(x, labels);
      return [again, grad(again, [x])[0]!];
    });
  });

  test('gradients agree with differences', async () => {
    const labels = i32([1, 0, 4, 2], [2, 2]);
    await expectGradients((x) => crossEntropy(x, labels), [noisy([2, 2, 5])]);
  });

  test('logits of any size', async () => {
    const x = f32([1e4, -1e4, 0, 1e4, 1e4, -1e4], [2, 3]);
    x.requiresGrad = true;
    const loss = crossEntropy(x, i32([1, 0], [2]));
    expect(await loss.item()).toBeCloseTo((2e4 + Math.log(2)) / 2, 0);
    await expectClose(grad(loss, [x])[0]!, [0.5, -0.5, 0, -0.25, 0.25, 0]);
    // A right and certain answer keeps the digits of its gradient.
    const certain = f32([16, 0], [1, 2]);
    certain.requiresGrad = true;
    const p = 1 / (1 + Math.exp(16));
    await expectClose(grad(crossEntropy(certain, i32([0], [1])), [certain])[0]!, [-p, p], 0.1);
  });

  test('labels of -100 count nothing', async () => {
    const shape = [70, 300];
    const data = noise(volume(shape)).map((v) => v * 5);
    const classes = labelsFor(shape).map((label, i) => (i % 3 === 1 ? -100 : label));
    const rows = Array.from(classes.keys()).filter((i) => classes[i] !== -100);
    const some = rows.flatMap((i) => [...data.subarray(300 * i, 300 * (i + 1))]);
    const counted = reference(
      some,
      Int32Array.from(rows, (i) => classes[i]!),
      300,
    );
    const x = f32(data, shape);
    x.requiresGrad = true;
    const loss = crossEntropy(x, i32(classes, [70]));
    expect(await loss.item()).toBeCloseTo(counted.loss, 5);
    const expected = new Float32Array(data.length);
    rows.forEach((row, i) => expected.set(counted.gradient.slice(300 * i, 300 * (i + 1)), 300 * row));
    await expectClose(grad(loss, [x])[0]!, expected, 2e-6);

    const none = f32([1, 2], [1, 2]);
    none.requiresGrad = true;
    const nothing = crossEntropy(none, i32([-100], [1]));
    expect(await nothing.item()).toBeNaN();
    expect([...(await grad(nothing, [none])[0]!.data())]).toEqual([0, 0]);
  });

  test('no labels have no mean', async () => {
    const x = f32([], [0, 3]);
    x.requiresGrad = true;
    const loss = crossEntropy(x, i32([], [0]));
    expect(await loss.item()).toBeNaN();
    expect(await grad(loss, [x])[0]!.data()).toEqual(new Float32Array(0));
    expect(await crossEntropy(f32([], [0, 0]), i32([], [0])).item()).toBeNaN();
  });

  test('leaves nothing behind', async () => {
    const x = noisy([4, 3]);
    const labels = i32([0, 1, 2, 0], [4]);
    await collectGarbage();
    const before = native.memory().liveTensors;
    crossEntropy(x, labels).dispose();
    x.requiresGrad = true;
    crossEntropy(x, labels).dispose();
    const loss = crossEntropy(x, labels);
    backward(loss);
    loss.dispose();
    x.grad?.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });
});

describe('a label that names no class', () => {
  test.each([
    [[4, 3], [0, 2, 3, 5], 'crossEntropy: labels[2] is 3, wants 0 to 2 for 3 classes'],
    [[4, 3], [0, 2, 1, -1], 'crossEntropy: labels[3] is -1, wants 0 to 2 for 3 classes'],
    [
      [2, 2, 3],
      [0, 2, -(2 ** 31), 9],
      'crossEntropy: labels[1, 0] is -2147483648, wants 0 to 2 for 3 classes',
    ],
    [[3], [2 ** 31 - 1], 'crossEntropy: labels is 2147483647, wants 0 to 2 for 3 classes'],
  ] as [number[], number[], string][])('%j with %j', async (shape, classes, message) => {
    const x = noisy(shape);
    x.requiresGrad = true;
    const loss = crossEntropy(x, i32(classes, shape.slice(0, -1)));
    await expect(loss.data()).rejects.toThrow(new StriateError(message));
    expect(() => loss.itemSync()).toThrow(message);
    await expect(loss.mul(2).item()).rejects.toThrow(message);
    await expect(grad(loss, [x])[0]!.data()).rejects.toThrow(message);
    // What does not depend on it goes on.
    expect(await sum(softmax(x)).item()).toBeCloseTo(volume(shape.slice(0, -1)), 4);
    expect(await crossEntropy(noisy([1, 3]), i32([1], [1])).item()).toBeGreaterThan(0);
  });

  test('the first one is named, far into many', async () => {
    const classes = new Int32Array(50_000);
    classes[49_999] = 4;
    classes[33_333] = 7;
    for (const threads of [1, 2]) {
      native.setThreads(threads);
      await expect(crossEntropy(noisy([50_000, 3]), i32(classes, [50_000])).data()).rejects.toThrow(
        'labels[33333] is 7',
      );
    }
  });

  test('in backward alone', async () => {
    const p = noisy([2, 3]);
    const one = f32([1], []);
    const dx = native.crossEntropyBackward(one.handle, p.handle, i32([0, 3], [2]).handle, ...plain);
    await expect(native.data(dx)).rejects.toThrow(
      'crossEntropyBackward: labels[1] is 3, wants 0 to 2 for 3 classes',
    );
  });
});

describe('errors', () => {
  const logits = noisy([2, 3]);
  const labels = i32([0, 1], [2]);
  const call = (x: unknown, y: unknown) => () => crossEntropy(x as Tensor, y as Tensor<'i32'>);

  test('dtypes', () => {
    const bytes = new Tensor(native.tensor(Uint8Array.of(0, 1), [2]), 'u8');
    const wanted = 'wants dtype i32, the number of a class each; cast them';
    expect(call(logits, bytes)).toThrow(new TypeError(`crossEntropy: labels is u8 [2], ${wanted}`));
    expect(call(logits, noisy([2]))).toThrow(
      new RangeError(
        'crossEntropy: target has shape [2], wants [2, 3], a distribution for each row of logits; labels are i32',
      ),
    );
    expect(call(labels, labels)).toThrow(new TypeError('crossEntropy: logits is i32 [2], wants dtype f32'));
    for (const nothing of [null, undefined, 3, 'x', {}, [0, 1]]) {
      expect(call(nothing, labels)).toThrow(TypeError);
      expect(call(logits, nothing)).toThrow(TypeError);
    }
  });

  test('shapes', () => {
    expect(call(logits, i32([0, 1, 2], [3]))).toThrow(
      new RangeError('crossEntropy: labels has shape [3], wants [2] for logits [2, 3]'),
    );
    expect(call(logits, i32([0, 1], [2, 1]))).toThrow(RangeError);
    expect(call(noisy([]), i32([0], []))).toThrow(RangeError);
    const one = f32([1], []).handle;
    const back = (gradient: Handle, target: Handle) => () =>
      native.crossEntropyBackward(gradient, logits.handle, target, ...plain);
    expect(back(logits.handle, labels.handle)).toThrow(RangeError);
    expect(back(one, i32([0], [1]).handle)).toThrow(RangeError);
    expect(back(labels.handle, labels.handle)).toThrow(TypeError);
  });
});
