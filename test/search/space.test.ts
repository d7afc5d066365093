import { describe, expect, expectTypeOf, test } from 'vitest';
import { search } from '../../lib/index.js';
import { Draws } from '../../lib/search/draws.js';
import { partOf } from '../../lib/search/space.js';

const { choice, float, int, repeat, variant } = search;

const space = {
  layers: repeat(
    { width: choice([8, 16, 32]), kernelSize: choice([3, 5]), norm: choice([true, false]) },
    1,
    3,
  ),
  dropout: float(0, 0.5),
  lr: float(1e-4, 1e-1, { log: true }),
  units: int(4, 1000, { log: true }),
  depth: int(-2, 2),
  optimizer: variant({
    sgd: { momentum: float(0, 0.99) },
    adam: {},
    rmsprop: { alpha: choice([0.9, 0.99]) },
  }),
};
const part = partOf('test', space);
const draws = (stream: number) => new Draws(7, stream);
const samples = Array.from({ length: 400 }, (_, i) => part.draw(draws(i)) as search.SampleOf<typeof space>);

function checkSample(sample: search.SampleOf<typeof space>): void {
  expect(Object.keys(sample)).toEqual(Object.keys(space));
  expect(sample.layers.length).toBeGreaterThanOrEqual(1);
  expect(sample.layers.length).toBeLessThanOrEqual(3);
  for (const { width, kernelSize, norm } of sample.layers) {
    expect([8, 16, 32]).toContain(width);
    expect([3, 5]).toContain(kernelSize);
    expect([true, false]).toContain(norm);
  }
  for (const [value, low, high] of [[sample.dropout, 0, 0.5], [sample.lr, 1e-4, 0.1], [sample.units, 4, 1000], [sample.depth, -2, 2]] as const) {
    expect(value).toBeGreaterThanOrEqual(low);
    expect(value).toBeLessThanOrEqual(high);
  } // prettier-ignore
  expect(Number.isInteger(sample.units) && Number.isInteger(sample.depth)).toBe(true);
  const { kind, ...own } = sample.optimizer;
  const fields = { sgd: ['momentum'], adam: [], rmsprop: ['alpha'] };
  expect(Object.keys(own)).toEqual(fields[kind]);
}

/** The paths of JSON values that differ. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return [`${path}.length`];
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b) ? [] : [path];
  }
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  if (x['kind'] !== y['kind']) return [`${path}.kind`];
  return Object.keys(x).flatMap((key) => differences(x[key], y[key], `${path}.${key}`));
}

describe('samples', () => {
  test('are in the space, and plain JSON of its type', () => {
    for (const sample of samples) {
      checkSample(sample);
      expect(JSON.parse(JSON.stringify(sample))).toEqual(sample);
    }
    expectTypeOf(samples[0]!.layers[0]!.width).toEqualTypeOf<8 | 16 | 32>();
    expectTypeOf(samples[0]!.optimizer.kind).toEqualTypeOf<'sgd' | 'adam' | 'rmsprop'>();
    expectTypeOf(samples[0]!.lr).toEqualTypeOf<number>();
  });

  test('follow from seed and stream alone', () => {
    const again = Array.from({ length: 5 }, (_, i) => part.draw(draws(i)));
    expect(again).toEqual(samples.slice(0, 5));
    expect(part.draw(new Draws(8, 0))).not.toEqual(samples[0]);
  });

  test('are spread evenly: over values, over ranges, over logarithms', () => {
    const share = (holds: (sample: (typeof samples)[number]) => boolean) =>
      samples.filter(holds).length / samples.length;
    for (const [holds, expected] of [
      [(s) => s.layers.length === 2, 1 / 3],
      [(s) => s.optimizer.kind === 'adam', 1 / 3],
      [(s) => s.dropout < 0.25, 0.5],
      [(s) => s.lr < Math.sqrt(1e-4 * 1e-1), 0.5],
      [(s) => s.units < 63, 0.5],
      [(s) => s.depth === 2, 0.2],
      [(s) => s.depth === -2, 0.2],
    ] as [(sample: (typeof samples)[number]) => boolean, number][]) {
      // Four standard deviations.
      expect(Math.abs(share(holds) - expected)).toBeLessThan(
        4 * Math.sqrt((expected * (1 - expected)) / 400),
      );
    }
  });
});

describe('mutation', () => {
  test('changes one thing, which stays in the space; each gets its turn', () => {
    const seen = new Set<string>();
    for (const [i, sample] of samples.entries()) {
      const random = draws(1000 + i);
      const copy = structuredClone(sample);
      const places = part.places(sample);
      const child = part.mutate(sample, random.below(places), random) as typeof sample;
      expect(sample).toEqual(copy);
      checkSample(child);
      const changed = differences(sample, child);
      expect(changed, JSON.stringify([sample, child])).toHaveLength(1);
      seen.add(changed[0]!.replace(/\.\d\./, '.i.'));
    }
    expect([...seen].sort()).toEqual(
      ['depth', 'dropout', 'layers.i.kernelSize', 'layers.i.norm', 'layers.i.width', 'layers.length', 'lr']
        .concat('optimizer.alpha', 'optimizer.kind', 'optimizer.momentum', 'units')
        .map((name) => `.${name}`),
    );
  });

  test('moves numbers by a fifth of their range, not beyond its ends', () => {
    const moves = Array.from({ length: 2000 }, (_, i) => float(0, 10).mutate(5, 0, draws(i)) - 5);
    const deviation = Math.sqrt(moves.reduce((sum, m) => sum + m * m, 0) / moves.length);
    expect(deviation).toBeGreaterThan(1.8);
    expect(deviation).toBeLessThan(2.1);
    for (let i = 0; i < 500; i++) {
      const low = float(0, 1).mutate(0, 0, draws(i));
      expect(low >= 0 && low <= 1).toBe(true);
      for (const value of [1, 2]) expect(int(1, 2).mutate(value, 0, draws(i))).toBe(3 - value);
    }
  });

  test('what has one value alone is not changed', () => {
    const fixed = partOf('test', {
      a: choice(['x']),
      b: int(3, 3),
      c: float(0.5, 0.5),
      d: repeat(int(1, 1), 2, 2),
      e: variant({ only: {} }),
    });
    const sample = fixed.draw(draws(1));
    expect(sample).toEqual({ a: 'x', b: 3, c: 0.5, d: [1, 1], e: { kind: 'only' } });
    expect(fixed.places(sample)).toBe(0);
  });
});

test('refuses what is no space', () => {
  for (const values of [[], 'abc', [1, 1], [NaN], [{}], [undefined]]) {
    expect(() => choice(values as never), JSON.stringify(values)).toThrow(/^choice: /);
  }
  expect(() => float(2, 1)).toThrow(/float: low is 2, wants at most high, 1/);
  expect(() => float(0, 1, { log: true })).toThrow(/low is 0, wants a number above 0 with log/);
  expect(() => float(0, Infinity)).toThrow(RangeError);
  expect(() => float(0, 1, { log: 1 as never })).toThrow(TypeError);
  expect(() => int(0.5, 2)).toThrow(/int: low is 0.5, wants a whole number/);
  expect(() => repeat(int(1, 2), 3, 2)).toThrow(/repeat: least is 3/);
  expect(() => repeat(int(1, 2), -1, 2)).toThrow(RangeError);
  expect(() => repeat(3 as never, 1, 2)).toThrow(/repeat: space is 3, wants choice/);
  expect(() => variant({})).toThrow(/variant: kinds is/);
  expect(() => variant({ a: { kind: int(1, 2) } })).toThrow(/variant: a has a field 'kind'/);
  expect(() => variant({ a: int(1, 2) as never })).toThrow(TypeError);
  expect(() => partOf('search: space', { a: { b: [1] as never } })).toThrow(
    /search: space.a.b is \[1\], wants choice/,
  );
});
