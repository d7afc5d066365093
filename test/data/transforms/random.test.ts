import { describe, expect, test } from 'vitest';
import { data } from '../../../lib/index.js';
import { native } from '../../../lib/native.js';
import { transforms } from './batches.js';

const random = (seed: number, epoch: number, place: number, sample: number) =>
  new transforms.SampleRandom({ indices: new Int32Array(), randomness: { seed, epoch }, place }).of(sample);

describe('numbers of a sample', () => {
  test('are those of the native generator, in a place that nothing else has', () => {
    for (const [seed, epoch, place, sample] of [
      [0, 1, 0, 0],
      [2 ** 53 - 1, 2 ** 32 - 1, 17, 2 ** 31 - 1],
      [123456789012345, 7, 3, 49999],
    ] as const) {
      const numbers = random(seed, epoch, place, sample);
      const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
      for (let block = 0; block < 3; block++) {
        const words = native.philox([block, place + 1, sample, epoch], key);
        expect([numbers.word(), numbers.word(), numbers.word(), numbers.word()]).toEqual(words);
      }
    }
  });

  test('begin anew with each sample', () => {
    const numbers = random(1, 1, 0, 5);
    const first = [numbers.word(), numbers.word(), numbers.word()];
    numbers.of(6).word();
    expect([numbers.of(5).word(), numbers.word(), numbers.word()]).toEqual(first);
  });

  /** Mean and variance of n draws, each of another sample. */
  function moments(draw: (numbers: data.transforms.SampleRandom) => number, n = 20_000) {
    const numbers = random(9, 2, 1, 0);
    const values = Array.from({ length: n }, (_, i) => draw(numbers.of(i)));
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n, values };
  }

  test('are distributed as they should be', () => {
    const uniform = moments((numbers) => numbers.uniform(-1, 3));
    expect(uniform.mean).toBeCloseTo(1, 1);
    expect(uniform.variance).toBeCloseTo(16 / 12, 1);
    expect(Math.min(...uniform.values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...uniform.values)).toBeLessThan(3);
    const below = moments((numbers) => numbers.below(3));
    expect(new Set(below.values)).toEqual(new Set([0, 1, 2]));
    expect(below.mean).toBeCloseTo(1, 1);
    const normal = moments((numbers) => numbers.normal());
    expect(normal.mean).toBeCloseTo(0, 1);
    expect(normal.variance).toBeCloseTo(1, 1);
    for (const alpha of [0.2, 1, 2.5]) {
      const beta = moments((numbers) => numbers.beta(alpha));
      expect(beta.mean).toBeCloseTo(0.5, 1);
      expect(beta.variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2);
      expect(beta.values.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
    const gamma = moments((numbers) => numbers.gamma(3));
    expect(gamma.mean / 3).toBeCloseTo(1, 1);
    expect(gamma.variance / 3).toBeCloseTo(1, 1);
    expect(moments((numbers) => Number(numbers.chance(0.3))).mean).toBeCloseTo(0.3, 1);
    expect(moments((numbers) => Number(numbers.chance(1))).mean).toBe(1);
  });
});
