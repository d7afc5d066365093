import { describe, expect, test } from 'vitest';
import { native } from '../../lib/native.js';
import { checkFinite, mix, sameClassPartners } from '../../lib/ops/index.js';
import { Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy } from '../check.js';

describe('mix', () => {
  test('agrees with the definition', async () => {
    const [samples, size] = [7, 45];
    const x = noise(samples * size, 1);
    const partners = [3, 0, 0, 6, 4, 2, 1];
    const share = [0, 1, 0.5, 0.25, 0.7, -0.5, 0.1];
    const expected = Float64Array.from(x, (value, i) => {
      const n = Math.floor(i / size);
      return (1 - share[n]!) * value + share[n]! * x[partners[n]! * size + (i % size)]!;
    });
    const y = mix(f32(x, [samples, 5, 9]), i32(partners, [samples]), f32(share, [samples]));
    expect(y.shape).toEqual([samples, 5, 9]);
    await expectClose(y, expected, 1e-6);
  });

  test('reads nothing that has no share', async () => {
    const x = f32([1, 2, NaN, Infinity], [2, 2]);
    const y = await mix(x, i32([1, 0], [2]), f32([0, 0], [2])).data();
    expect([...y]).toEqual([1, 2, NaN, Infinity]);
  });

  test('has the derivative', async () => {
    const [partners, share] = [i32([1, 1, 0, 1], [4]), f32([0.3, 0.5, -0.4, 1], [4])];
    await expectGradients((x) => mix(x, partners, share), [noisy([4, 3, 2])], { tolerance: 1e-3 });
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    const partners = Int32Array.from({ length: 99 }, (_, i) => (i * 7) % 99);
    await expectSameBits(() => [mix(noisy([99, 3001]), i32(partners, [99]), noisy([99], 4))]);
  });

  test('refuses what does not fit', async () => {
    const x = noisy([2, 3]);
    expect(() => mix(noisy([]), i32([], [0]), noisy([0]))).toThrow(/mix: input is a scalar/);
    expect(() => mix(x, i32([0], [1]), noisy([2]))).toThrow(/partners has shape \[1\], wants \[2\]/);
    expect(() => mix(x, i32([0, 1], [2]), noisy([1]))).toThrow(/share has shape \[1\], wants \[2\]/);
    await expect(mix(x, i32([0, -1], [2]), noisy([2])).data()).rejects.toThrow(/mix: index -1 at place 1/);
    expect((await mix(noisy([0, 3]), i32([], [0]), noisy([0])).data()).length).toBe(0);
  });
});

describe('sameClassPartners', () => {
  test('are the others of the class, as they are drawn', async () => {
    const labels = [5, 2, 5, 5, 2, 9];
    const of = (uniform: number) =>
      sameClassPartners(i32(labels, [6]), f32(new Float32Array(6).fill(uniform), [6])).data();
    expect([...(await of(0))]).toEqual([2, 4, 0, 0, 1, 5]);
    expect([...(await of(0.6))]).toEqual([3, 4, 3, 2, 1, 5]);
    expect([...(await of(1))]).toEqual([3, 4, 3, 2, 1, 5]);
    expect([...(await of(NaN))]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('refuses what are no labels', () => {
    expect(() => sameClassPartners(noisy([2]) as never, noisy([2]))).toThrow(/labels is f32 \[2\]/);
    expect(() => sameClassPartners(i32([1, 2], [2]), noisy([3]))).toThrow(
      /uniform has shape \[3\], wants \[2\]/,
    );
  });
});

describe('sampleNoise', () => {
  const add = (x: Tensor, indices: number[], [mean, std]: [number, number], clip = false, place = 1) =>
    new Tensor(
      native.sampleNoise(x.handle, i32(indices, [indices.length]).handle, mean, std, clip, 11, 2, place),
      'f32',
    );

  test('of a sample depends on its number, not on its batch', async () => {
    const size = 40_001;
    const zeros = (n: number) => f32(new Float32Array(n * size), [n, size]);
    const three = await add(zeros(3), [7, 900, 3], [0, 1]).data();
    const one = await add(zeros(1), [900], [0, 1]).data();
    expect(Buffer.compare(Buffer.from(one.buffer), Buffer.from(three.slice(size, 2 * size).buffer))).toBe(0);
    expect(three[0]).not.toBe(three[size]);
    const elsewhere = await add(zeros(1), [900], [0, 1], false, 2).data();
    expect(elsewhere[0]).not.toBe(one[0]);
    const mean = one.reduce((sum, value) => sum + value, 0) / size;
    const variance = one.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  test('is added, and clipped if asked for', async () => {
    const x = noise(500, 3);
    const z = await add(f32(new Float32Array(500), [1, 500]), [4], [0, 1]).data();
    const y = add(f32(x, [1, 500]), [4], [0.5, 0.1]);
    await expectClose(
      y,
      x.map((value, i) => value + 0.5 + 0.1 * z[i]!),
      1e-6,
    );
    const clipped = await add(f32(x, [1, 500]), [4], [0.5, 0.1], true).data();
    expect(clipped.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect((await add(f32([NaN], [1, 1]), [4], [0, 1], true).data())[0]).toBeNaN();
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [add(noisy([9, 70_001]), [1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1])]);
  });
});

describe('checkFinite', () => {
  test('passes what is finite, and its gradient', async () => {
    const x = noise(2 * 50_000, 3);
    await expectClose(checkFinite(f32(x, [2, 50_000]), i32([1, 2], [2])), x, 0);
    await expectGradients((v) => checkFinite(v, i32([1, 2], [2])), [noisy([2, 3])], { tolerance: 1e-3 });
  });

  test.each([NaN, Infinity, -Infinity])('tells which sample has %s, and where', async (odd) => {
    const x = noise(3 * 40 * 41 * 3, 3);
    x[((2 * 40 + 30) * 41 + 5) * 3 + 1] = odd;
    await expect(checkFinite(f32(x, [3, 40, 41, 3]), i32([4, 5, 123], [3])).data()).rejects.toThrow(
      `checkFinite: sample 123 is ${odd} at [30, 5, 1], wants finite numbers`,
    );
  });
});
