import { describe, expect, test } from 'vitest';
import { backward } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import {
  arange,
  cast,
  dropout,
  eye,
  full,
  nextStream,
  normal,
  oneHot,
  ones,
  onesLike,
  rand,
  randn,
  randperm,
  setSeed,
  tensor,
  uniform,
  zeros,
  zerosLike,
} from '../../lib/ops/creation.js';
import { mul } from '../../lib/ops/elementwise.js';
import { Tensor, type DType } from '../../lib/tensor.js';
import { expectGradients, expectSameBits, f32, i32, noise, noisy } from '../check.js';

/** The generator once more, from its definition, in whole numbers of any size. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const low = (x: bigint) => x & 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const [p, q] = [0xd2511f53n * a, 0xcd9e8d57n * c];
    [a, b, c, d] = [(q >> 32n) ^ b ^ k0, low(q), (p >> 32n) ^ d ^ k1, low(p)];
    [k0, k1] = [low(k0 + 0x9e3779b9n), low(k1 + 0xbb67ae85n)];
  }
  return [a, b, c, d].map(Number);
}

/** Words that the elements [0, n) of a stream come from. */
function words(n: number, seed: number, stream: number): Uint32Array {
  const two = (x: number) => [x % 2 ** 32, Math.floor(x / 2 ** 32)];
  const all = new Uint32Array(Math.ceil(n / 64) * 64);
  for (let group = 0; group < all.length / 64; group++) {
    for (let b = 0; b < 16; b++) {
      const block = philox([...two(group * 16 + b), ...two(stream)], two(seed));
      for (let w = 0; w < 4; w++) all[64 * group + 16 * w + b] = block[w]!;
    }
  }
  return all;
}

/** The largest distance between the distribution of a sample and the given one. */
function kolmogorov(sample: Float32Array, distribution: (x: number) => number): number {
  const sorted = Float32Array.from(sample).sort();
  return sorted.reduce((most, x, i) => {
    const expected = distribution(x);
    const here = Math.max(expected - i / sorted.length, (i + 1) / sorted.length - expected);
    return Math.max(most, here);
  }, 0);
}

/** The distance that one sample in a million exceeds. */
const critical = (n: number) => Math.sqrt(Math.log(2e6) / (2 * n));

/** Φ(x) by Simpson's rule. */
function normalDistribution(x: number): number {
  const steps = 200;
  const h = x / steps;
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(x);
  for (let i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * density(i * h);
  return 0.5 + (sum * h) / 3;
}

function moments(data: Float32Array): { mean: number; variance: number; skewness: number; kurtosis: number } {
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const central = (power: number) => data.reduce((sum, x) => sum + (x - mean) ** power, 0) / data.length;
  const variance = central(2);
  return { mean, variance, skewness: central(3) / variance ** 1.5, kurtosis: central(4) / variance ** 2 };
}

async function expectElements(x: Tensor<DType>, shape: readonly number[], elements: number[]): Promise<void> {
  expect(x.shape).toEqual(shape);
  expect([...(await x.data())]).toEqual(elements);
}

describe('tensor', () => {
  test('takes its shape from nested arrays', async () => {
    await expectElements(tensor(2.5), [], [2.5]);
    await expectElements(tensor([1, 2, 3]), [3], [1, 2, 3]);
    await expectElements(
      tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      [3, 2],
      [1, 2, 3, 4, 5, 6],
    );
    await expectElements(tensor([[[1]], [[2]]]), [2, 1, 1], [1, 2]);
    await expectElements(tensor([]), [0], []);
    await expectElements(tensor([[], []]), [2, 0], []);
    await expectElements(tensor([NaN, Infinity, -0]), [3], [NaN, Infinity, -0]);
  });

  test('takes its dtype from typed arrays', async () => {
    const cases = [
      [tensor(new Float32Array([1.5, 2])), 'f32'],
      [tensor(new Int32Array([-1, 2])), 'i32'],
      [tensor(new Uint8Array([1, 255])), 'u8'],
      [tensor(new Uint8ClampedArray([1, 255])), 'u8'],
      [tensor(new Float64Array([1.5, 2])), 'f32'],
      [tensor(new Int16Array([-3, 2])), 'f32'],
      [tensor([new Uint8Array([1, 2]), new Uint8Array([3, 4])]), 'f32'],
    ] as const;
    for (const [x, dtype] of cases) {
      expect(x.dtype).toBe(dtype);
      expect(native.dtype(x.handle)).toBe(dtype);
    }
    await expectElements(cases[6][0], [2, 2], [1, 2, 3, 4]);
  });

  test('takes shape and dtype where they are given', async () => {
    await expectElements(tensor([1, 2, 3, 4], [2, 2]), [2, 2], [1, 2, 3, 4]);
    await expectElements(tensor(new Int32Array(6), [3, 2]), [3, 2], [0, 0, 0, 0, 0, 0]);
    await expectElements(tensor(7, [1, 1]), [1, 1], [7]);
    const bytes = tensor([[1, 2]], 'u8');
    expect(bytes.dtype).toBe('u8');
    await expectElements(bytes, [1, 2], [1, 2]);
    await expectElements(tensor([0, -5], undefined, 'i32'), [2], [0, -5]);
    await expectElements(tensor(new Uint8Array([3, 4]), 'f32'), [2], [3, 4]);
  });

  test('takes part of a buffer, and copies it', async () => {
    const buffer = Float32Array.of(0, 1, 2, 3);
    const x = tensor(buffer.subarray(1, 3));
    buffer.fill(9);
    await expectElements(x, [2], [1, 2]);
    await expectElements(tensor(new Uint8ClampedArray([5, 6, 7]).subarray(1)), [2], [6, 7]);
  });

  test.each([
    [[[1, 2], [3]], RangeError, 'tensor: data[1] has 1 elements, wants 2 as those before it: data is ragged'],
    [[[1], 2], TypeError, 'tensor: data[1] is 2, wants an array of 1 elements'],
    [[1, [2]], TypeError, 'tensor: data[1] is an array, wants a number'],
    [
      [
        [[1], [2]],
        [[3], ['4']],
      ],
      TypeError,
      "tensor: data[1][1][0] is '4', wants a number",
    ],
    [[1, null], TypeError, 'tensor: data[1] is null, wants a number'],
    [[1, undefined], TypeError, 'tensor: data[1] is undefined, wants a number'],
    [undefined, TypeError, 'tensor: data is undefined, wants a number'],
    [{ length: 1 }, TypeError, 'tensor: data is a value of type object, wants a number'],
    [new BigInt64Array(2), TypeError, 'tensor: data[0] is a value of type bigint, wants a number'],
    [[[[[[[[[[1]]]]]]]]], RangeError, 'tensor: data is nested deeper than the 8 axes of a tensor'],
  ])('refuses data %#', (data, error, message) => {
    expect(() => tensor(data as number[])).toThrow(new error(message));
  });

  test('refuses what a dtype cannot hold, and other shapes', () => {
    expect(() => tensor([1, 1.5], 'i32')).toThrow(
      new RangeError(
        'tensor: data[1] is 1.5, wants a whole number from -2147483648 to 2147483647 for dtype i32',
      ),
    );
    expect(() => tensor([256], 'u8')).toThrow(RangeError);
    expect(() => tensor(Float32Array.of(NaN), 'i32')).toThrow(RangeError);
    expect(() => tensor([1], 'f64' as 'f32')).toThrow(
      new RangeError("tensor: dtype is 'f64', wants 'f32', 'i32' or 'u8'"),
    );
    expect(() => tensor([1], 'toString' as 'f32')).toThrow(RangeError);
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow(
      new RangeError('tensor: data has 3 elements, shape [2, 2] wants 4'),
    );
  });
});

describe('full and its kind', () => {
  test('fill any shape and dtype', async () => {
    await expectElements(full([2, 3], 1.5), [2, 3], [1.5, 1.5, 1.5, 1.5, 1.5, 1.5]);
    await expectElements(full([], NaN), [], [NaN]);
    await expectElements(full([3], 1e300), [3], [Infinity, Infinity, Infinity]);
    await expectElements(full([2], -7, 'i32'), [2], [-7, -7]);
    await expectElements(full([5], 255, 'u8'), [5], [255, 255, 255, 255, 255]);
    await expectElements(zeros([0, 4]), [0, 4], []);
    await expectElements(ones([3], 'u8'), [3], [1, 1, 1]);
    const large = await full([3, 70_001], -3, 'i32').data();
    expect(large.every((x) => x === -3)).toBe(true);
    const x = i32([4, 5], [2]);
    await expectElements(zerosLike(x), [2], [0, 0]);
    await expectElements(onesLike(x), [2], [1, 1]);
    expect(onesLike(x).dtype).toBe('i32');
  });

  test.each([
    [
      [2],
      0.5,
      'i32',
      'full: value is 0.5, wants a whole number from -2147483648 to 2147483647 for dtype i32',
    ],
    [[2], NaN, 'u8', 'full: value is NaN, wants a whole number from 0 to 255 for dtype u8'],
    [[2], -1, 'u8', 'full: value is -1, wants a whole number from 0 to 255 for dtype u8'],
    [[-1], 0, 'f32', 'full: shape [-1] has a negative size'],
    [[1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 'f32', 'full: shape has 9 axes, wants at most 8'],
    [[2 ** 30, 2 ** 30], 0, 'u8', 'full: shape [1073741824, 1073741824] has more than 2^48 elements'],
    [[1], 0, 'f16', "full: dtype is 'f16', wants 'f32', 'i32' or 'u8'"],
  ] as const)('refuse %j %d %s', (shape, value, dtype, message) => {
    expect(() => full(shape, value, dtype as DType)).toThrow(new RangeError(message));
  });

  test('refuse what is no shape and no number', () => {
    expect(() => full(3 as never, 0)).toThrow(TypeError);
    expect(() => full([1.5], 0)).toThrow(RangeError);
    expect(() => full([2], '1' as never)).toThrow(TypeError);
  });
});

describe('arange, eye, oneHot', () => {
  test('arange', async () => {
    await expectElements(arange(4), [4], [0, 1, 2, 3]);
    await expectElements(arange(2, 9, 3), [3], [2, 5, 8]);
    await expectElements(arange(5, 0, -2, 'i32'), [3], [5, 3, 1]);
    await expectElements(arange(250, 256, 1, 'u8'), [6], [250, 251, 252, 253, 254, 255]);
    await expectElements(arange(3, 3), [0], []);
    await expectElements(arange(3, 1), [0], []);
    const fractions = await arange(-1, 1, 1 / 70_000).data();
    expect(fractions).toEqual(Float32Array.from({ length: 140_000 }, (_, i) => -1 + i * (1 / 70_000)));
  });

  test('arange refuses', () => {
    expect(() => arange(0, 1, 0)).toThrow(new RangeError('arange: step is 0, wants another number'));
    expect(() => arange(0, Infinity)).toThrow(
      new RangeError('arange: end is Infinity, wants a finite number'),
    );
    expect(() => arange(0, 1, 0.5, 'i32')).toThrow(
      new RangeError('arange: step is 0.5, wants a whole number'),
    );
    expect(() => arange(0, 257, 1, 'u8')).toThrow(RangeError);
    expect(() => arange(0, 1, 1e-30)).toThrow(RangeError);
    expect(() => arange('3' as never)).toThrow(TypeError);
  });

  test('eye and oneHot', async () => {
    await expectElements(eye(3), [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    await expectElements(eye(0), [0, 0], []);
    await expectElements(
      oneHot(i32([2, 0, 1, 1], [2, 2]), 3),
      [2, 2, 3],
      [0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0],
    );
    await expectElements(oneHot(i32([1], []), 2), [2], [0, 1]);
    await expectElements(oneHot(i32([], [0]), 5), [0, 5], []);
    await expectElements(oneHot(i32([], [0]), 0), [0, 0], []);
  });

  test('oneHot refuses', async () => {
    await expect(oneHot(i32([0, 3], [2]), 3).data()).rejects.toThrow(
      'oneHot: index 3 at place 1 is not in [0, 3)',
    );
    await expect(oneHot(i32([-1], [1]), 3).data()).rejects.toThrow('index -1 at place 0');
    await expect(oneHot(i32([0], [1]), 0).data()).rejects.toThrow('index 0 at place 0 is not in [0, 0)');
    expect(() => oneHot(f32([0], [1]) as never, 3)).toThrow(TypeError);
    expect(() => oneHot(i32([0], [1]), -1)).toThrow(RangeError);
    expect(() => oneHot(i32([0], [1, 1, 1, 1, 1, 1, 1, 1]), 2)).toThrow(RangeError);
  });
});

describe('cast', () => {
  const reals = [0, -0, 0.9, -0.9, 2.5, -2.5, 300, -300, 2147483520, 2147483648, -2147483648, 3e9, -3e9];
  const wild = [NaN, Infinity, -Infinity, 1e-40, 255.9, 256, 0.99999994];
  const all = [...reals, ...wild];
  const clamp = (x: number, least: number, most: number) =>
    Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(Math.fround(x)), least), most) + 0;

  test.each([1, 7, 40])('from f32, %i times over', async (times) => {
    const values = Array.from({ length: times }, () => all).flat();
    const x = f32(values, [values.length]);
    await expectElements(
      cast(x, 'i32'),
      [values.length],
      values.map((v) => clamp(v, -(2 ** 31), 2 ** 31 - 1)),
    );
    await expectElements(
      cast(x, 'u8'),
      [values.length],
      values.map((v) => clamp(v, 0, 255)),
    );
  });

  test('from i32 and u8', async () => {
    const whole = [0, 1, -1, 255, 256, 2147483647, -2147483648, 16777217];
    const x = i32(whole, [2, 4]);
    await expectElements(cast(x, 'f32'), [2, 4], whole.map(Math.fround));
    await expectElements(cast(x, 'u8'), [2, 4], [0, 1, 0, 255, 255, 255, 0, 255]);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await expectElements(cast(tensor(bytes), 'f32'), [256], [...bytes]);
    await expectElements(cast(tensor(bytes), 'i32'), [256], [...bytes]);
    await expectElements(cast(f32([], [0, 2]), 'u8'), [0, 2], []);
    await expectElements(f32([7.7], []).cast('i32'), [], [7]);
  });

  test('of the same dtype shares the storage, and carries the gradient', async () => {
    const x = noisy([5]);
    const y = cast(x, 'f32');
    expect(y.versions).toBe(x.versions);
    expect(y.handle).not.toBe(x.handle);
    x.assign(full([5], 2));
    await expectElements(y, [5], [2, 2, 2, 2, 2]);
    await expectGradients((u) => mul(cast(u, 'f32'), u), [noisy([7])]);
    expect(cast(noisy([2]), 'i32').requiresGrad).toBe(false);
  });

  test('refuses', () => {
    expect(() => cast(noisy([2]), 'i64' as 'i32')).toThrow(RangeError);
    expect(() => cast(5 as never, 'f32')).toThrow(TypeError);
  });
});

describe('the generator', () => {
  test('gives its published answers', () => {
    // Random123, kat_vectors: philox4x32 with 10 rounds.
    expect(native.philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const f = 0xffffffff;
    expect(native.philox([f, f, f, f], [f, f])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
    expect(native.philox(pi, [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
    expect(philox(pi, [0xa4093822, 0x299f31d0])[3]).toBe(0x24126ea1);
  });

  test('refuses other counters and keys', () => {
    expect(() => native.philox([0, 0, 0], [0, 0])).toThrow(RangeError);
    expect(() => native.philox([0, 0, 0, 2 ** 32], [0, 0])).toThrow(RangeError);
    expect(() => native.philox([0, 0, 0, 0], [0, -1])).toThrow(RangeError);
  });

  const seeds: [number, number][] = [
    [0, 0],
    [1, 2],
    [2 ** 53 - 1, 2 ** 53 - 1],
    [0x123456789abc, 77],
  ];

  test.each(seeds)('carries its words to the elements: seed %d, stream %d', async (seed, stream) => {
    const n = 500;
    const drawn = words(n, seed, stream);
    const u = new Tensor(native.uniform([n], 0, 1, seed, stream), 'f32');
    expect(await u.data()).toEqual(Float32Array.from({ length: n }, (_, i) => (drawn[i]! >>> 8) / 2 ** 24));

    const x = noise(n, 3);
    const p = 0.3;
    const kept = new Tensor(native.dropout(f32(x, [n]).handle, p, true, true, seed, stream), 'f32');
    const scale = Math.fround(2 ** 32 / (2 ** 32 - Math.round(p * 2 ** 32)));
    expect(await kept.data()).toEqual(x.map((v, i) => (drawn[i]! < Math.round(p * 2 ** 32) ? 0 : scale * v)));

    const order: number[] = [];
    for (let i = 0; i < 200; i++) {
      const at = 64 * Math.floor(i / 32) + (i % 32);
      const fraction = (BigInt(drawn[at]!) << 32n) | BigInt(drawn[at + 32]!);
      const place = Number((fraction * BigInt(i + 1)) >> 64n);
      order[i] = order[place] ?? i;
      order[place] = i;
    }
    const shuffled = new Tensor(native.permutation(200, seed, stream), 'i32');
    expect([...(await shuffled.data())]).toEqual(order);
  });

  test.each(seeds)('makes normal numbers of pairs of words: seed %d, stream %d', async (seed, stream) => {
    const n = 1000;
    const drawn = words(n, seed, stream);
    const z = await new Tensor(native.normal([n], 0, 1, seed, stream), 'f32').data();
    z.forEach((given, i) => {
      const first = i - (i % 32) + (i % 16);
      const radius = Math.sqrt(-2 * Math.log(((drawn[first]! >>> 1) + 0.5) / 2 ** 31));
      const angle = (2 * Math.PI * drawn[first + 16]!) / 2 ** 32;
      const expected = radius * (i % 32 < 16 ? Math.cos(angle) : Math.sin(angle));
      // Rounding u to a float moves radii near 0 by up to 2⁻²⁴/r.
      expect(Math.abs(given - expected)).toBeLessThan(1e-6 + 2 ** -24 / Math.max(radius, 1e-3));
    });
  });
});

describe('uniform', () => {
  test('looks uniform', async () => {
    setSeed(11);
    const n = 200_003;
    const data = await rand([n]).data();
    expect(kolmogorov(data, (x) => x)).toBeLessThan(critical(n));
    const { mean, variance, kurtosis } = moments(data);
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(1e-3);
    expect(Math.abs(kurtosis - 1.8)).toBeLessThan(0.02);
    for (const lag of [1, 16, 64]) {
      const products = data.subarray(lag).map((x, i) => (x - 0.5) * (data[i]! - 0.5));
      expect(Math.abs(moments(products).mean) * 12).toBeLessThan(5 / Math.sqrt(n));
    }
  });

  test.each([
    [0, 1],
    [-3, -1],
    [0.1, 0.3],
    [0.7, 0.7000001],
    [1, 1 + 2 ** -22],
    [-1e38, 1e38],
    [1e-45, 3e-45],
    [16777216, 16777219],
  ])('lies in [%d, %d)', async (low, high) => {
    const data = await uniform([50_001], low, high).data();
    expect(data.every((x) => x >= low && x < high)).toBe(true);
    const scaled = moments(data.map((x) => (x - low) / (high - low)));
    if (high - low > 1e-3 * Math.abs(high) && high > 1e-30)
      expect(Math.abs(scaled.mean - 0.5)).toBeLessThan(0.01);
  });

  test('takes equal bounds, empty shapes and scalars', async () => {
    await expectElements(uniform([3], 2, 2), [3], [2, 2, 2]);
    await expectElements(uniform([0, 3]), [0, 3], []);
    expect(uniform([]).shape).toEqual([]);
  });

  test('refuses', () => {
    expect(() => uniform([2], 1, 0)).toThrow(
      new RangeError('uniform: low is 1 and high is 0, wants low below high'),
    );
    expect(() => uniform([2], NaN, 1)).toThrow(RangeError);
    expect(() => uniform([2], 0, Infinity)).toThrow(RangeError);
    expect(() => uniform([2], -3e38, 3e38)).toThrow(RangeError);
    expect(() => uniform([-2])).toThrow(RangeError);
    expect(() => uniform([2], '0' as never)).toThrow(TypeError);
  });
});

describe('normal', () => {
  test('looks normal', async () => {
    setSeed(12);
    const n = 200_003;
    const data = await randn([n]).data();
    expect(kolmogorov(data, normalDistribution)).toBeLessThan(critical(n));
    const { mean, variance, skewness, kurtosis } = moments(data);
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(skewness)).toBeLessThan(5 * Math.sqrt(6 / n));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / n));
    expect(data.some((x) => Math.abs(x) > 4)).toBe(true);
  });

  test('has the given mean and deviation', async () => {
    setSeed(13);
    const z = await randn([1001]).data();
    setSeed(13);
    const shifted = await normal([1001], -2, 0.5).data();
    expect(shifted).toEqual(z.map((x) => Math.fround(-2 + Math.fround(0.5 * x))));
    await expectElements(normal([2], 3, 0), [2], [3, 3]);
    await expectElements(normal([2, 0]), [2, 0], []);
    expect(normal([]).shape).toEqual([]);
  });

  test('refuses', () => {
    expect(() => normal([2], 0, -1)).toThrow(new RangeError('normal: deviation is -1, wants at least 0'));
    expect(() => normal([2], Infinity)).toThrow(RangeError);
    expect(() => normal([2], 0, NaN)).toThrow(RangeError);
  });
});

describe('randperm', () => {
  test('holds every number once', async () => {
    for (const n of [0, 1, 2, 33, 64, 10_007]) {
      const data = await randperm(n).data();
      expect([...data].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }
  });

  test('gives every order alike', () => {
    setSeed(14);
    const counts = new Map<string, number>();
    const rounds = 12_000;
    for (let i = 0; i < rounds; i++) {
      using order = randperm(4);
      const name = order.dataSync().join('');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const expected = rounds / 24;
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(63); // exceeded once in 100 000 times with 23 degrees of freedom
  });

  test('refuses', () => {
    expect(() => randperm(-1)).toThrow(RangeError);
    expect(() => randperm(2.5)).toThrow(RangeError);
    expect(() => randperm(2 ** 31)).toThrow(RangeError);
  });
});

describe('setSeed', () => {
  test('makes the same numbers come again, each operation other ones', async () => {
    const draw = () => {
      setSeed(2 ** 53 - 1);
      return [rand([333]), rand([333]), randn([70_001]), randperm(99), dropout(noisy([333]), 0.5)];
    };
    await expectSameBits(draw);
    const [first, second] = draw();
    expect(await first!.data()).not.toEqual(await second!.data());
    setSeed(1);
    expect(await rand([333]).data()).not.toEqual(await first!.data());
  });

  test('does not depend on the shape, but for the place', async () => {
    setSeed(5);
    const long = await randn([100_003]).data();
    setSeed(5);
    const short = await randn([7, 11]).data();
    expect(short).toEqual(long.subarray(0, 77));
  });

  test('starts the streams anew', () => {
    setSeed(9);
    expect(nextStream()).toEqual([9, 0]);
    expect(nextStream()).toEqual([9, 1]);
    setSeed(0);
    expect(nextStream()).toEqual([0, 0]);
  });

  test('refuses', () => {
    for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) expect(() => setSeed(seed)).toThrow(RangeError);
    expect(() => setSeed('1' as never)).toThrow(
      new TypeError("setSeed: seed is '1', wants a whole number from 0 to 2^53 - 1"),
    );
  });
});

describe('dropout', () => {
  test.each([0.1, 0.5, 0.93])('drops %d and keeps the mean', async (p) => {
    setSeed(21);
    const n = 100_003;
    const data = await dropout(ones([n]), p).data();
    const dropped = data.filter((x) => x === 0).length / n;
    expect(Math.abs(dropped - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
    const kept = data.filter((x) => x !== 0);
    expect(kept.every((x) => Math.abs(x - 1 / (1 - p)) < 1e-5)).toBe(true);
  });

  test('drops what is no number', async () => {
    const data = await dropout(full([1000], NaN), 0.5).data();
    expect(data.some((x) => x === 0) && data.every((x) => x === 0 || Number.isNaN(x))).toBe(true);
  });

  test('of 1 gives zeros, of 0 and outside training x itself', async () => {
    const x = noisy([3, 67]);
    const elements = [...(await x.data())];
    await expectElements(
      dropout(x, 1),
      [3, 67],
      elements.map(() => 0),
    );
    setSeed(1);
    for (const same of [dropout(x, 0), dropout(x, 0.5, false)]) {
      expect(same).not.toBe(x);
      expect(same.versions).toBe(x.versions);
      await expectElements(same, [3, 67], elements);
    }
    expect(nextStream()).toEqual([1, 0]);
    expect(dropout(f32([], [0, 3])).shape).toEqual([0, 3]);
    expect(dropout(f32([1], [])).shape).toEqual([]);
  });

  test.each([0, 0.3, 1])('carries the gradient where it kept, p = %d', async (p) => {
    await expectGradients(
      (x) => {
        setSeed(31);
        return dropout(x, p);
      },
      [noisy([5, 41])],
    );
    await expectGradients((x) => dropout(x, p, false), [noisy([5, 41])]);
  });

  test('draws the same mask in backward', async () => {
    const x = noisy([70_001]);
    x.requiresGrad = true;
    const y = dropout(x, 0.4);
    rand([5]); // another draw in between changes nothing
    backward(y, ones([70_001]));
    const [input, output, gradient] = [await x.data(), await y.data(), await x.grad!.data()];
    expect(output.every((y, i) => y === Math.fround(input[i]! * gradient[i]!))).toBe(true);
  });

  test('refuses', () => {
    const x = noisy([2]);
    expect(() => dropout(x, -0.1)).toThrow(RangeError);
    expect(() => dropout(x, 1.5)).toThrow(
      new RangeError('dropout: probability is 1.5, wants a number from 0 to 1'),
    );
    expect(() => dropout(x, 2, false)).toThrow(RangeError);
    expect(() => dropout(x, NaN)).toThrow(RangeError);
    expect(() => dropout(i32([1], [1]) as never, 0.5)).toThrow(TypeError);
    expect(() => dropout(x, 0.5, 1 as never)).toThrow(TypeError);
    expect(() => native.dropout(x.handle, 0.5, true, true, -1, 0)).toThrow(RangeError);
    expect(() => native.dropout(x.handle, 0.5, true, true, 0, 2 ** 53)).toThrow(RangeError);
  });
});
