import { describe, expect, test } from 'vitest';
import type { Handle } from '../../binding.js';
import { native } from '../../lib/native.js';
import * as ops from '../../lib/ops/index.js';
import { synchronize, Tensor, type Shape } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Sizes around whole vectors of every width, and beyond one piece of work. */
const sizes = [0, 1, 3, 4, 7, 8, 15, 16, 17, 33, 70_001];

/** Away from the places where a function is steep, undefined or has a kink. */
const awayFromZero = (v: number) => (Math.abs(v) < 0.2 ? v + Math.sign(v || 1) * 0.3 : v);
const awayFromWhole = (v: number) => Math.floor(5 * v) + 0.5 + 0.4 * v;
const awayFromHalf = (v: number) => awayFromWhole(v) + 0.5;
const aboveZero = (v: number) => Math.abs(v) + 0.3;
const anywhere = (v: number) => 3 * v;

const unary: [string, (x: Tensor) => Tensor, (x: number) => number, (v: number) => number][] = [
  ['neg', ops.neg, (x) => -x, anywhere],
  ['exp', ops.exp, Math.exp, anywhere],
  ['log', ops.log, Math.log, aboveZero],
  ['sqrt', ops.sqrt, Math.sqrt, aboveZero],
  ['abs', ops.abs, Math.abs, awayFromZero],
  ['sign', ops.sign, Math.sign, awayFromZero],
  ['square', ops.square, (x) => x * x, anywhere],
  ['reciprocal', ops.reciprocal, (x) => 1 / x, awayFromZero],
  ['floor', ops.floor, Math.floor, awayFromWhole],
  ['ceil', ops.ceil, Math.ceil, awayFromWhole],
  ['round', ops.round, Math.round, awayFromHalf],
  ['relu', ops.relu, (x) => Math.max(0, x), awayFromZero],
  ['sigmoid', ops.sigmoid, (x) => 1 / (1 + Math.exp(-x)), anywhere],
  ['tanh', ops.tanh, Math.tanh, anywhere],
];

describe.each(unary)('%s', (_, f, definition, domain) => {
  test.each(sizes)('agrees with the definition for %i elements', async (n) => {
    const x = noise(n, 1).map(domain);
    await expectClose(f(f32(x, [n])), Float64Array.from(x, definition), 1e-6);
  });

  test('has the derivative', async () => {
    await expectGradients(f, [f32(noise(35, 2).map(domain), [5, 7])]);
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [f(f32(noise(70_001, 3).map(domain), [70_001]))]);
  });
});

const same = (u: Float32Array, v: ArrayLike<number>) =>
  u.forEach((value, i) =>
    expect(Object.is(value, Math.fround(v[i]!)), `${value} at ${i}, wants ${v[i]!}`).toBe(true),
  );

test('what is written past the caches is the same, whatever the rows', async () => {
  const check = async (y: Tensor, expected: (i: number) => number) => {
    const data = await y.data();
    let wrong = 0;
    for (let i = 0; i < data.length; i++) if (data[i] !== Math.fround(expected(i))) wrong++;
    expect(wrong).toBe(0);
  };
  const long = (length: number, seed: number) => {
    const [all, period] = [new Float32Array(length), noise(65_521, seed)];
    for (let i = 0; i < length; i += period.length) all.set(period.subarray(0, length - i), i);
    return all;
  };
  const n = 2 ** 23 + 1041;
  const [u, v] = [long(n, 1), long(n, 2)];
  const [a, b] = [f32(u, [n]), f32(v, [n])];
  await check(ops.relu(a), (i) => Math.max(0, u[i]!));
  await check(ops.add(a, b), (i) => u[i]! + v[i]!);
  await check(ops.mul(a, 2), (i) => u[i]! * 2);
  for (const columns of [20, 64, 257]) {
    const rows = Math.ceil(2 ** 23 / columns);
    const values = long(rows * columns, 3);
    const x = f32(values, [rows, columns]);
    const [row, column] = [noise(columns, 4), noise(rows, 5)];
    await check(ops.add(x, f32(row, [columns])), (i) => values[i]! + row[i % columns]!);
    await check(ops.sub(f32(column, [rows, 1]), x), (i) => column[Math.floor(i / columns)]! - values[i]!);
  }
});

test('functions at the edges of f32', async () => {
  const x = f32([0, -0, Infinity, -Infinity, NaN], [5]);
  same(
    await ops.relu(x).data(),
    [0, -0, Infinity, 0, NaN].map((v) => (Object.is(v, -0) ? Math.max(0, v) || v : v)),
  );
  same(await ops.abs(x).data(), [0, 0, Infinity, Infinity, NaN]);
  same(await ops.exp(x).data(), [1, 1, Infinity, 0, NaN]);
  same(await ops.sigmoid(x).data(), [0.5, 0.5, 1, 0, NaN]);
  const far = await ops.exp(f32([88.7, 89, -87.5, -103, -104, -110], [6])).data();
  [88.7, 89, -87.5, -103, -104, -110].forEach((v, i) => {
    const wanted = Math.fround(Math.exp(Math.fround(v)));
    // Subnormal results have few digits.
    expect(
      Math.abs(far[i]! - wanted) <= Math.max(1e-6 * wanted, 3e-45) || far[i] === wanted,
      `exp ${v}`,
    ).toBe(true);
  });
});

test('floor, ceil and round at halves, far out, and of what is no number', async () => {
  const x = [0.5, 1.5, 2.5, -0.5, -1.5, 2 ** 23 + 1, -(2 ** 24) - 2, 8388607.5, 3e38, -0, Infinity, -Infinity, NaN]; // prettier-ignore
  const even = [0, 2, 2, -0, -2, 2 ** 23 + 1, -(2 ** 24) - 2, 8388608, 3e38, -0, Infinity, -Infinity, NaN];
  same(await ops.floor(f32(x, [x.length])).data(), x.map(Math.floor));
  same(await ops.ceil(f32(x, [x.length])).data(), x.map(Math.ceil));
  same(await ops.round(f32(x, [x.length])).data(), even);
});

test('exp is right to about one unit in the last place everywhere', async () => {
  const x = Float32Array.from({ length: 40_000 }, (_, i) => -87 + (i * 175) / 40_000);
  const y = await ops.exp(f32(x, [x.length])).data();
  const worst = y.reduce((most, v, i) => Math.max(most, Math.abs(v / Math.exp(x[i]!) - 1)), 0);
  expect(worst).toBeLessThan(2.5e-7);
});

const shapes: [Shape, Shape, Shape][] = [
  [[], [], []],
  [[17], [17], [17]],
  [[70_001], [], [70_001]],
  [[], [33], [33]],
  [[5, 7], [7], [5, 7]],
  [
    [5, 1],
    [1, 7],
    [5, 7],
  ],
  [
    [3, 1, 5, 7],
    [4, 1, 7],
    [3, 4, 5, 7],
  ],
  [
    [2, 3, 4],
    [2, 1, 1],
    [2, 3, 4],
  ],
  [
    [2, 1, 3, 1, 2],
    [4, 1, 5, 1],
    [2, 4, 3, 5, 2],
  ],
  [[9001, 6], [6], [9001, 6]],
  [
    [3, 0],
    [3, 1],
    [3, 0],
  ],
];

/** The value of a tensor of `shape` that broadcasting puts at flat index `at` of `out`. */
function broadcastValue(data: ArrayLike<number>, shape: Shape, out: Shape, at: number): number {
  let index = 0;
  let step = 1;
  let rest = at;
  for (let axis = out.length - 1; axis >= 0; axis--) {
    const place = rest % out[axis]!;
    rest = Math.floor(rest / out[axis]!);
    const extent = shape[axis - (out.length - shape.length)];
    if (extent === undefined) continue;
    if (extent !== 1) index += place * step;
    step *= extent;
  }
  return data[index]!;
}

const binary: [
  string,
  (a: Tensor, b: Tensor) => Tensor,
  (a: number, b: number) => number,
  (v: number) => number,
][] = [
  ['add', ops.add, (a, b) => a + b, anywhere],
  ['sub', ops.sub, (a, b) => a - b, anywhere],
  ['mul', ops.mul, (a, b) => a * b, anywhere],
  ['div', ops.div, (a, b) => a / b, awayFromZero],
  ['pow', ops.pow, (a, b) => a ** b, aboveZero],
  ['maximum', ops.maximum, Math.max, anywhere],
  ['minimum', ops.minimum, Math.min, anywhere],
];

describe.each(binary)('%s', (_, f, definition, domain) => {
  test.each(shapes)('%j with %j', async (a, b, out) => {
    const u = noise(volume(a), 1).map(domain);
    const v = noise(volume(b), 2).map(domain);
    const y = f(f32(u, a), f32(v, b));
    expect(y.shape).toEqual(out);
    const expected = Float64Array.from({ length: volume(out) }, (_, i) =>
      definition(broadcastValue(u, a, out, i), broadcastValue(v, b, out, i)),
    );
    await expectClose(y, expected, 1e-6);
  });

  test('has the derivative, summed over what was broadcast', async () => {
    const at = (shape: Shape, seed: number) => f32(noise(volume(shape), seed).map(domain), shape);
    for (const [a, b] of [
      [
        [4, 5],
        [4, 5],
      ],
      [
        [3, 1, 2],
        [4, 1],
      ],
      [[], [6]],
      [[2, 3], []],
    ] as [Shape, Shape][]) {
      await expectGradients(f, [at(a, 3), at(b, 4)], { step: 3e-3, tolerance: 5e-3 });
    }
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    await expectSameBits(() => [
      f(f32(noise(90_000, 5).map(domain), [300, 300]), f32(noise(300, 6).map(domain), [300])),
    ]);
  });
});

test('i32 arithmetic wraps as typed arrays do', async () => {
  const a = [2 ** 31 - 1, -(2 ** 31), 7, -5, 65536];
  const b = [1, -1, -3, 4, 65537];
  const [u, v] = [i32(a, [5]), i32(b, [5])];
  const wrapped = (f: (x: number, y: number) => number) => [...Int32Array.from(a, (x, i) => f(x, b[i]!))];
  expect([...(await u.add(v).data())]).toEqual(wrapped((x, y) => (x + y) | 0));
  expect([...(await u.sub(v).data())]).toEqual(wrapped((x, y) => (x - y) | 0));
  expect([...(await u.mul(v).data())]).toEqual(wrapped(Math.imul));
  expect([...(await u.maximum(v).data())]).toEqual(wrapped(Math.max));
  expect([...(await u.minimum(v).data())]).toEqual(wrapped(Math.min));
  expect([...(await u.add(1).data())]).toEqual(wrapped((x) => (x + 1) | 0));
});

test('numbers stand for scalars on either side', async () => {
  const x = f32([1, 2, 4], [3]);
  await expectClose(ops.sub(1, x), [0, -1, -3], 0);
  await expectClose(x.sub(1), [0, 1, 3], 0);
  await expectClose(ops.div(8, x), [8, 4, 2], 0);
  await expectClose(x.pow(2), [1, 4, 16], 0);
  await expectGradients((t) => ops.div(8, t).add(3).mul(t), [f32([1, 2, 4], [3])], { step: 1e-3 });
});

test('maximum and minimum give what is no number wherever one is, and equal ones share the gradient', async () => {
  const a = f32([NaN, 1, NaN, 2], [4]);
  const b = f32([1, NaN, NaN, 2], [4]);
  same(await ops.maximum(a, b).data(), [NaN, NaN, NaN, 2]);
  same(await ops.minimum(a, b).data(), [NaN, NaN, NaN, 2]);
  const [u, v] = [f32([1, 2, 3], [3]), f32([3, 2, 1], [3])];
  u.requiresGrad = v.requiresGrad = true;
  ops.maximum(u, v).backward(f32([10, 10, 10], [3]));
  await expectClose(u.grad!, [0, 5, 10], 0);
  await expectClose(v.grad!, [10, 5, 0], 0);
});

test('the gradient of a power at base 0', async () => {
  const [a, b] = [f32([0, 0, 2], [3]), f32([2, 3, 3], [3])];
  a.requiresGrad = b.requiresGrad = true;
  ops.pow(a, b).backward(f32([1, 1, 1], [3]));
  await expectClose(a.grad!, [0, 0, 12], 1e-6);
  await expectClose(b.grad!, [0, 0, 8 * Math.LN2], 1e-6);
});

describe('comparisons', () => {
  const [a, b] = [
    [1, 2, 2, NaN, -0, 5],
    [2, 2, 1, NaN, 0, -5],
  ] as const;
  const cases: [string, (x: Tensor, y: Tensor) => Tensor<'u8'>, (x: number, y: number) => boolean][] = [
    ['equal', ops.equal, (x, y) => x === y],
    ['notEqual', ops.notEqual, (x, y) => x !== y],
    ['less', ops.less, (x, y) => x < y],
    ['lessEqual', ops.lessEqual, (x, y) => x <= y],
    ['greater', ops.greater, (x, y) => x > y],
    ['greaterEqual', ops.greaterEqual, (x, y) => x >= y],
  ];
  test.each(cases)('%s', async (_, f, holds) => {
    const expected = a.map((x, i) => Number(holds(x, b[i]!)));
    expect([...(await f(f32(a, [6]), f32(b, [6])).data())]).toEqual(expected);
    const whole = (values: readonly number[]) =>
      i32(
        values.filter((_, i) => i !== 3),
        [5],
      );
    expect([...(await f(whole(a) as never, whole(b) as never).data())]).toEqual(
      expected.filter((_, i) => i !== 3),
    );
    const row = [...(await f(f32([1, 2, 3], [3, 1]), f32([2], [1])).data())];
    expect(row).toEqual([1, 2, 3].map((x) => Number(holds(x, 2))));
    expect(f(noisy([2]), noisy([2])).dtype).toBe('u8');
  });
});

test('quotients cut off towards 0, of whole numbers and of others', async () => {
  const [a, b] = [[7, -7, 7, -7, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31), 5, 0], [2, 2, -2, -2, 3, -1, 10, 0, 4]] as const; // prettier-ignore
  const y = ops.div(i32(a, [9]), i32(b, [9]), { roundingMode: 'trunc' });
  expect(y.dtype).toBe('i32');
  expect([...(await y.data())]).toEqual([3, -3, -3, 3, 715827882, -(2 ** 31), -214748364, 0, 0]);
  const row = i32([9, 10, -11], [3, 1]).div(i32([4, 5], [2]), { roundingMode: 'trunc' });
  expect([...(await row.data())]).toEqual([2, 1, 2, 2, -2, -2]);
  expect([...(await ops.div(i32([9], [1]), 4, { roundingMode: 'trunc' }).data())]).toEqual([2]);
  same(await ops.div(f32([7.5, -7.5, 1, NaN], [4]), f32([2, 2, 0, 1], [4]), { roundingMode: 'trunc' }).data(), [3, -3, Infinity, NaN]); // prettier-ignore
  const x = ops.ones([2]);
  x.requiresGrad = true;
  expect(ops.div(x, 2, { roundingMode: 'trunc' }).requiresGrad).toBe(false);
});

test('where takes from either side, broadcasts three, and passes the gradient on', async () => {
  const c = ops.greater(f32([1, -1, 2], [3, 1]), 0);
  const y = ops.where(c, f32([10, 20], [2]), -1);
  expect(y.shape).toEqual([3, 2]);
  await expectClose(y, [10, 20, -1, -1, 10, 20], 0);
  await expectGradients((u, v) => ops.where(c, u, v), [noisy([2], 1), noisy([3, 2], 2)]);
  same(await ops.where(c, NaN, 1).data(), [NaN, 1, NaN]);
  const whole = ops.where(c, i32([2 ** 31 - 1], [1]), -7);
  expect(whole.dtype).toBe('i32');
  expect([...(await whole.data())]).toEqual([2 ** 31 - 1, -7, 2 ** 31 - 1]);
  expect([...(await ops.where(c, c, 9).data())]).toEqual([1, 9, 1]);
});

describe('refused', () => {
  const x = noisy([2, 3]);
  const wrong: [string, () => unknown, RegExp][] = [
    [
      'shapes that do not broadcast',
      () => ops.add(x, noisy([2])),
      /add: shapes \[2, 3\] and \[2\] do not broadcast/,
    ],
    [
      'dtypes that differ',
      () => ops.mul(x, i32([1], [1]) as never),
      /mul: a is f32 \[2, 3\] and b is i32 \[1\], wants one dtype/,
    ],
    [
      'division of i32',
      () => ops.div(i32([1], [1]) as never, i32([1], [1]) as never),
      /div: a is i32 \[1\], wants dtype f32/,
    ],
    [
      'another way of rounding',
      () => ops.div(x, x, { roundingMode: 'floor' as 'trunc' }),
      /div: roundingMode is 'floor', wants 'trunc'/,
    ],
    [
      'quotients of bytes',
      () => ops.div(x.cast('u8') as never, x.cast('u8') as never, { roundingMode: 'trunc' }),
      /divTruncated: a is u8 \[2, 3\], wants dtype i32/,
    ],
    ['a function of i32', () => ops.exp(i32([1], [1]) as never), /exp: input is i32 \[1\], wants dtype f32/],
    ['what is no tensor', () => ops.relu({} as never), /relu: input is an object, wants a tensor/],
    ['undefined', () => ops.add(undefined as never, x), /add: a is undefined, wants a tensor/],
    [
      'a condition that is f32',
      () => ops.where(x as never, x, x),
      /where: condition is f32 \[2, 3\], wants dtype u8/,
    ],
    [
      'a choice between two dtypes',
      () => ops.where(ops.equal(x, x), x, i32([1], [1]) as never),
      /where: b is i32 \[1\], wants dtype f32/,
    ],
  ];
  test.each(wrong)('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe('in place of an input', () => {
  /** The result, for which so many bytes are taken. */
  const takes = async (work: () => Handle, expected: number) => {
    await collectGarbage();
    native.resetPeak();
    const before = native.memory().liveBytes;
    const y = new Tensor(work(), 'f32');
    await synchronize();
    expect(native.memory().peakBytes - before).toBe(expected);
    return y;
  };
  const same = (a: Float32Array, b: Float32Array) =>
    expect(Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer))).toBe(0);
  const n = 16 * 1024;
  const bytes = 4 * n;

  test('reluBackward takes no memory where nothing else holds the gradient', async () => {
    const [g, out] = [noise(n, 1), noise(n, 2)];
    const wanted = g.map((v, i) => (out[i]! > 0 ? v : 0));
    const output = f32(out, [n]);
    const [mine, shared] = [f32(g, [n]), f32(g, [n])];
    const view = shared.detach();
    const inPlace = await takes(() => native.reluBackward(mine.giveUp(), output.handle), 0);
    same(await inPlace.data(), wanted);
    const apart = await takes(() => native.reluBackward(shared.giveUp(), output.handle), bytes);
    same(await apart.data(), wanted);
    same(await view.data(), g);
    same(await output.data(), out);
    expect([mine.disposed, mine.shape]).toEqual([true, [n]]);
    expect(() => native.data(mine.handle)).toThrow(/data: tensor has been disposed/);
  });

  test.each([
    [0, 3],
    [1, 1],
    [7, 6],
    [1801, 6],
    [3, 17, 5, 33],
    [2, 40_001],
    [5003, 64],
  ])('reluBiasBackward of [%i, %i, …]', async (...shape) => {
    const n = volume(shape);
    const [g, out] = [noise(n, 1), noise(n, 2)];
    const wanted = g.map((v, i) => (out[i]! > 0 ? v : 0));
    const channels = shape.at(-1)!;
    const sums = new Float64Array(channels);
    for (const [i, v] of wanted.entries()) sums[i % channels]! += v;
    const [output, mine, shared] = [f32(out, shape), f32(g, shape), f32(g, shape)];
    const view = shared.detach();
    for (const gradient of [mine, shared]) {
      const [before, byBias] = native.reluBiasBackward(gradient.giveUp(), output.handle);
      same((await native.data(before)) as Float32Array, wanted);
      expect(native.shape(byBias)).toEqual([channels]);
      await expectClose(new Tensor(byBias, 'f32'), sums);
    }
    same(await view.data(), g);
    same(await output.data(), out);
  });

  test.each([1, 2, 3, 4, 5, 9])('addUp of %i', async (count) => {
    const values = Array.from({ length: count }, (_, k) => noise(n, k));
    const wanted = values.reduce((sum, v) => sum.map((u, i) => Math.fround(u + v[i]!)));
    // Whichever of them can be written to.
    for (let free = 0; free < count; free++) {
      const inputs = values.map((v) => f32(v, [n]));
      const views = inputs.filter((_, i) => i !== free).map((x) => x.detach());
      const sum = await takes(() => native.addUp(inputs.map((x) => x.giveUp())), 0);
      same(await sum.data(), wanted);
      const others = values.filter((_, i) => i !== free);
      for (const [i, view] of views.entries()) same(await view.data(), others[i]!);
    }
    const inputs = values.map((v) => f32(v, [n]));
    const views = inputs.map((x) => x.detach());
    const sum = await takes(() => native.addUp(inputs.map((x) => x.giveUp())), bytes);
    same(await sum.data(), wanted);
    for (const [i, view] of views.entries()) same(await view.data(), values[i]!);
  });

  test.each(sizes)('addUp of %i elements', async (size) => {
    const values = [1, 2, 3].map((seed) => noise(size, seed));
    const wanted = values.reduce((sum, v) => sum.map((u, i) => Math.fround(u + v[i]!)));
    const sum = new Tensor(native.addUp(values.map((v) => f32(v, [size]).giveUp())), 'f32');
    same(await sum.data(), wanted);
  });

  test('addUp of one tensor twice leaves it alone', async () => {
    const x = f32([1, 2], [2]);
    const view = x.detach();
    const sum = new Tensor(native.addUp([x.handle, view.handle]), 'f32');
    expect([...(await sum.data())]).toEqual([2, 4]);
    const y = f32([3], [1]);
    expect([...(await native.data(native.addUp([y.handle, y.handle])))]).toEqual([6]);
  });

  test('refused', () => {
    expect(() => native.addUp([])).toThrow('addUp: inputs is empty');
    expect(() => native.addUp([noisy([2]).handle, noisy([3]).handle])).toThrow(/inputs\[1\] has shape \[3\]/);
    expect(() => native.addUp([i32([1], [1]).handle])).toThrow(/inputs\[0\] is i32/);
    for (const operation of ['reluBackward', 'reluBiasBackward'] as const) {
      expect(() => native[operation](noisy([2]).handle, noisy([1]).handle)).toThrow(
        /gradient has shape \[2\], wants \[1\]/,
      );
    }
    expect(() => native.reluBiasBackward(f32([1], []).handle, f32([1], []).handle)).toThrow(RangeError);
  });
});
