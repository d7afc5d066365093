import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { slice } from '../../lib/ops/index.js';
import type { Shape } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

/** What Python's x[begin:end:step] picks of an axis; undefined is what Python calls None. */
function picked(extent: number, begin?: number, end?: number, step = 1): number[] {
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const place = (i: number) => Math.min(Math.max(i < 0 ? i + extent : i, low), high);
  const from = begin === undefined ? (step > 0 ? low : high) : place(begin);
  const to = end === undefined ? (step > 0 ? high : low) : place(end);
  const list: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) list.push(i);
  return list;
}

/** The places in x of what a slice picks. */
function offsets(shape: Shape, lists: readonly number[][]): number[] {
  return shape.reduce<number[]>(
    (all, extent, axis) => all.flatMap((at) => lists[axis]!.map((i) => at * extent + i)),
    [0],
  );
}

type Case = [shape: number[], begin: number[], end: number[], step: number[]];
const cases: Case[] = [
  [[10], [], [], [-1]],
  [[10], [7], [2], [-1]],
  [[10], [-2], [-9], [-3]],
  [[10], [100], [-100], [-4]],
  [[10], [Infinity], [-Infinity], [-1]],
  [[10], [2], [7], [-1]],
  [[10], [5], [], [-11]],
  [[0], [], [], [-1]],
  [[70_003], [], [], [-1]],
  [[70_003], [70_000], [3], [-7]],
  [[5, 7], [], [], [-1, -1]],
  [
    [5, 7],
    [0, 5],
    [5, 1],
    [2, -2],
  ],
  [[5, 7, 3], [], [], [1, -1]],
  [[5, 7, 3], [], [], [-2, 1, -1]],
  [
    [37, 41, 43],
    [30, 1, 40],
    [3, -2, 0],
    [-5, 1, -3],
  ],
  [
    [2, 9, 9, 4],
    [0, Infinity, Infinity],
    [Infinity, -Infinity, -Infinity],
    [1, -1, -1],
  ],
];

describe('a slice that walks back', () => {
  test.each(cases)('%j from %j to %j by %j, and its gradient', async (shape, begin, end, step) => {
    const lists = shape.map((extent, axis) => picked(extent, begin[axis], end[axis], step[axis]));
    const from = offsets(shape, lists);
    const values = noise(volume(shape));
    const x = f32(values, shape);
    x.requiresGrad = true;
    const y = slice(x, begin, end, step);
    expect(y.shape).toEqual(lists.map((list) => list.length));
    await expectClose(y, from.map((i) => values[i]!), 0); // prettier-ignore
    const g = noise(from.length, 2);
    const wanted = new Float32Array(values.length);
    from.forEach((i, k) => (wanted[i] = g[k]!));
    await expectClose(grad(y, [x], f32(g, y.shape))[0]!, wanted, 0);
    const whole = i32(
      values.map((v) => v * 1000),
      shape,
    );
    const wholes = await whole.data();
    expect([...(await slice(whole, begin, end, step).data())]).toEqual(from.map((i) => wholes[i]!));
    const bytes = whole.cast('u8');
    const all = await bytes.data();
    expect([...(await slice(bytes, begin, end, step).data())]).toEqual(from.map((i) => all[i]!));
  });

  test('carries gradients', async () => {
    await expectGradients((x) => slice(x, [], [], [-2, -1]), [noisy([5, 6])]);
    await expectGradients((x) => slice(x, [3, 5], [0, 1], [-1, -3]), [noisy([4, 7])]);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const x = noisy([131, 517]);
      x.requiresGrad = true;
      const y = slice(x, [-1, -3], [1, 2], [-2, -3]);
      return [y, ...grad(y, [x], noisy(y.shape, 2))];
    });
  });
});
