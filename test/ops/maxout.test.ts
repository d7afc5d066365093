import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { maxout } from '../../lib/ops/index.js';
import { expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

/** The definition: the largest of neighbours, and the gradient at the first of the largest. */
function definition(x: Float32Array, dy: Float32Array, pieces: number) {
  const y = new Float32Array(x.length / pieces);
  const dx = new Float32Array(x.length);
  y.forEach((_, i) => {
    const group = [...x.subarray(i * pieces, (i + 1) * pieces)];
    y[i] = Math.max(...group);
    dx[i * pieces + group.indexOf(y[i])] = dy[i]!;
  });
  return { y, dx };
}

const cases: [shape: number[], pieces: number][] = [
  [[6], 2],
  [[3, 5, 5, 34], 2],
  [[2, 7, 21], 3],
  [[5, 20], 4],
  [[33, 35], 5],
  [[4, 3], 1],
  [[3, 512], 256],
  [[2, 40, 41, 48], 2],
  [[70_001, 3], 3],
  [[0, 4], 2],
  [[4, 0], 2],
];

describe('maxout', () => {
  test.each(cases)('agrees with the definition for %j in pieces of %i', async (shape, pieces) => {
    // Few different values, so that many are equal.
    const values = noise(volume(shape), 1).map((v) => Math.round(4 * v) || 0);
    const outShape = [...shape.slice(0, -1), shape.at(-1)! / pieces];
    const dy = noise(volume(outShape), 2);
    const wanted = definition(values, dy, pieces);
    const x = f32(values, shape);
    const plain = maxout(x, pieces);
    expect(plain.shape).toEqual(outShape);
    expect(await plain.data()).toEqual(wanted.y);
    x.requiresGrad = true;
    const y = maxout(x, pieces);
    const [dx] = grad(y, [x], f32(dy, outShape));
    expect(await y.data()).toEqual(wanted.y);
    expect(await dx!.data()).toEqual(wanted.dx);
  });

  test('has the derivative', async () => {
    // A step away from any other value.
    const apart = (n: number) => Float32Array.from({ length: n }, (_, i) => ((i * 7) % n) / 5);
    await expectGradients((x) => maxout(x, 3), [f32(apart(60), [5, 12])], { tolerance: 1e-3 });
  });

  test.each([2, 3, 4, 5])('shows what is no number, the first, in pieces of %i', async (pieces) => {
    const row = Array.from({ length: pieces }, (_, p) => (p === 1 ? NaN : Infinity));
    const x = f32([...row, ...row.map(() => -Infinity)], [2, pieces]);
    x.requiresGrad = true;
    const y = maxout(x, pieces);
    const [dx] = grad(y, [x], f32([1, 2], [2, 1]));
    expect([...(await y.data())]).toEqual([NaN, -Infinity]);
    const wanted = new Array<number>(2 * pieces).fill(0);
    wanted[1] = 1;
    wanted[pieces] = 2;
    expect([...(await dx!.data())]).toEqual(wanted);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const x = noisy([4000, 48], 1);
      x.requiresGrad = true;
      const y = maxout(x, 3);
      return [y, ...grad(y, [x], noisy([4000, 16], 2))];
    });
  });

  test('refuses what does not fit', () => {
    const x = noisy([2, 7]);
    expect(() => maxout(x, 3)).toThrow(
      /maxout: input \[2, 7\] has 7 channels, wants a multiple of pieces, 3/,
    );
    expect(() => maxout(x, 0)).toThrow(/maxout: pieces is 0, wants a whole number from 1 to 256/);
    expect(() => maxout(x, 3.5)).toThrow(/maxout: pieces is 3.5/);
    expect(() => maxout(noisy([]), 1)).toThrow(/maxout: input is a scalar/);
    expect(() => maxout(i32([1], [1]) as never, 1)).toThrow(/maxout: input is i32 \[1\], wants dtype f32/);
    expect(() => maxout({} as never, 1)).toThrow(/maxout: input is an object, wants a tensor/);
    const places = native.full([2], 0, 'u8');
    expect(() => native.maxoutBackward(x.handle, places, 2)).toThrow(
      /places has shape \[2\], wants \[2, 7\]/,
    );
    expect(() => native.maxoutBackward(x.handle, x.handle, 2)).toThrow(
      /places is f32 \[2, 7\], wants dtype u8/,
    );
    expect(() => native.maxoutBackward(noisy([]).handle, native.full([], 0, 'u8'), 2)).toThrow(/is a scalar/);
  });
});
