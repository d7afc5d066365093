import { describe, expect, test } from 'vitest';
import { search } from '../../lib/index.js';
import { Draws } from '../../lib/search/draws.js';
import { made } from './runs.js';

describe('evolutionarySearch', () => {
  test('children are of the best of a tournament among the youngest, with one change', async () => {
    const scores = [5, 1, 8, 3, 9, 2, 7, 4, 6, 0.5];
    const score = (trial: number) => scores[trial % 10]! + trial / 100;
    const options = { ...made(score), trials: 40, population: 6, tournament: 3 };
    const { trials, best } = await search.evolutionarySearch(options);
    expect(best.number).toBe(9);
    for (const { number, parent, sample } of trials) {
      if (number <= 6) {
        expect(parent).toBe(null);
        continue;
      }
      // The numbers of this stream: the seed of the training, then the tournament, by which the oldest can be no parent.
      const draws = new Draws(3, number);
      draws.seed();
      const oldest = number - 6;
      const drawn = Array.from({ length: 3 }, () => oldest + draws.below(6));
      const winner = drawn.reduce((a, b) => (score(b) < score(a) ? b : a));
      expect(parent, `trial ${number}`).toBe(winner);
      const before = trials[winner - 1]!.sample;
      expect(Number(before.a !== sample.a) + Number(before.b !== sample.b)).toBe(1);
    }
  });

  test('the best ages, too', async () => {
    const { trials } = await search.evolutionarySearch({
      ...made((trial) => trial),
      trials: 20,
      population: 4,
      tournament: 40,
    });
    // The oldest is the best, found by so large a tournament.
    expect(trials.slice(4).map(({ number, parent }) => number - parent!)).toEqual(new Array(16).fill(4));
  });

  test('brackets of successive halving have parents of those before', async () => {
    const events: string[] = [];
    const options = { ...made((trial) => -trial, events), trials: 9, population: 3, tournament: 2 };
    const { trials, best } = await search.evolutionarySearch({
      ...options,
      epochs: { min: 1, max: 3, eta: 3 },
    });
    expect(events).toEqual(
      [1, 4, 7].flatMap((n) => [`${n}:1:1`, `${n + 1}:1:1`, `${n + 2}:1:1`, `${n + 2}:2:3`]),
    );
    for (const { number, parent } of trials.slice(3)) {
      expect(Math.ceil(parent! / 3)).toBe(Math.ceil(number / 3) - 1);
    }
    expect(best.number).toBe(9);
  });

  test('improves on what it began with', async () => {
    const target = (s: { a: number; b: string }) => Math.abs(Math.log10(s.a + 1) - 3) + (s.b === 'z' ? 0 : 1);
    let of = 0;
    const options = made(() => of);
    const { trials } = await search.evolutionarySearch({
      ...options,
      build: (sample: { a: number; b: string }, context: { trial: number }) => {
        of = target(sample);
        return options.build(sample, context);
      },
      ...{ trials: 60, population: 10, tournament: 4 },
    });
    const best = (part: typeof trials) => Math.min(...part.map(({ score }) => score!));
    expect(best(trials)).toBeLessThan(best(trials.slice(0, 10)));
  });

  test('refuses options that are none', async () => {
    const run = (options: object) =>
      search.evolutionarySearch({ ...made((trial) => trial), trials: 6, population: 3, ...options });
    await expect(run({ population: 7 })).rejects.toThrow(/population is 7, wants at most 6, trials/);
    await expect(run({ population: 0 })).rejects.toThrow(/population is 0/);
    await expect(run({ tournament: 0 })).rejects.toThrow(/tournament is 0/);
    await expect(run({ bracket: 4 })).rejects.toThrow(/bracket is 4, wants at most the population of 3/);
    await expect(run({ space: { a: search.int(1, 1) } })).rejects.toThrow(
      /there is nothing to change in the space/,
    );
    await expect(search.evolutionarySearch(undefined as never)).rejects.toThrow(
      /evolutionarySearch: options is undefined/,
    );
  });
});
