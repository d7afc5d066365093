import { describe, expect, test } from 'vitest';
import { tile } from '../../lib/ops/tile.js';
import { expectGradients, f32, i32, noisy, volume } from '../check.js';

describe('tile', () => {
  test.each<[shape: number[], repeats: number[], result: number[]]>([
    [[3], [2], [6]],
    [
      [2, 3],
      [2, 2],
      [4, 6],
    ],
    [[2, 3], [2], [2, 6]],
    [
      [2, 3],
      [3, 1, 2],
      [3, 2, 6],
    ],
    [[], [2, 2], [2, 2]],
    [[2, 3], [], [2, 3]],
    [
      [2, 3],
      [0, 2],
      [0, 6],
    ],
    [
      [1, 2, 1, 3, 1, 2, 1, 2],
      [2, 1, 3, 2, 1, 1, 2, 2],
      [2, 2, 3, 6, 1, 2, 2, 4],
    ],
  ])('%j, %j times', async (shape, repeats, result) => {
    const values = Array.from({ length: volume(shape) }, (_, i) => i);
    const y = tile(i32(values, shape), repeats);
    expect(y.shape).toEqual(result);
    const own = [...result.slice(shape.length).map(() => 1), ...shape];
    const wanted = Array.from({ length: volume(result) }, (_, i) => {
      let [rest, step, at] = [i, 1, 0];
      for (let axis = result.length - 1; axis >= 0; axis--) {
        at += ((rest % result[axis]!) % own[axis]!) * step;
        rest = Math.floor(rest / result[axis]!);
        step *= own[axis]!;
      }
      return at;
    });
    expect([...(await y.data())]).toEqual(wanted);
  });

  test('adds the gradients of the copies', async () => {
    await expectGradients((x) => tile(x, [2, 3]), [noisy([3, 2])]);
    await expectGradients((x) => tile(x, [2, 1, 2]), [noisy([3, 2])]);
  });

  test('refuses', () => {
    expect(() => tile(f32([1], [1]), [-1])).toThrow('tile: repeats is [-1], wants an array of whole numbers');
    expect(() => tile(f32([1], [1]), 2 as never)).toThrow('tile: repeats is 2');
    expect(() => tile(3 as never, [2])).toThrow(/tile: input is 3, wants a tensor/);
  });
});
