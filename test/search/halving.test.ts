import { describe, expect, test } from 'vitest';
import { search } from '../../lib/index.js';

const { halvingSchedule } = search;
const pairs = (rungs: search.Rung[]) => rungs.map(({ candidates, epochs }) => [candidates, epochs]);

describe('halvingSchedule', () => {
  // Li et al., "Hyperband", 2018, table 1: R = 81 and η = 3, the brackets s = 4, 3, 2, 1, 0.
  test.each([
    [81, 1, [[81, 1], [27, 3], [9, 9], [3, 27], [1, 81]]],
    [27, 3, [[27, 3], [9, 9], [3, 27], [1, 81]]],
    [9, 9, [[9, 9], [3, 27], [1, 81]]],
    [6, 27, [[6, 27], [2, 81]]],
    [5, 81, [[5, 81]]],
  ])('has the bracket of Hyperband that begins with %i', (n, min, expected) => {
    expect(pairs(halvingSchedule(n, { min, max: 81 }))).toEqual(expected);
  }); // prettier-ignore

  // Jamieson and Talwalkar, 2016, figure 3: S₀ = [n], rₖ = ⌊B/(|Sₖ|·⌈log₂ n⌉)⌋, |Sₖ₊₁| = ⌊|Sₖ|/2⌋.
  test.each([[8, 48], [16, 1000], [20, 400], [64, 1000], [2, 7], [5, 77]])(
    'divides the budget among rounds as the paper does: %i candidates, %i epochs',
    (n, budget) => {
      const rounds = Math.ceil(Math.log2(n));
      const expected: number[][] = [];
      let [left, total, spent] = [n, 0, 0];
      for (let k = 0; k < rounds; k++) {
        const more = Math.floor(budget / (left * rounds));
        total += more;
        spent += left * more;
        expected.push([left, total]);
        left = Math.floor(left / 2);
      }
      expect(pairs(halvingSchedule(n, { budget }))).toEqual(expected);
      expect(spent).toBeLessThanOrEqual(budget);
    },
  ); // prettier-ignore

  test('takes another share, a last round that is cut short, and a single candidate', () => {
    expect(pairs(halvingSchedule(8, { budget: 48 }))).toEqual([[8, 2], [4, 6], [2, 14]]); // prettier-ignore
    expect(pairs(halvingSchedule(16, { budget: 64, eta: 4 }))).toEqual([[16, 2], [4, 10]]); // prettier-ignore
    expect(pairs(halvingSchedule(10, { min: 2, max: 9, eta: 2 }))).toEqual([[10, 2], [5, 4], [2, 8], [1, 9]]); // prettier-ignore
    expect(pairs(halvingSchedule(1, { budget: 5 }))).toEqual([[1, 5]]);
    expect(pairs(halvingSchedule(2, { min: 1, max: 27 }))).toEqual([[2, 1], [1, 3], [1, 9], [1, 27]]); // prettier-ignore
  });

  test('refuses numbers that are none', () => {
    expect(() => halvingSchedule(0, { budget: 5 })).toThrow(/halvingSchedule: candidates is 0/);
    expect(() => halvingSchedule(8, { budget: 23 })).toThrow(
      /budget is 23, wants at least 24 epochs for 8 candidates/,
    );
    expect(() => halvingSchedule(8, { min: 3, max: 2 })).toThrow(/max is 2, wants a whole number from 3 on/);
    expect(() => halvingSchedule(8, { min: 1, max: 2, eta: 1 })).toThrow(/eta is 1/);
    expect(() => halvingSchedule(8, { min: 1.5, max: 2 })).toThrow(RangeError);
    expect(() => halvingSchedule(8, 3 as never)).toThrow(/epochs is 3, wants \{ min, max \} or \{ budget \}/);
  });
});
