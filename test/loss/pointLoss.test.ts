import { describe, expect, test } from 'vitest';
import { backward, grad } from '../../lib/autograd.js';
import { loss } from '../../lib/index.js';
import { native, StriateError } from '../../lib/native.js';
import { sum } from '../../lib/ops/reduce.js';
import { Tensor, type Shape } from '../../lib/tensor.js';
import {
  expectClose,
  expectGradients,
  expectSameBits,
  f32,
  i32,
  noise,
  noisy,
  relativeError,
  volume,
} from '../check.js';
import { collectGarbage } from '../garbage.js';

type Options = Record<string, unknown>;
type Loss = (input: Tensor, target: Tensor, options?: Options) => Tensor;

interface Case {
  name: string;
  run: Loss;
  options?: Options;
  /** f(x, t) and ∂f/∂x in double precision. */
  value: (x: number, t: number) => number;
  slope: (x: number, t: number) => number;
  /** Where predictions and targets lie. */
  x?: (v: number) => number;
  t?: (v: number) => number;
}

const share = (v: number) => (v + 1.0001) / 2.0002;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const cases: Case[] = [
  { name: 'mse', run: loss.mse, value: (x, t) => (x - t) ** 2, slope: (x, t) => 2 * (x - t) },
  { name: 'l1', run: loss.l1, value: (x, t) => Math.abs(x - t), slope: (x, t) => Math.sign(x - t) },
  {
    name: 'huber',
    run: loss.huber,
    options: { delta: 0.4 },
    value: (x, t) => (Math.abs(x - t) <= 0.4 ? (x - t) ** 2 / 2 : 0.4 * (Math.abs(x - t) - 0.2)),
    slope: (x, t) => Math.max(-0.4, Math.min(0.4, x - t)),
  },
  {
    name: 'smoothL1',
    run: loss.smoothL1,
    options: { beta: 0.4 },
    value: (x, t) => (Math.abs(x - t) < 0.4 ? (x - t) ** 2 / 0.8 : Math.abs(x - t) - 0.2),
    slope: (x, t) => Math.max(-1, Math.min(1, (x - t) / 0.4)),
  },
  {
    name: 'binaryCrossEntropy',
    run: loss.binaryCrossEntropy,
    value: (x, t) => -t * Math.log(x) - (1 - t) * Math.log(1 - x),
    slope: (x, t) => (x - t) / (x * (1 - x)),
    x: share,
    t: share,
  },
  {
    name: 'binaryCrossEntropyWithLogits',
    run: loss.binaryCrossEntropyWithLogits,
    value: (x, t) => t * Math.log1p(Math.exp(-x)) + (1 - t) * Math.log1p(Math.exp(x)),
    slope: (x, t) => sigmoid(x) - t,
    x: (v) => 10 * v,
    t: share,
  },
  {
    name: 'klDiv',
    run: loss.klDiv,
    value: (x, t) => t * (Math.log(t) - x),
    slope: (_, t) => -t,
    t: share,
  },
  {
    name: 'klDiv of logarithms',
    run: loss.klDiv,
    options: { logTarget: true },
    value: (x, t) => Math.exp(t) * (t - x),
    slope: (_, t) => -Math.exp(t),
    t: (v) => 5 * v,
  },
  {
    name: 'hinge',
    run: loss.hinge,
    value: (x, t) => Math.max(0, 1 - t * x),
    slope: (x, t) => (1 - t * x > 0 ? -t : 0),
    x: (v) => 2 * v,
    t: Math.sign,
  },
  {
    name: 'hinge, squared',
    run: loss.hinge,
    options: { squared: true },
    value: (x, t) => Math.max(0, 1 - t * x) ** 2,
    slope: (x, t) => -2 * t * Math.max(0, 1 - t * x),
    x: (v) => 2 * v,
    t: Math.sign,
  },
];

const shapes: Shape[] = [[], [1], [13], [3, 5, 7, 2], [100_003], [37, 1013]];

/** A weight for each element, or for each of the leading axes. */
const spreads: [string, (shape: Shape) => Shape | null][] = [
  ['none', () => null],
  ['of all', (shape) => shape],
  ['of samples', (shape) => shape.slice(0, 1)],
];

describe.each(cases)('$name', ({ run, options, value, slope, x: ofX, t: ofT }) => {
  const make = (shape: Shape) => {
    const xs = noise(volume(shape), 1).map((v) => ofX?.(v) ?? v);
    const ts = noise(volume(shape), 2).map((v) => ofT?.(v) ?? v);
    return { xs, ts, x: f32(xs, shape), t: f32(ts, shape) };
  };

  test.each(shapes.flatMap((shape) => spreads.map(([how, weights]) => ({ shape, how, weights }))))(
    '$shape agrees with its formula, weights: $how',
    async ({ shape, weights }) => {
      const { xs, ts, x, t } = make(shape);
      const spread = weights(shape);
      const ws = spread ? noise(volume(spread), 3).map((v) => v + 1.5) : null;
      const each = volume(shape) / (ws?.length ?? 1);
      const weightAt = (i: number) => ws?.[Math.floor(i / each)] ?? 1;
      const expected = Array.from(xs, (v, i) => weightAt(i) * value(v, ts[i]!));
      const slopes = Array.from(xs, (v, i) => weightAt(i) * slope(v, ts[i]!));
      const total = expected.reduce((a, b) => a + b, 0);
      const scale = expected.reduce((a, b) => a + Math.abs(b), 0);
      x.requiresGrad = true;
      const sampleWeight = ws && spread ? f32(ws, spread) : undefined;
      const by = (reduction: string) => run(x, t, { ...options, reduction, sampleWeight });

      const single = by('none');
      expect(single.shape).toEqual(shape);
      expect(relativeError(await single.data(), expected)).toBeLessThan(1e-6);
      const g = noise(volume(shape), 4);
      const weighted = slopes.map((s, i) => s * g[i]!);
      await expectClose(grad(single, [x], f32(g, shape))[0]!, weighted, 1e-6);

      for (const [reduction, n] of [
        ['sum', 1],
        ['mean', xs.length],
      ] as const) {
        // prettier-ignore
        const one = by(reduction);
        expect(one.shape).toEqual([]);
        expect(Math.abs((await one.item()) - total / n)).toBeLessThan((2e-6 * scale) / n);
        await expectClose(grad(one, [x], f32([3], []))[0]!, slopes.map((s) => (3 * s) / n), 1e-6); // prettier-ignore
      }
    },
  );

  test('comes to the same bits with 1 and 2 threads', async () => {
    const { x, t } = make([100_003]);
    x.requiresGrad = true;
    await expectSameBits(() =>
      ['mean', 'none'].flatMap((reduction) => {
        const y = run(x, t, { ...options, reduction });
        return [y, grad(sum(y), [x])[0]!];
      }),
    );
  });

  test('without elements', async () => {
    const x = f32([], [0, 3]);
    x.requiresGrad = true;
    const t = f32([], [0, 3]);
    const mean = run(x, t, options);
    expect(await mean.item()).toBeNaN();
    expect((await grad(mean, [x])[0]!.data()).length).toBe(0);
    expect(await run(x, t, { ...options, reduction: 'sum' }).item()).toBe(0);
    expect((await run(x, t, { ...options, reduction: 'none' }).data()).length).toBe(0);
  });

  test('keeps what is not a number', async () => {
    const x = f32([NaN, 0.25], [2]);
    x.requiresGrad = true;
    const t = f32([1, 1], [2]);
    const y = run(x, t, { ...options, reduction: 'none' });
    expect(Array.from(await y.data(), Number.isNaN)).toEqual([true, false]);
    const backed = await grad(y, [x], f32([1, 1], [2]))[0]!.data();
    expect(Number.isFinite(backed[1])).toBe(true);
    expect(await run(x, t, options).item()).toBeNaN();
  });

  test('leaves nothing behind', async () => {
    const { x, t } = make([5, 3]);
    const whole = i32(new Array<number>(15).fill(1), [5, 3]);
    const sampleWeight = noisy([5]);
    await collectGarbage();
    const before = native.memory().liveTensors;
    run(x, t, options).dispose();
    x.requiresGrad = true;
    for (const target of [t, whole as unknown as Tensor]) {
      const y = run(x, target, { ...options, sampleWeight });
      backward(y);
      y.dispose();
    }
    x.grad?.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });

  test('takes whole numbers as targets', async () => {
    const x = f32([0.5, 0.25, 0.75], [3]);
    const expected = await run(x, f32([1, 0, 1], [3]), options).item();
    expect(await run(x, i32([1, 0, 1], [3]) as unknown as Tensor, options).item()).toBe(expected);
  });
});

describe('gradients agree with differences', () => {
  // Far from kinks.
  const x = f32([0.9, -0.3, 0.2, 1.7, -2.2, 0.45], [2, 3]);
  const t = f32([0.1, 0.5, 0.4, -0.2, -0.4, 0.6], [2, 3]);
  const [p, q] = [f32([0.9, 0.3, 0.2, 0.7, 0.5, 0.45], [2, 3]), f32([1, 0, 1, 0.5, 0, 1], [2, 3])];
  const fine = { step: 1e-3, tolerance: 1e-3 };

  test.each([
    ['mse', (a: Tensor, b: Tensor) => loss.mse(a, b)],
    ['l1', (a: Tensor, b: Tensor) => loss.l1(a, b, { reduction: 'none' })],
    ['huber', (a: Tensor, b: Tensor) => loss.huber(a, b, { delta: 0.7, reduction: 'none' })],
    ['smoothL1', (a: Tensor, b: Tensor) => loss.smoothL1(a, b, { beta: 0.7, reduction: 'sum' })],
  ] as const)('%s, by both', async (_, f) => expectGradients(f, [x, t], fine));

  test('binary cross-entropies, divergence and hinge', async () => {
    await expectGradients((a) => loss.binaryCrossEntropy(a, q), [p], { step: 3e-3, tolerance: 1e-3 });
    const posWeight = f32([0.5, 2, 3], [3]);
    await expectGradients((a) => loss.binaryCrossEntropyWithLogits(a, q, { posWeight }), [x], fine);
    await expectGradients((a) => loss.klDiv(a, q, { reduction: 'none' }), [x], fine);
    await expectGradients((a) => loss.hinge(a, f32([1, -1, 1, -1, 1, -1], [2, 3])), [x], fine);
    await expectGradients(
      (a) => loss.hinge(a, f32([1, -1, 1, -1, 1, -1], [2, 3]), { squared: true, reduction: 'none' }),
      [x],
      fine,
    );
  });
});

describe('binaryCrossEntropyWithLogits', () => {
  test.each([
    [[64, 5], 5],
    [[7, 3, 17], 17],
    [[20_011, 1], 1],
    [[3, 40_001], 40_001],
  ])('weighs positive targets by column, and samples: %j', async (shape, columns) => {
    const [n] = shape as [number];
    const each = volume(shape) / n;
    const xs = noise(volume(shape), 1).map((v) => 5 * v);
    const ts = noise(volume(shape), 2).map((v) => (v > 0.3 ? 1 : 0));
    const ps = noise(columns, 3).map((v) => v + 2);
    const ws = noise(n, 4).map((v) => v + 1.5);
    const x = f32(xs, shape);
    x.requiresGrad = true;
    const given = { posWeight: f32(ps, [columns]), sampleWeight: f32(ws, [n]), reduction: 'none' } as const;
    const y = loss.binaryCrossEntropyWithLogits(x, f32(ts, shape), given);
    const factor = (i: number) => ws[Math.floor(i / each)]! * (ts[i]! > 0 ? ps[i % columns]! : 1);
    const term = (v: number, i: number) => factor(i) * Math.log1p(Math.exp(ts[i]! > 0 ? -v : v));
    expect(relativeError(await y.data(), Array.from(xs, term))).toBeLessThan(1e-6);
    const slope = (v: number, i: number) => factor(i) * (sigmoid(v) - ts[i]!);
    await expectClose(grad(sum(y), [x])[0]!, Array.from(xs, slope), 1e-6);
  });

  test('is right for logits of any size, and its gradient keeps its digits', async () => {
    const x = f32([1e4, -1e4, 88, -60, 0], [5]);
    x.requiresGrad = true;
    const y = loss.binaryCrossEntropyWithLogits(x, f32([0, 1, 1, 0, 1], [5]), { reduction: 'none' });
    const [a, b, c, d, e] = await y.data();
    expect([a, b]).toEqual([1e4, 1e4]);
    expect(c).toBeLessThan(1e-37);
    expect(d! / Math.exp(-60)).toBeCloseTo(1, 5);
    expect(e).toBeCloseTo(Math.LN2, 6);
    const dx = await grad(sum(y), [x])[0]!.data();
    expect(dx[0]).toBe(1);
    expect(dx[1]).toBe(-1);
    expect(dx[3]! / Math.exp(-60)).toBeCloseTo(1, 5);
  });
});

test('binaryCrossEntropy beyond [0, 1] is no number, and infinite logarithms are −100', async () => {
  const x = f32([-0.1, 1.1, 0, 1, 1e-42], [5]);
  const y = await loss.binaryCrossEntropy(x, f32([1, 1, 1, 0, 1], [5]), { reduction: 'none' }).data();
  expect([...y.subarray(0, 4)]).toEqual([NaN, NaN, 100, 100]);
  expect(y[4]).toBeCloseTo(-Math.log(Math.fround(1e-42)), 4);
});

test('klDiv divides by the batch where asked to', async () => {
  const [x, t] = [noisy([4, 7]), noisy([4, 7], 2).abs()];
  const total = await loss.klDiv(x, t, { reduction: 'sum' }).item();
  expect(await loss.klDiv(x, t, { reduction: 'batchmean' }).item()).toBeCloseTo(total / 4, 5);
  const zeros = await loss.klDiv(f32([-3, 2], [2]), f32([0, 1], [2]), { reduction: 'none' }).data();
  expect([...zeros]).toEqual([0, -2]);
});

describe('errors', () => {
  const [x, t] = [noisy([2, 3]), noisy([2, 3], 2)];
  const by =
    (options: Options, f: Loss = loss.mse) =>
    () =>
      f(x, t, options);

  test('shapes and dtypes', () => {
    expect(() => loss.mse(x, noisy([3, 2]))).toThrow(
      new RangeError('mse: target has shape [3, 2], wants [2, 3]'),
    );
    expect(() => loss.mse(i32([1], [1]) as unknown as Tensor, noisy([1]))).toThrow(
      new TypeError('mse: input is i32 [1], wants dtype f32'),
    );
    for (const nothing of [null, undefined, 3, 'x', {}, [0, 1]]) {
      expect(() => loss.huber(nothing as never, t)).toThrow(TypeError);
      expect(() => loss.huber(x, nothing as never)).toThrow(/^huber: target is/);
    }
    expect(by({ sampleWeight: noisy([3]) })).toThrow(
      new RangeError('mse: sampleWeight has shape [3], wants that of the leading axes of the losses [2, 3]'),
    );
    expect(by({ sampleWeight: noisy([2, 3, 1]) })).toThrow(RangeError);
    expect(by({ sampleWeight: i32([1, 1], [2]) })).toThrow(TypeError);
    expect(by({ posWeight: noisy([2]) }, loss.binaryCrossEntropyWithLogits)).toThrow(
      new RangeError(
        'binaryCrossEntropyWithLogits: posWeight has shape [2], wants [3], one for each column of input [2, 3]',
      ),
    );
  });

  test('options', () => {
    expect(by({ reduction: 'avg' })).toThrow(
      new RangeError("mse: reduction is 'avg', wants 'mean', 'sum' or 'none'"),
    );
    expect(by({ reduction: 3 })).toThrow(TypeError);
    expect(by({ reduction: 'batchmean' })).toThrow(RangeError);
    expect(by({ reduction: 'avg' }, loss.klDiv)).toThrow(/'batchmean'/);
    for (const delta of [0, -1, NaN, Infinity, 1e300]) expect(by({ delta }, loss.huber)).toThrow(RangeError);
    for (const beta of [-1, NaN, Infinity]) expect(by({ beta }, loss.smoothL1)).toThrow(RangeError);
    expect(by({ delta: '1' }, loss.huber)).toThrow(new TypeError('huber: delta is a string, wants a number'));
    expect(by({ squared: 1 }, loss.hinge)).toThrow(/^hinge: squared is 1, wants true or false/);
    expect(by({ logTarget: 'no' }, loss.klDiv)).toThrow(TypeError);
  });

  test('gradients that there are none of', () => {
    const wanted = noisy([2, 3], 3);
    wanted.requiresGrad = true;
    const weight = noisy([2]);
    weight.requiresGrad = true;
    expect(() => loss.klDiv(x, wanted)).toThrow(
      new StriateError('klDiv: target wants a gradient, and the loss has none by it; give target.detach()'),
    );
    expect(() => loss.binaryCrossEntropyWithLogits(x, wanted)).toThrow(StriateError);
    expect(by({ sampleWeight: weight })).toThrow(/sampleWeight wants a gradient/);
    expect(loss.mse(x, wanted).requiresGrad).toBe(true);
  });
});
