import { describe, expect, test } from 'vitest';
import { clipGradValue, clipMaxNorm } from '../../lib/optim/index.js';
import type { Tensor } from '../../lib/tensor.js';
import { expectClose, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';

const shapes = [[3, 5], [1], [], [0, 4], [40_003], [3, 3, 7, 11], [1000, 37]];

function withGradients(): Tensor[] {
  return shapes.map((shape, i) => {
    const p = noisy(shape, i + 1);
    p.requiresGrad = true;
    p.grad = f32(noise(volume(shape), i + 20), shape);
    return p;
  });
}

describe('clipGradValue', () => {
  test('brings the elements of all gradients into range, in place', async () => {
    const parameters = withGradients();
    const alone = noisy([3]);
    clipGradValue([...parameters, alone], 0.3);
    for (const [i, { grad }] of parameters.entries()) {
      const expected = noise(volume(shapes[i]!), i + 20).map((g) =>
        Math.max(-Math.fround(0.3), Math.min(Math.fround(0.3), g)),
      );
      expect(await grad!.data()).toEqual(expected);
      expect(grad!.versions.changes).toBe(1);
    }
    expect(alone.grad).toBeNull();
  });

  test('what is no number stays so, what is infinite is clipped', async () => {
    const p = noisy([4]);
    p.grad = f32([NaN, Infinity, -Infinity, 0.5], [4]);
    clipGradValue([p], 1);
    expect([...(await p.grad.data())]).toEqual([NaN, 1, -1, 0.5]);
    clipGradValue([p], 0);
    expect([...(await p.grad.data())].map(Math.abs)).toEqual([NaN, 0, 0, 0]);
  });

  test('refuses', () => {
    const p = noisy([2]);
    p.grad = noisy([2]);
    expect(() => clipGradValue([p], -1)).toThrow(
      'clipGradValue: clipValue is -1.000000, wants a number from 0 on',
    );
    expect(() => clipGradValue([p], NaN)).toThrow(RangeError);
    expect(() => clipGradValue([p], '1' as never)).toThrow(TypeError);
  });
});

describe('clipMaxNorm', () => {
  test('scales the weights of units whose norm is above the bound', async () => {
    const parameters = withGradients();
    const bound = 1.2;
    clipMaxNorm([...parameters, parameters[0]!], bound);
    let scaled = 0;
    for (const [i, p] of parameters.entries()) {
      const shape = shapes[i]!;
      const expected = Float64Array.from(noise(volume(shape), i + 1));
      const units = shape.at(-1) ?? 1;
      if (shape.length < 2) {
        expect(await p.data()).toEqual(Float32Array.from(expected));
        continue;
      }
      for (let c = 0; c < units; c++) {
        let total = 0;
        for (let k = c; k < expected.length; k += units) total += expected[k]! ** 2;
        if (Math.sqrt(total) <= bound) continue;
        scaled++;
        for (let k = c; k < expected.length; k += units) expected[k]! *= bound / Math.sqrt(total);
      }
      await expectClose(p, expected, 1e-6);
    }
    expect(scaled).toBeGreaterThan(10);
  });

  test('to the same bits with 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const parameters = withGradients();
      clipMaxNorm(parameters, 0.9);
      clipGradValue(parameters, 0.1);
      return [...parameters, ...parameters.map(({ grad }) => grad!)];
    });
  });

  test('refuses', () => {
    const p = noisy([2, 2]);
    for (const bound of [0, -1]) {
      expect(() => clipMaxNorm([p], bound)).toThrow(/^clipMaxNorm: maxNorm is .* wants a number above 0/);
    }
    expect(() => clipMaxNorm([i32([1], [1, 1]) as unknown as Tensor], 1)).toThrow(
      new TypeError('clipMaxNorm: parameters[0] is i32 [1, 1], wants dtype f32'),
    );
    expect(() => clipMaxNorm([3 as never], 1)).toThrow(TypeError);
  });
});
