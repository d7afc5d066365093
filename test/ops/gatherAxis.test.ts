import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { gather } from '../../lib/ops/index.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

const cases: [shape: number[], indices: number[], axis: number][] = [
  [[4, 5], [3], 1],
  [[4, 5], [], 1],
  [[4, 5], [2, 3], -1],
  [[3, 5, 7], [4], 1],
  [[3, 5, 7], [2, 1, 2], 1],
  [[3, 5, 7], [11], -1],
  [[3, 5, 7], [3], -3],
  [[2, 6, 6, 8], [1], 3],
  [[70_001, 3], [2], 1],
  [[2, 300, 257], [513], 1],
  [[2, 3, 9001], [17], 1],
  [[3, 5, 0], [2], 1],
  [[0, 5, 2], [2], 1],
  [[3, 5, 2], [0], 1],
];

describe('gather along an axis', () => {
  test.each(cases)('%j at %j along %i, and its gradient', async (shape, index, axis) => {
    const at = axis < 0 ? axis + shape.length : axis;
    const [outer, inner] = [volume(shape.slice(0, at)), volume(shape.slice(at + 1))];
    const [rows, n] = [shape[at]!, volume(index)];
    const picks = Array.from(noise(n, 5), (v) => Math.floor(((v + 1) / 2) * rows) % rows);
    const values = noise(volume(shape));
    const g = noise(outer * n * inner, 2);
    const [wanted, gradient] = [new Float32Array(g.length), new Float64Array(values.length)];
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < n; k++) {
        for (let i = 0; i < inner; i++) {
          const [from, to] = [(o * rows + picks[k]!) * inner + i, (o * n + k) * inner + i];
          wanted[to] = values[from]!;
          gradient[from]! += g[to]!;
        }
      }
    }
    const x = f32(values, shape);
    x.requiresGrad = true;
    const y = gather(x, i32(picks, index), axis);
    expect(y.shape).toEqual([...shape.slice(0, at), ...index, ...shape.slice(at + 1)]);
    await expectClose(y, wanted, 0);
    await expectClose(grad(y, [x], f32(g, y.shape))[0]!, gradient, 1e-6);
    const bytes = x.cast('u8');
    expect(gather(bytes, i32(picks, index), axis).shape).toEqual(y.shape);
  });

  test('of bytes', async () => {
    const x = i32([1, 2, 3, 4, 5, 6], [2, 3]).cast('u8');
    expect([...(await x.gather(i32([2, 0], [2]), 1).data())]).toEqual([3, 1, 6, 4]);
  });

  test('carries gradients', async () => {
    await expectGradients((x) => gather(x, i32([4, 0, 4, 2], [2, 2]), 1), [noisy([3, 5, 2])]);
    await expectGradients((x) => gather(x, i32([1], []), -1), [noisy([2, 3])]);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const picks = Array.from(noise(999, 3), (v) => Math.floor((v + 1) * 25) % 50);
    await expectSameBits(() => {
      const x = noisy([7, 50, 33]);
      x.requiresGrad = true;
      const y = gather(x, i32(picks, [999]), 1);
      return [y, ...grad(y, [x], noisy(y.shape, 2))];
    });
  });

  test('refuses', () => {
    const [x, index] = [noisy([5, 3]), i32([0], [1])];
    expect(() => gather(x, index, 2)).toThrow('gather: axis 2 is not in a tensor of 2 axes');
    expect(() => gather(x, index, 0.5)).toThrow(/gather: axis is 0\.5, wants a whole number/);
    expect(() => gather(x, i32([3], [1]), 1).dataSync()).toThrow('index 3 at place 0 is not in [0, 3)');
    const back = () => native.gatherBackward(x.handle, index.handle, 3, 1);
    expect(back).toThrow('gatherBackward: gradient has shape [5, 3], wants one that has [1] from axis 1 on');
  });
});
