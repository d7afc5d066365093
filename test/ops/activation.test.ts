import { describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import type { Handle } from '../../binding.js';
import { native } from '../../lib/native.js';
import * as ops from '../../lib/ops/index.js';
import { synchronize, Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy } from '../check.js';
import { pattern, vectors } from '../fixtures/pattern.js';
import { collectGarbage } from '../garbage.js';
import { erf as exactErf, normalBelow } from './errorFunction.js';

/** Sizes around whole vectors of every width, and beyond one piece of work. */
const sizes = [0, 1, 3, 4, 7, 8, 15, 16, 17, 33, 70_001];

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const anywhere = (v: number) => 5 * v;
/** Nowhere within 0.1 of the places given, where a function has a kink. */
const awayFrom =
  (...places: number[]) =>
  (v: number) =>
    places.reduce((x, at) => (Math.abs(x - at) < 0.1 ? at + (x < at ? -0.1 : 0.1) : x), 5 * v);
const hardsigmoid = (x: number) => Math.min(6, Math.max(0, x + 3)) / 6;
const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

type Case = [
  name: string,
  f: (x: Tensor) => Tensor,
  definition: (x: number) => number,
  domain: (v: number) => number,
];
const cases: Case[] = [
  ['sigmoid', ops.sigmoid, logistic, anywhere],
  ['tanh', ops.tanh, Math.tanh, anywhere],
  ['erf', ops.erf, exactErf, anywhere],
  ['leakyRelu', (x) => ops.leakyRelu(x), (x) => (x > 0 ? x : 0.01 * x), awayFrom(0)],
  ['leakyRelu -0.3', (x) => ops.leakyRelu(x, -0.3), (x) => (x > 0 ? x : -0.3 * x), awayFrom(0)],
  ['relu6', ops.relu6, (x) => Math.min(6, Math.max(0, x)), (v) => awayFrom(0, 6)(2 * v)],
  ['elu', (x) => ops.elu(x), (x) => (x > 0 ? x : Math.expm1(x)), anywhere],
  ['elu 0.3', (x) => ops.elu(x, 0.3), (x) => (x > 0 ? x : 0.3 * Math.expm1(x)), awayFrom(0)],
  ['elu 0', (x) => ops.elu(x, 0), (x) => Math.max(0, x), awayFrom(0)],
  [
    'selu',
    ops.selu,
    (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
    awayFrom(0),
  ],
  ['gelu', (x) => ops.gelu(x), (x) => x * normalBelow(x), anywhere],
  [
    'gelu tanh',
    (x) => ops.gelu(x, { approximate: 'tanh' }),
    (x) => (x / 2) * (1 + Math.tanh(inner(x))),
    anywhere,
  ],
  ['silu', ops.silu, (x) => x * logistic(x), anywhere],
  ['hardswish', ops.hardswish, (x) => x * hardsigmoid(x), awayFrom(-3, 3)],
  ['hardsigmoid', (x) => ops.hardsigmoid(x), hardsigmoid, awayFrom(-3, 3)],
  [
    'hardsigmoid 0.2, 0.4',
    (x) => ops.hardsigmoid(x, { alpha: 0.2, beta: 0.4 }),
    (x) => Math.min(1, Math.max(0, 0.2 * x + 0.4)),
    awayFrom(-2, 3),
  ],
  [
    'hardsigmoid -0.5, 0',
    (x) => ops.hardsigmoid(x, { alpha: -0.5, beta: 0 }),
    (x) => Math.min(1, Math.max(0, -0.5 * x)),
    awayFrom(-2, 0),
  ],
  ['clamp', (x) => ops.clamp(x, -1.5, 2), (x) => Math.min(2, Math.max(-1.5, x)), awayFrom(-1.5, 2)],
  ['clamp from below', (x) => x.clamp(0.5), (x) => Math.max(0.5, x), awayFrom(0.5)],
  ['clamp from above', (x) => x.clamp(-Infinity, 1), (x) => Math.min(1, x), awayFrom(1)],
  ['mish', ops.mish, (x) => x * Math.tanh(Math.log1p(Math.exp(x))), anywhere],
  ['softplus', (x) => ops.softplus(x), (x) => Math.log1p(Math.exp(x)), anywhere],
  [
    'softplus 2, 4',
    (x) => ops.softplus(x, { beta: 2, threshold: 4 }),
    (x) => (2 * x > 4 ? x : Math.log1p(Math.exp(2 * x)) / 2),
    awayFrom(2),
  ],
  ['logSigmoid', ops.logSigmoid, (x) => -Math.log1p(Math.exp(-x)), anywhere],
  ['softsign', ops.softsign, (x) => x / (1 + Math.abs(x)), anywhere],
];

describe.each(cases)('%s', (_, f, definition, domain) => {
  test.each(sizes)('agrees with the definition for %i elements', async (n) => {
    const x = noise(n, 1).map(domain);
    await expectClose(f(f32(x, [n])), Float64Array.from(x, definition), 1e-6);
  });

  test.each([35, 4099])('has the derivative, for %i elements', async (n) => {
    await expectGradients(f, [f32(noise(n, 2).map(domain), [n])], { step: 1e-2, tolerance: 1e-3 });
  });

  test('gives the same bits for 1 and 2 threads, forward and backward', async () => {
    await expectSameBits(() => {
      const x = f32(noise(70_001, 3).map(domain), [70_001]);
      x.requiresGrad = true;
      const y = f(x);
      return [y, ...grad(y, [x], noisy([70_001], 4))];
    });
  });
});

interface Vector {
  name: string;
  options?: number | object;
  slopes?: number;
  y: number[];
  dx: number[];
  dw?: number[];
}

const edges = [-30, -12.5, -6, -3, -1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1, 3, 6, 12.5, 30];

test.each(vectors<Vector>('activation'))(
  "$name $options $slopes has PyTorch's values and gradients",
  async (v) => {
    const x = f32([...pattern([30], 1).map((u) => 4 * u), ...edges], [9, 5]);
    const weight = f32(pattern([v.slopes ?? 0], 3), [v.slopes ?? 0]);
    x.requiresGrad = weight.requiresGrad = true;
    const f = (ops as unknown as Record<string, (x: Tensor, options?: unknown) => Tensor>)[v.name]!;
    const y = f(x, v.slopes ? weight : v.options);
    const [dx, dw] = grad(y, [x, weight], f32(pattern([9, 5], 2), [9, 5]));
    await expectClose(y, v.y, 1e-6);
    await expectClose(dx!, v.dx, 2e-6);
    const each = await dx!.data();
    v.dx.forEach((wanted, i) => expect(Math.abs(each[i]! - wanted), `at ${i}`).toBeLessThan(1e-6 * (1 + Math.abs(wanted)))); // prettier-ignore
    if (v.dw) await expectClose(dw!, v.dw, 2e-6);
  },
);

/** Errors in units in the last place of what is expected. */
function worstError(actual: Float32Array, expected: (i: number) => number): number {
  return actual.reduce((most, v, i) => {
    const wanted = expected(i);
    const unit = Math.max(2 ** (Math.floor(Math.log2(Math.abs(wanted))) - 23), 2 ** -149);
    return Math.max(most, Math.abs(v - wanted) / unit);
  }, 0);
}

/** From −most to most, finer towards 0. */
const everywhere = (most: number) =>
  Float32Array.from(
    { length: 40_001 },
    (_, i) => Math.sign(i - 20_000) * most * (Math.abs(i - 20_000) / 20_000) ** 4,
  );

test.each<[string, (x: Tensor) => Tensor, (x: number) => number, number, number]>([
  ['erf', ops.erf, exactErf, 6, 2],
  ['tanh', ops.tanh, Math.tanh, 12, 3],
  ['sigmoid', ops.sigmoid, logistic, 80, 3],
  ['elu', (x) => ops.elu(x), (x) => (x > 0 ? x : Math.expm1(x)), 30, 4],
  ['softplus', (x) => ops.softplus(x), (x) => Math.log1p(Math.exp(x)), 20, 5],
  ['logSigmoid', ops.logSigmoid, (x) => (x < 0 ? x : 0) - Math.log1p(Math.exp(-Math.abs(x))), 80, 5],
  ['softsign', ops.softsign, (x) => x / (1 + Math.abs(x)), 1e6, 2],
  ['mish', ops.mish, (x) => x * Math.tanh(Math.log1p(Math.exp(x))), 80, 5],
])('%s is right to a few units in the last place everywhere', async (_, f, definition, most, units) => {
  const x = everywhere(most);
  const y = await f(f32(x, [x.length])).data();
  expect(worstError(y, (i) => definition(x[i]!))).toBeLessThan(units);
});

test("gelu's left side is as precise as its right one", async () => {
  const x = Float32Array.from({ length: 20_000 }, (_, i) => -11 + (i * 12) / 20_000);
  const y = await ops.gelu(f32(x, [x.length])).data();
  const worst = y.reduce((most, v, i) => Math.max(most, Math.abs(v / (x[i]! * normalBelow(x[i]!)) - 1)), 0);
  expect(worst).toBeLessThan(1e-5);
});

test('functions and derivatives at the edges of f32', async () => {
  const wide = [NaN, Infinity, -Infinity, 3e38, -3e38, 1e30, -1e30, 1e-40, -0];
  const wanted: Record<string, [y: number[], slope: number[]]> = {
    sigmoid: [[NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5], [NaN, 0, 0, 0, 0, 0, 0, 0.25, 0.25]],
    tanh: [[NaN, 1, -1, 1, -1, 1, -1, 1e-40, -0], [NaN, 0, 0, 0, 0, 0, 0, 1, 1]],
    erf: [[NaN, 1, -1, 1, -1, 1, -1, 1.1283792e-40, -0], [NaN, 0, 0, 0, 0, 0, 0, 1.1283792, 1.1283792]],
    leakyRelu: [[NaN, Infinity, -Infinity, 3e38, -3e36, 1e30, -1e28, 1e-40, -0], [0.01, 1, 0.01, 1, 0.01, 1, 0.01, 1, 0.01]],
    relu6: [[NaN, 6, 0, 6, 0, 6, 0, 1e-40, 0], [0, 0, 0, 0, 0, 0, 0, 1, 0]],
    elu: [[NaN, Infinity, -1, 3e38, -1, 1e30, -1, 1e-40, -0], [NaN, 1, 0, 1, 0, 1, 0, 1, 1]],
    selu: [[NaN, Infinity, -1.7580993, 3.152103e38, -1.7580993, 1.050701e30, -1.7580993, 1.050701e-40, -0], [NaN, 1.050701, 0, 1.050701, 0, 1.050701, 0, 1.050701, 1.7580993]],
    gelu: [[NaN, Infinity, -0, 3e38, -0, 1e30, -0, 5e-41, -0], [NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5]],
    geluTanh: [[NaN, Infinity, -0, 3e38, -0, 1e30, -0, 5e-41, -0], [NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5]],
    silu: [[NaN, Infinity, -0, 3e38, -0, 1e30, -0, 5e-41, -0], [NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5]],
    hardswish: [[NaN, Infinity, -0, 3e38, -0, 1e30, -0, 5e-41, -0], [NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5]],
    hardsigmoid: [[NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5], [0, 0, 0, 0, 0, 0, 0, 1 / 6, 1 / 6]],
    clamp: [[NaN, Infinity, -Infinity, 3e38, -3e38, 1e30, -1e30, 1e-40, -0], [0, 1, 1, 1, 1, 1, 1, 1, 1]],
    mish: [[NaN, Infinity, -0, 3e38, -0, 1e30, -0, 6e-41, -0], [NaN, 1, 0, 1, 0, 1, 0, 0.6, 0.6]],
    softplus: [[NaN, Infinity, 0, 3e38, 0, 1e30, 0, Math.LN2, Math.LN2], [NaN, 1, 0, 1, 0, 1, 0, 0.5, 0.5]],
    logSigmoid: [[NaN, 0, -Infinity, 0, -3e38, 0, -1e30, -Math.LN2, -Math.LN2], [NaN, 0, 1, 0, 1, 0, 1, 0.5, 0.5]],
    softsign: [[NaN, 1, -1, 1, -1, 1, -1, 1e-40, -0], [NaN, 0, 0, 0, 0, 0, 0, 1, 1]],
  }; // prettier-ignore
  const all: Record<string, (x: Tensor) => Tensor> = { ...(ops as unknown as Record<string, (x: Tensor) => Tensor>), geluTanh: (x) => ops.gelu(x, { approximate: 'tanh' }) }; // prettier-ignore
  for (const [name, [y, slope]] of Object.entries(wanted)) {
    const x = f32(wide, [wide.length]);
    x.requiresGrad = true;
    const out = all[name]!(x);
    const [dx] = grad(out, [x], ops.ones([wide.length]));
    for (const [what, given, expected] of [['y', await out.data(), y], ['slope', await dx!.data(), slope]] as const) {
      given.forEach((v, i) => {
        const goal = Math.fround(expected[i]!);
        const right = Object.is(v, goal) || Math.abs(v - goal) <= Math.max(4e-7 * Math.abs(goal), 3e-45);
        expect(right, `${name} ${what} at ${wide[i]}: ${v}, wants ${goal}`).toBe(true);
      });
    } // prettier-ignore
  }
});

test('clamp at its bounds, with bounds in the wrong order and beyond f32', async () => {
  const values = [-2, -1, 0, 1, 2, NaN];
  const x = f32(values, [6]);
  x.requiresGrad = true;
  const y = ops.clamp(x, -1, 1);
  const [dx] = grad(y, [x], ops.ones([6]));
  expect([...(await y.data())]).toEqual([-1, -1, 0, 1, 1, NaN]);
  expect([...(await dx!.data())]).toEqual([0, 1, 1, 1, 0, 0]);
  expect([...(await ops.clamp(x, 1, -1).data())]).toEqual([-1, -1, -1, -1, -1, NaN]);
  const far = f32([-Infinity, Infinity], [2]);
  expect([...(await ops.clamp(far, -1e300, 1e300).data())]).toEqual([-Infinity, Infinity]);
});

describe('backward works in place', () => {
  const n = 16 * 1024;
  /** The result, for which so many bytes are taken. */
  const takes = async (work: () => Handle, expected: number) => {
    await collectGarbage();
    await synchronize();
    native.resetPeak();
    const before = native.memory().liveBytes;
    const y = new Tensor(work(), 'f32');
    await synchronize();
    expect(native.memory().peakBytes - before).toBe(expected);
    return y.data();
  };

  test.each<[string, (g: Handle, saved: Handle) => Handle]>([
    ['sigmoid', (g, y) => native.sigmoidBackward(g, y)],
    ['gelu', (g, x) => native.geluBackward(g, x)],
    ['softplus', (g, x) => native.softplusBackward(g, x, 2, 20)],
  ])('%s', async (_, backward) => {
    const [mine, shared, saved] = [noisy([n], 1), noisy([n], 1), noisy([n], 2)];
    const view = shared.detach();
    const apart = await takes(() => backward(shared.giveUp(), saved.handle), 4 * n);
    expect(await takes(() => backward(mine.giveUp(), saved.handle), 0)).toEqual(apart);
    expect(await view.data()).toEqual(noise(n, 1));
    expect(await saved.data()).toEqual(noise(n, 2));
    expect(() => native.data(mine.handle)).toThrow(/data: tensor has been disposed/);
  });
});

describe('prelu', () => {
  const shapes: [shape: number[], slopes: number][] = [
    [[7], 1],
    [[], 1],
    [[4, 3], 3],
    [[3, 5, 5, 17], 17],
    [[3, 5, 5, 17], 1],
    [[2, 40, 41, 24], 24],
    [[1000, 130], 130],
    [[0, 4], 4],
    [[70_001], 1],
  ];
  test.each(shapes)('agrees with the definition for %j and %i slopes', async (shape, slopes) => {
    const size = shape.reduce((n, extent) => n * extent, 1);
    const [u, w, g] = [noise(size, 1), noise(slopes, 2), noise(size, 3)];
    const [x, weight] = [f32(u, shape), f32(w, [slopes])];
    x.requiresGrad = weight.requiresGrad = true;
    const y = ops.prelu(x, weight);
    const [dx, dw] = grad(y, [x, weight], f32(g, shape));
    await expectClose(y, u.map((v, i) => (v > 0 ? v : v * w[i % slopes]!)), 1e-7);
    await expectClose(dx!, g.map((v, i) => (u[i]! > 0 ? v : v * w[i % slopes]!)), 1e-7);
    const sums = new Float64Array(slopes);
    u.forEach((v, i) => {
      if (v <= 0) sums[i % slopes]! += v * g[i]!;
    });
    await expectClose(dw!, sums, 2e-6);
  }); // prettier-ignore

  test('has the derivatives by input and slopes', async () => {
    const x = f32(noise(60, 5).map(awayFrom(0)), [4, 3, 5]);
    await expectGradients(ops.prelu, [x, noisy([5], 2)], { tolerance: 1e-3 });
    await expectGradients(ops.prelu, [x, noisy([1], 2)], { tolerance: 1e-3 });
  });

  test('gives the same bits for 1 and 2 threads', async () => {
    for (const slopes of [1, 24]) {
      await expectSameBits(() => {
        const [x, weight] = [noisy([5000, 24], 1), noisy([slopes], 2)];
        x.requiresGrad = weight.requiresGrad = true;
        const y = ops.prelu(x, weight);
        return [y, ...grad(y, [x, weight], noisy([5000, 24], 3))];
      });
    }
  });

  test('shows what is no number', async () => {
    const [x, weight] = [f32([NaN, -Infinity, 1, 2], [2, 2]), f32([2, 0.5], [2])];
    x.requiresGrad = weight.requiresGrad = true;
    const y = ops.prelu(x, weight);
    const [dx, dw] = grad(y, [x, weight], ops.ones([2, 2]));
    expect([...(await y.data())]).toEqual([NaN, -Infinity, 1, 2]);
    expect([...(await dx!.data())]).toEqual([2, 0.5, 1, 1]);
    expect([...(await dw!.data())]).toEqual([NaN, -Infinity]);
  });
});

describe('refused', () => {
  const x = noisy([2, 3]);
  const whole = i32([1], [1]) as never;
  test.each<[() => unknown, RegExp]>([
    [() => ops.gelu(whole), /gelu: input is i32 \[1\], wants dtype f32/],
    [() => ops.silu(3 as never), /silu: input is NaN, wants a tensor|silu: input is no tensor/],
    [() => ops.gelu(x, { approximate: 'fast' as never }), /gelu: approximate is 'fast', wants 'none' or 'tanh'/],
    [() => ops.leakyRelu(x, NaN), /leakyRelu: negativeSlope is NaN/],
    [() => ops.leakyRelu(x, Infinity), /leakyRelu: negativeSlope is inf, wants a finite number/],
    [() => ops.leakyRelu(x, '1' as never), /leakyRelu: negativeSlope is a string, wants a number/],
    [() => ops.elu(x, -1), /elu: alpha is -1, wants a finite number from 0 on/],
    [() => ops.hardsigmoid(x, { alpha: 0 }), /hardsigmoid: alpha is 0, wants another number/],
    [() => ops.hardsigmoid(x, { alpha: Infinity }), /hardsigmoid: alpha is inf, wants a finite number/],
    [() => ops.hardsigmoid(x, { beta: NaN }), /hardsigmoid: beta is NaN/],
    [() => ops.clamp(x, NaN), /clamp: min is NaN, wants a number/],
    [() => ops.clamp(x, 0, '1' as never), /clamp: max is a string, wants a number/],
    [() => ops.clamp(whole, 0), /clamp: input is i32 \[1\], wants dtype f32/],
    [() => ops.softplus(x, { beta: 0 }), /softplus: beta is 0, wants a finite number above 0/],
    [() => ops.softplus(x, { beta: 1e-60 }), /softplus: beta is 1e-60, wants a finite number above 0/],
    [() => ops.softplus(x, { threshold: Infinity }), /softplus: threshold is inf, wants a finite number/],
    [() => ops.prelu(x, noisy([2])), /prelu: weight has shape \[2\], wants one slope or as many as input \[2, 3\]/],
    [() => ops.prelu(x, noisy([0])), /prelu: weight has shape \[0\]/],
    [() => ops.prelu(x, noisy([1, 3])), /prelu: weight \[1, 3\] has 2 axes, wants 1/],
    [() => ops.prelu(x, whole), /prelu: weight is i32 \[1\], wants dtype f32/],
    [() => native.siluBackward(noisy([3]).handle, x.handle), /siluBackward: gradient has shape \[3\], wants \[2, 3\]/],
    [() => native.preluBackward(noisy([3]).handle, x.handle, noisy([3]).handle), /preluBackward: gradient has shape \[3\], wants \[2, 3\]/],
  ])('%s', (call, message) => {
    expect(call).toThrow(message);
  }); // prettier-ignore
});
