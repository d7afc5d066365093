import { describe, expect, test } from 'vitest';
import {
  init,
  nn,
  randn,
  setSeed,
  setThreads,
  cpuInfo,
  tensor,
  zeros,
  type Tensor,
} from '../../lib/index.js';
import { i32, volume } from '../check.js';
import { vectors } from '../fixtures/pattern.js';
import { normalBelow } from '../ops/errorFunction.js';

interface Moments {
  mean: number;
  std: number;
  largest: number;
}

function momentsOf(values: Float32Array): Moments {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const square = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  return {
    mean,
    std: Math.sqrt(square),
    largest: values.reduce((most, v) => Math.max(most, Math.abs(v)), 0),
  };
}

/** Kolmogorov and Smirnov's distance of a sample from a distribution, times √n: above 1.95 once in a thousand samples. */
function distance(sample: Float32Array, below: (x: number) => number): number {
  const sorted = Float32Array.from(sample).sort();
  const n = sorted.length;
  let most = 0;
  sorted.forEach((x, i) => {
    most = Math.max(most, Math.abs(below(x) - i / n), Math.abs(below(x) - (i + 1) / n));
  });
  return most * Math.sqrt(n);
}

interface Layer {
  layer: string;
  shape: number[];
  fanIn: number;
  fanOut: number;
  [initializer: string]: unknown;
}
interface Dirac {
  groups: number;
  shape: number[];
  dirac: number[];
}
const all = vectors<Partial<Layer> & Partial<Dirac> & { gains?: Record<string, number> }>('init');
const layers = all.filter((v) => v.layer) as Layer[];
const diracs = all.filter((v) => v.dirac) as Dirac[];

describe.each(layers)('$layer $shape as in PyTorch', (v) => {
  test('fans', () => {
    expect(init.fans(v.shape)).toEqual({ fanIn: v.fanIn, fanOut: v.fanOut });
  });

  const initializers: [string, (t: Tensor) => Tensor, bounded: boolean][] = [
    ['xavierUniform', (t) => init.xavierUniform(t), true],
    ['xavierNormal', (t) => init.xavierNormal(t, { gain: 2 }), false],
    ['kaimingUniform', (t) => init.kaimingUniform(t), true],
    ['kaimingNormal', (t) => init.kaimingNormal(t, { mode: 'fanOut', nonlinearity: 'relu' }), false],
    ['kaimingLeaky', (t) => init.kaimingUniform(t, { a: Math.sqrt(5) }), true],
  ];
  test.each(initializers)('%s', async (name, f, bounded) => {
    setSeed(5);
    const times = Math.ceil(60_000 / volume(v.shape));
    const values: number[] = [];
    for (let i = 0; i < times; i++) values.push(...(await f(zeros(v.shape)).data()));
    const given = momentsOf(Float32Array.from(values));
    const wanted = v[name] as Moments;
    expect(Math.abs(given.mean)).toBeLessThan(4 * (wanted.std / Math.sqrt(values.length)));
    expect(Math.abs(given.std / wanted.std - 1)).toBeLessThan(0.02);
    if (bounded) expect(Math.abs(given.largest / wanted.largest - 1)).toBeLessThan(1e-3);
  });
});

test('gains as in PyTorch', () => {
  const { gains } = all.find((v) => v.gains) as { gains: Record<string, number> };
  for (const [name, gain] of Object.entries(gains)) {
    const [nonlinearity, slope] = name.split(' ') as [init.Nonlinearity, string?];
    expect(init.calculateGain(nonlinearity, slope === undefined ? undefined : Number(slope)), name).toBeCloseTo(gain, 10); // prettier-ignore
  }
});

test.each([
  ['lecunUniform', init.lecunUniform, Math.sqrt(3 / 90), (x: number) => (x + Math.sqrt(3 / 90)) / (2 * Math.sqrt(3 / 90))],
  ['lecunNormal', init.lecunNormal, Infinity, (x: number) => normalBelow(x * Math.sqrt(90))],
  ['xavierUniform', init.xavierUniform, Math.sqrt(6 / 630), (x: number) => (x / Math.sqrt(6 / 630) + 1) / 2],
  ['xavierNormal', init.xavierNormal, Infinity, (x: number) => normalBelow(x / Math.sqrt(2 / 630))],
  ['kaimingUniform', init.kaimingUniform, Math.sqrt(6 / 90), (x: number) => (x / Math.sqrt(6 / 90) + 1) / 2],
  ['kaimingNormal', init.kaimingNormal, Infinity, (x: number) => normalBelow(x / Math.sqrt(2 / 90))],
] as const)('%s has its distribution', async (_, f, bound, below) => {
  setSeed(11);
  const values = await f(zeros([3, 3, 10, 60])).data();
  expect(values.every((v) => Math.abs(v) <= bound * (1 + 1e-6))).toBe(true);
  expect(distance(values, below)).toBeLessThan(1.95);
}); // prettier-ignore

describe('truncatedNormal', () => {
  const cases: [mean: number, std: number, a: number, b: number][] = [
    [0, 1, -2, 2],
    [1, 0.02, 0.96, 1.04],
    [0, 1, -0.5, 8],
    [0, 1, 3, 5],
    [5, 2, -30, -1],
    [0, 1, -20, 20],
    [0, 1, 9, 9.5],
  ];
  test.each(cases)('with mean %d, deviation %d, from %d to %d', async (mean, std, a, b) => {
    setSeed(2);
    const values = await init.truncatedNormal(zeros([40_000]), { mean, std, a, b }).data();
    expect(values.every((v) => v >= a && v <= b)).toBe(true);
    // On the left side, where probabilities are small and precise.
    const [side, low, high] = a > mean ? [-1, mean - b, mean - a] : [1, a - mean, b - mean];
    const [from, to] = [normalBelow(low / std), normalBelow(high / std)];
    const below = (x: number) => {
      const share = (normalBelow((side * (x - mean)) / std) - from) / (to - from);
      return side > 0 ? share : 1 - share;
    };
    expect(distance(values, below)).toBeLessThan(1.95);
  });

  test('between two neighbouring floats', async () => {
    const values = await init.truncatedNormal(zeros([9]), { mean: 1, a: 1 + 1e-9, b: 1 + 2e-9 }).data();
    expect(new Set(values)).toEqual(new Set([1]));
  });
});

describe('orthogonal', () => {
  const shapes = [[1, 1], [7, 7], [3, 20], [20, 3], [3, 3, 16, 32], [5, 2, 100], [130, 129], [1, 9], [9, 1]]; // prettier-ignore
  test.each(shapes.map((shape) => [shape]))('%j has orthonormal outputs, or inputs', async (shape) => {
    const gain = 1.5;
    const values = await init.orthogonal(zeros(shape), { gain }).data();
    const columns = shape.at(-1)!;
    const rows = values.length / columns;
    const wide = rows <= columns;
    const [count, length] = wide ? [rows, columns] : [columns, rows];
    const at = (i: number, k: number) => values[wide ? i * columns + k : k * columns + i]!;
    let worst = 0;
    for (let i = 0; i < count; i++) {
      for (let j = 0; j <= i; j++) {
        let product = 0;
        for (let k = 0; k < length; k++) product += at(i, k) * at(j, k);
        worst = Math.max(worst, Math.abs(product / gain ** 2 - (i === j ? 1 : 0)));
      }
    }
    expect(worst).toBeLessThan(1e-6);
  });

  test('prefers no direction', async () => {
    setSeed(4);
    const corners: number[] = [];
    for (let i = 0; i < 4000; i++) corners.push((await init.orthogonal(zeros([3, 3])).data())[8]!);
    // An element of a unit vector in space is uniform in [−1, 1] (Archimedes).
    expect(distance(Float32Array.from(corners), (x) => (x + 1) / 2)).toBeLessThan(1.95);
  });

  test('keeps the length of what a square layer is given', async () => {
    const layer = new nn.Linear(64, 64, { bias: false });
    init.orthogonal(layer.weight);
    const x = randn([5, 64]);
    const [before, after] = [await x.square().sum(1).data(), await layer.forward(x).square().sum(1).data()];
    after.forEach((v, i) => expect(v / before[i]!).toBeCloseTo(1, 4));
  });
});

describe('identity and dirac', () => {
  test('identity passes inputs on', async () => {
    const x = randn([3, 4]);
    const square = new nn.Linear(4, 4, { bias: false });
    init.identity(square.weight);
    expect(await square.forward(x).data()).toEqual(await x.data());
    expect([...(await init.identity(randn([2, 3])).data())]).toEqual([1, 0, 0, 0, 1, 0]);
    expect([...(await init.identity(randn([3, 2])).data())]).toEqual([1, 0, 0, 1, 0, 0]);
  });

  test.each(diracs)('dirac $shape with $groups groups as in PyTorch', async ({ groups, shape, dirac }) => {
    const values = await init.dirac(randn(shape), { groups }).data();
    const places = [...values.keys()].filter((i) => values[i] !== 0);
    expect(places).toEqual(dirac);
    expect(places.every((i) => values[i] === 1)).toBe(true);
  });

  test.each([1, 2])('dirac passes channels on, with %i groups', async (groups) => {
    const x = randn([2, 5, 6, 4]);
    const conv = new nn.Conv2d(4, 4, 3, { padding: 1, groups, bias: false, algorithm: 'direct' });
    init.dirac(conv.weight, { groups });
    expect(await conv.forward(x).data()).toEqual(await x.data());
  });
});

describe('all of them', () => {
  const drawn: [string, (t: Tensor) => Tensor][] = [
    ['uniform', (t) => init.uniform(t, { a: -3, b: 5 })],
    ['normal', (t) => init.normal(t, { mean: 2, std: 3 })],
    ['truncatedNormal', (t) => init.truncatedNormal(t)],
    ['xavierUniform', (t) => init.xavierUniform(t)],
    ['xavierNormal', (t) => init.xavierNormal(t)],
    ['kaimingUniform', (t) => init.kaimingUniform(t)],
    ['kaimingNormal', (t) => init.kaimingNormal(t)],
    ['lecunUniform', (t) => init.lecunUniform(t)],
    ['lecunNormal', (t) => init.lecunNormal(t)],
    ['orthogonal', (t) => init.orthogonal(t)],
  ];
  test.each(drawn)('%s gives the same numbers for the same seed, whatever the threads', async (_, f) => {
    const { threads } = cpuInfo();
    const draw = async (seed: number, n: number) => {
      setThreads(n);
      setSeed(seed);
      return f(zeros([250, 301])).data();
    };
    try {
      const first = await draw(7, 1);
      expect(await draw(7, 2)).toEqual(first);
      expect(await draw(8, 2)).not.toEqual(first);
      setSeed(7);
      const [a, b] = [f(zeros([20, 30])), f(zeros([20, 30]))];
      expect(await a.data()).not.toEqual(await b.data());
    } finally {
      setThreads(threads);
    }
  });

  test('uniform and normal have the bounds and moments asked for', async () => {
    setSeed(1);
    const u = momentsOf(await init.uniform(zeros([100_000]), { a: -3, b: 5 }).data());
    expect(Math.abs(u.mean - 1)).toBeLessThan(0.03);
    expect(u.largest).toBeLessThanOrEqual(5);
    expect(Math.abs(u.std - 8 / Math.sqrt(12))).toBeLessThan(0.02);
    const z = momentsOf(await init.normal(zeros([100_000]), { mean: 2, std: 3 }).data());
    expect(Math.abs(z.mean - 2)).toBeLessThan(0.04);
    expect(Math.abs(z.std - 3)).toBeLessThan(0.03);
  });

  test('fill in place what they are given, and return it', async () => {
    const t = zeros([2, 3]);
    expect(init.constant(t, 0.5)).toBe(t);
    expect([...(await t.data())]).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
    expect([...(await init.ones(t).data())]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...(await init.zeros(t).data())]).toEqual([0, 0, 0, 0, 0, 0]);
    const layer = new nn.Linear(3, 2);
    const weight: nn.Parameter = init.xavierNormal(layer.weight);
    expect(weight).toBe(layer.weight);
    expect(weight.requiresGrad).toBe(true);
    layer
      .forward(randn([1, 3]))
      .sum()
      .backward();
    expect(weight.grad!.shape).toEqual([3, 2]);
  });

  test('of a whole model', async () => {
    const model = new nn.Sequential(
      new nn.Conv2d(3, 8, 3),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(32, 2),
    );
    model.apply((layer) => {
      if (layer instanceof nn.Linear || layer instanceof nn.Conv2d) {
        init.kaimingNormal(layer.weight, { nonlinearity: 'relu' });
        if (layer.bias) init.constant(layer.bias, 0.25);
      }
    });
    const state = model.stateDict();
    for (const name of ['0.bias', '3.bias']) {
      expect(new Set(await state.get(name)!.data())).toEqual(new Set([0.25]));
    }
    const { std } = momentsOf((await state.get('0.weight')!.data()) as Float32Array);
    expect(Math.abs(std / Math.sqrt(2 / 27) - 1)).toBeLessThan(0.25);
  });

  test('leave tensors without elements alone', async () => {
    for (const [, f] of drawn) expect([...(await f(zeros([0, 3])).data())]).toEqual([]);
    expect([...(await init.dirac(zeros([3, 3, 0, 4])).data())]).toEqual([]);
  });
});

describe('refused', () => {
  const t = zeros([2, 3]);
  const line = zeros([3]);
  test.each<[() => unknown, RegExp]>([
    [() => init.xavierUniform(line), /xavierUniform: tensor has shape \[3\], wants at least 2 axes/],
    [() => init.orthogonal(line), /orthogonal: tensor has shape \[3\], wants at least 2 axes/],
    [() => init.fans([3]), /fans: shape \[3\] has 1 axes, wants at least 2/],
    [() => init.xavierNormal(t, { gain: -1 }), /xavierNormal: gain is -1, wants a finite number from 0 on/],
    [() => init.xavierNormal(t, { gain: '1' as never }), /xavierNormal: gain is '1', wants a finite number/],
    [
      () => init.kaimingUniform(t, { mode: 'fan_in' as never }),
      /kaimingUniform: mode is 'fan_in', wants 'fanIn' or/,
    ],
    [
      () => init.kaimingUniform(t, { nonlinearity: 'gelu' as never }),
      /calculateGain: nonlinearity is 'gelu', wants/,
    ],
    [() => init.kaimingNormal(t, { a: NaN }), /kaimingNormal: a is NaN/],
    [() => init.calculateGain('leakyRelu', NaN), /calculateGain: slope is NaN/],
    [() => init.uniform(t, { a: 2 }), /uniform: b is 1, wants a finite number from 2 on/],
    [() => init.normal(t, { std: -1 }), /normal: std is -1, wants a finite number from 0 on/],
    [() => init.constant(t, NaN), /constant: value is NaN, wants a finite number/],
    [() => init.truncatedNormal(t, { std: 0 }), /truncatedNormal: std is 0, wants a number above 0/],
    [() => init.truncatedNormal(t, { a: 2 }), /truncatedNormal: a is 2 and b is 2, wants a below b/],
    [() => init.truncatedNormal(t, { mean: NaN }), /truncatedNormal: mean is NaN/],
    [
      () => init.truncatedNormal(t, { a: 50, b: 51 }),
      /truncatedNormal: between a, 50, and b, 51, lies no probability/,
    ],
    [() => init.orthogonal(t, { gain: Infinity }), /orthogonal: gain is Infinity, wants a finite number/],
    [() => init.identity(zeros([2, 2, 2])), /identity: tensor has shape \[2, 2, 2\], wants 2 axes/],
    [() => init.dirac(t), /dirac: tensor has shape \[2, 3\], wants 3, 4 or 5 axes/],
    [
      () => init.dirac(zeros([3, 3, 2, 4]), { groups: 3 }),
      /dirac: groups is 3, wants a divisor of the 4 outputs/,
    ],
    [() => init.zeros(i32([1], [1]) as never), /zeros: tensor is i32, wants f32/],
    [() => init.normal({} as never), /normal: tensor is an object, wants a tensor/],
  ])('%s', (call, message) => {
    expect(call).toThrow(message);
  });

  test('what has been disposed', () => {
    const gone = tensor([[1]]);
    gone.dispose();
    expect(() => init.ones(gone)).toThrow(/ones: tensor has been disposed/);
  });
});
