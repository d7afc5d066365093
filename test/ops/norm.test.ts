import { describe, expect, test } from 'vitest';
import { backward, grad } from '../../lib/autograd.js';
import type { Handle } from '../../binding.js';
import { native } from '../../lib/native.js';
import { add, mul } from '../../lib/ops/elementwise.js';
import '../../lib/ops/reduce.js';
import { batchNorm, type BatchNormOptions } from '../../lib/ops/norm.js';
import { StriateError, synchronize, type Tensor } from '../../lib/tensor.js';
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
import { pattern, vectors } from '../fixtures/pattern.js';
import { collectGarbage } from '../garbage.js';

interface Statistics {
  mean: number[];
  variance: number[];
}

/** The definition in double precision: statistics, y for given ones, and the gradients of Σ y·dy. */
function statisticsOf(x: Float32Array, channels: number): Statistics {
  const rows = x.length / channels;
  const each = Array.from({ length: channels }, (_, c) => c);
  const sum = (f: (v: number, c: number) => number) =>
    each.map((c) => {
      let total = 0;
      for (let i = c; i < x.length; i += channels) total += f(x[i]!, c);
      return total / rows;
    });
  const mean = sum((v) => v);
  return { mean, variance: sum((v, c) => (v - mean[c]!) ** 2) };
}

interface Definition {
  training: boolean;
  eps: number;
  relu: boolean;
  residual: Float32Array | null;
}

function definition(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  { mean, variance }: Statistics,
  dy: Float32Array,
  { training, eps, relu, residual }: Definition,
) {
  const channels = weight.length;
  const rows = x.length / channels;
  const xHat = Array.from(x, (v, i) => {
    const c = i % channels;
    return (v - mean[c]!) / Math.sqrt(variance[c]! + eps);
  });
  const plain = xHat.map((v, i) => v * weight[i % channels]! + bias[i % channels]! + (residual?.[i] ?? 0));
  const y = plain.map((v) => (relu ? Math.max(0, v) : v));
  const g = Array.from(dy, (v, i) => (relu && plain[i]! <= 0 ? 0 : v));
  const dw = new Array<number>(channels).fill(0);
  const db = new Array<number>(channels).fill(0);
  g.forEach((v, i) => {
    dw[i % channels]! += v * xHat[i]!;
    db[i % channels]! += v;
  });
  const dx = g.map((v, i) => {
    const c = i % channels;
    const indirect = training ? (db[c]! + xHat[i]! * dw[c]!) / rows : 0;
    return (weight[c]! / Math.sqrt(variance[c]! + eps)) * (v - indirect);
  });
  return { y, dx, dw, db, dr: g };
}

const shapes = [
  [2, 1],
  [5, 3],
  [300, 120],
  [17, 16],
  [3, 7, 6],
  [4, 23, 29, 6],
  [3, 31, 37, 17],
  [2, 30, 33, 64],
  [2, 9, 7, 100],
  [40, 3, 3, 257],
  [1, 1, 2, 5000],
];

describe.each(shapes.flatMap((shape) => [true, false].map((training) => ({ shape, training }))))(
  'batchNorm $shape, training $training',
  ({ shape, training }) => {
    test.each([
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ])('agrees with the definition; relu %s, residual %s', async (relu, adds) => {
      const channels = shape.at(-1)!;
      const x = noise(volume(shape), 1).map((v, i) => v * (1 + (i % channels) / channels) + (i % 3));
      const weight = noise(channels, 2).map((v) => v + 0.1);
      const bias = noise(channels, 3);
      const running = {
        mean: [...noise(channels, 4)],
        variance: [...noise(channels, 5).map((v) => v + 1.2)],
      };
      const dy = noise(x.length, 6);
      const eps = 1e-3;
      const batch = statisticsOf(x, channels);
      const added = adds ? noise(x.length, 7) : null;
      const how = { training, eps, relu, residual: added };
      const expected = definition(x, weight, bias, training ? batch : running, dy, how);

      const inputs = [f32(x, shape), f32(weight, [channels]), f32(bias, [channels])] as const;
      const residual = added ? f32(added, shape) : null;
      if (residual) residual.requiresGrad = true;
      const [runningMean, runningVar] = [f32(running.mean, [channels]), f32(running.variance, [channels])];
      for (const input of inputs) input.requiresGrad = true;
      const [input, w, b] = inputs;
      const y = batchNorm(input, {
        ...{ weight: w, bias: b, runningMean, runningVar },
        ...{ training, momentum: 0.3, eps, relu, residual },
      });
      await expectClose(y, expected.y, 4e-6);
      const [dx, dw, db, dr] = grad(y, [...inputs, ...(residual ? [residual] : [])], f32(dy, shape));
      // Two values per channel are ±1 whatever they were: their gradient is what rounding leaves.
      if (!(training && x.length === 2 * channels)) await expectClose(dx!, expected.dx, 1e-5);
      await expectClose(dw!, expected.dw, 1e-5);
      await expectClose(db!, expected.db, 1e-5);
      if (dr) expect([...(await dr.data())]).toEqual(expected.dr);

      const rows = x.length / channels;
      const moved = (before: number[], now: number[], factor: number) =>
        before.map((v, c) => (training ? 0.7 * v + 0.3 * factor * now[c]! : v));
      await expectClose(runningMean, moved(running.mean, batch.mean, 1));
      await expectClose(runningVar, moved(running.variance, batch.variance, rows / (rows - 1)));
    });
  },
);

interface Vector {
  shape: number[];
  training: boolean;
  affine?: boolean;
  relu?: boolean;
  residual?: boolean;
  momentum?: number;
  eps?: number;
  y: number[];
  dx: number[];
  dw?: number[];
  db?: number[];
  dr?: number[];
  runningMean: number[];
  runningVar: number[];
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('norm'))('$shape, training $training', async (v) => {
    const shape = [v.shape.at(-1)!];
    const x = f32(pattern(v.shape, 1), v.shape);
    const weight = v.affine ? f32(pattern(shape, 2).map((w) => w + 0.5), shape) : null; // prettier-ignore
    const bias = v.affine ? f32(pattern(shape, 3), shape) : null;
    const [runningMean, runningVar] = [f32(pattern(shape, 4), shape), f32(pattern(shape, 5).map((s) => s + 1.5), shape)]; // prettier-ignore
    const inputs = [x, weight, bias].filter((input) => input !== null);
    for (const input of inputs) input.requiresGrad = true;
    const { training, momentum, eps, relu } = v;
    const residual = v.residual ? f32(pattern(v.shape, 7), v.shape) : null;
    if (residual) residual.requiresGrad = true;
    const given = { weight, bias, runningMean, runningVar, training, momentum, eps, relu, residual };
    const y = batchNorm(x, given);
    await expectClose(y, v.y, 2e-6);
    const dy = f32(pattern(v.shape, 6), v.shape);
    if (residual && v.dr) await expectClose(grad(y, [residual], dy, { retainGraph: true })[0]!, v.dr);
    const [dx, dw, db] = grad(y, inputs, dy);
    await expectClose(dx!, v.dx, 1e-5);
    if (dw && v.dw) await expectClose(dw, v.dw, 5e-6);
    if (db && v.db) await expectClose(db, v.db, 5e-6);
    await expectClose(runningMean, v.runningMean, 2e-6);
    await expectClose(runningVar, v.runningVar, 2e-6);
  });
});

describe('statistics', () => {
  test.each([
    [6, 5000],
    [64, 700],
    [100, 350],
  ])('of %i channels with a mean of 1e4 and a deviation of 1 are exact', async (channels, rows) => {
    const x = noise(rows * channels, 8).map((v) => Math.fround(1e4 + v * Math.sqrt(3)));
    const { mean, variance } = statisticsOf(x, channels);
    const [runningMean, runningVar] = [f32(mean, [channels]), f32(variance, [channels])];
    const y = batchNorm(f32(x, [rows, channels]), { training: true, momentum: 1, runningMean, runningVar });
    const wanted = Array.from(x, (v, i) => {
      const c = i % channels;
      return (v - mean[c]!) / Math.sqrt(variance[c]! + 1e-5);
    });
    expect(relativeError(await y.data(), wanted)).toBeLessThan(3e-7);
    await expectClose(runningMean, mean, 1e-7);
    const unbiased = variance.map((v) => (v * rows) / (rows - 1));
    expect(relativeError(await runningVar.data(), unbiased)).toBeLessThan(1e-6);
  });

  test('survive a start that is nothing like the rest', async () => {
    const [rows, channels] = [5000, 3];
    const x = noise(rows * channels, 9).map((v, i) => (i < 30 ? 0 : Math.fround(1000 + v)));
    const { variance } = statisticsOf(x, channels);
    const [runningMean, runningVar] = [f32([0, 0, 0], [3]), f32([0, 0, 0], [3])];
    batchNorm(f32(x, [rows, channels]), { training: true, momentum: 1, runningMean, runningVar });
    await expectClose(runningVar, variance.map((v) => (v * rows) / (rows - 1)), 2e-6); // prettier-ignore
  });

  test('of a constant channel are 0, and of one with what is no number none', async () => {
    const x = f32([3, NaN, 3, 1, 3, 2], [3, 2]);
    const [y, ...rest] = await batchNorm(x, { training: true }).data();
    expect(y).toBe(0);
    expect(rest.map(Number.isNaN)).toEqual([true, false, true, false, true]);
  });
});

describe('running statistics', () => {
  test('count as changed in place', () => {
    const [x, runningMean, runningVar] = [noisy([4, 3]), noisy([3]), noisy([3])];
    runningMean.requiresGrad = true;
    const y = add(runningMean, runningMean);
    const z = grad(y, [runningMean], noisy([3]));
    expect(z).toHaveLength(1);
    batchNorm(x, { runningMean, runningVar, training: true });
    expect([runningMean.versions.changes, runningVar.versions.changes]).toEqual([1, 1]);
    batchNorm(x, { runningMean, runningVar });
    expect([runningMean.versions.changes, runningVar.versions.changes]).toEqual([1, 1]);
  });

  test('may change between an inference and its backward pass', async () => {
    const [x, runningMean, runningVar] = [noisy([4, 3]), f32([0, 0, 0], [3]), f32([3, 3, 3], [3])];
    x.requiresGrad = true;
    const y = batchNorm(x, { runningMean, runningVar, eps: 1 });
    runningVar.assign(f32([8, 8, 8], [3]));
    const dx = await grad(y, [x], f32(new Array<number>(12).fill(1), [4, 3]))[0]!.data();
    expect([...dx]).toEqual(new Array(12).fill(0.5));
  });

  test('stay as they were when the input has failed', async () => {
    const beyondMemory = native.full([2 ** 46, 3], 0, 'f32');
    const [runningMean, runningVar] = [f32([1, 2, 3], [3]), f32([4, 5, 6], [3])];
    const [mean, variance] = [runningMean.handle, runningVar.handle];
    const [y] = native.batchNorm(beyondMemory, null, null, mean, variance, null, 0.1, 1e-5, false, false);
    await expect(native.data(y)).rejects.toThrow(StriateError);
    expect([...(await runningMean.data())]).toEqual([1, 2, 3]);
    expect([...(await runningVar.data())]).toEqual([4, 5, 6]);
  });
});

test('gradients agree with differences', async () => {
  const shape = [3, 4, 5];
  const options: BatchNormOptions[] = [
    { training: true },
    { runningMean: noisy([5]), runningVar: f32([1, 2, 3, 4, 5], [5]) },
  ];
  for (const given of options) {
    await expectGradients((x) => batchNorm(x, given), [noisy(shape)]);
    await expectGradients((x, weight) => batchNorm(x, { weight, ...given }), [noisy(shape), noisy([5], 2)]);
    await expectGradients((x, bias) => batchNorm(x, { bias, ...given }), [noisy(shape), noisy([5], 2)]);
    await expectGradients(
      (x, weight, bias) => batchNorm(x, { weight, bias, ...given }),
      [noisy(shape), noisy([5], 2), noisy([5], 3)],
    );
    await expectGradients(
      (x, weight, residual) => batchNorm(x, { weight, residual, ...given }),
      [noisy(shape), noisy([5], 2), noisy(shape, 3)],
    );
    // Far from 0 where relu has its kink, and on both sides of it.
    const far = noise(volume(shape), 4).map((v) => v + 8 * Math.sign(v));
    await expectGradients(
      (x, residual, bias) => batchNorm(x, { residual, bias, ...given, relu: true }),
      [noisy(shape), f32(far, shape), noisy([5], 2)],
    );
  }
});

test('one tensor may be both input and residual, and a residual want no gradient', async () => {
  const [x, dy] = [noisy([6, 3]), noisy([6, 3], 2)];
  x.requiresGrad = true;
  const both = (a: Tensor, b: Tensor) => batchNorm(a, { residual: b, training: true, relu: true });
  const [whole] = grad(both(x, x), [x], dy);
  const [x1, x2] = [f32(await x.data(), [6, 3]), f32(await x.data(), [6, 3])];
  x1.requiresGrad = true;
  const [alone] = grad(both(x1, x2), [x1], dy);
  x2.requiresGrad = true;
  const [byX, byResidual] = grad(both(x1, x2), [x1, x2], dy);
  await expectClose(alone!, await byX!.data(), 0);
  await expectClose(whole!, await add(byX!, byResidual!).data());
});

describe('two gradients of one result', () => {
  const cases = [[17, 16], [4, 23, 29, 6], [3, 31, 37, 17], [2, 9, 7, 100]].flatMap((shape) =>
    [true, false].flatMap((relu) => [true, false].map((adds) => ({ shape, relu, adds }))),
  ); // prettier-ignore
  test.each(cases)('are added: $shape, relu $relu, residual $adds', async ({ shape, relu, adds }) => {
    const channels = shape.at(-1)!;
    const inputs = [noisy(shape), noisy([channels], 2), noisy([channels], 3), noisy(shape, 4)] as const;
    const [x, weight, bias, residual] = inputs;
    const wanted = adds ? [...inputs] : inputs.slice(0, 3);
    for (const input of wanted) input.requiresGrad = true;
    for (const training of [true, false]) {
      const given = { runningMean: noisy([channels], 5), runningVar: noisy([channels], 6).add(2), training };
      const forward = () => batchNorm(x, { weight, bias, ...given, relu, residual: adds ? residual : null });
      const [g, h] = [noisy(shape, 7), noisy(shape, 8)];
      const expected = grad(forward(), wanted, add(g, h));
      const twice = forward();
      const both = grad(add(mul(twice, g), mul(twice, h)).sum(), wanted);
      for (const [i, gradient] of both.entries())
        await expectClose(gradient, await expected[i]!.data(), 2e-6);
      // Where the gradient by the result is asked for, it is added before.
      const y = forward();
      const all = grad(add(mul(y, g), mul(y, h)).sum(), [y, ...wanted]);
      for (const [i, sum] of [add(g, h), ...expected].entries())
        await expectClose(all[i]!, await sum.data(), 2e-6);
    }
  });
});

describe('the gradients by x and residual take', () => {
  const shape = [4096, 64];
  const bytes = 4 * volume(shape);
  /** How many tensors of x's size, to the next quarter, a backward pass takes beside what `count` gradients are in. */
  const takes = async (count: number, masked: boolean, shared: boolean) => {
    const [x, residual] = [noisy(shape), noisy(shape, 2)];
    const [y, statistics, mask] = native.batchNorm(
      ...([x.handle, null, null, null, null, residual.handle, 0.1, 1e-5, true, true] as const),
    );
    const gradients = Array.from({ length: count }, (_, i) => noisy(shape, 3 + i));
    const views = shared ? gradients.map((g) => g.detach()) : [];
    const handles = gradients.map((g) => g.giveUp());
    await collectGarbage();
    native.resetPeak();
    const before = native.memory().liveBytes;
    const results = native.batchNormBackward(
      ...([handles, x.handle, null, null, statistics, masked ? mask : null, true, true] as const),
    );
    await synchronize();
    const taken = native.memory().peakBytes - before;
    for (const [i, view] of views.entries()) await expectClose(view, noise(volume(shape), 3 + i), 0);
    for (const tensor of [x, residual, ...views]) tensor.dispose();
    for (const handle of [y, statistics, mask, ...results]) if (handle !== null) native.dispose(handle);
    return Math.round((4 * taken) / bytes) / 4;
  };

  test.each([
    [1, false, 0, 1],
    [1, true, 1, 2],
    [2, false, 0, 2],
    [2, true, 0, 2],
  ])(
    'of %i gradients, mask %s: %i tensors, and %i where others hold them',
    async (count, masked, own, others) => {
      expect(await takes(count, masked, false)).toBe(own);
      expect(await takes(count, masked, true)).toBe(others);
    },
  );
});

test('what is written past the caches is the same', async () => {
  const [times, rows, channels] = [33, 4000, 64];
  const small = [1, 2, 3].map((seed) => noise(rows * channels, seed));
  const repeated = (data: Float32Array) => {
    const all = new Float32Array(times * data.length);
    for (let i = 0; i < times; i++) all.set(data, i * data.length);
    return all;
  };
  const run = async (data: Float32Array[], n: number, relu: boolean) => {
    const [x, residual, dy] = data.map((d) => f32(d, [n, channels])) as [Tensor, Tensor, Tensor];
    for (const input of [x, residual]) input.requiresGrad = true;
    const given = { runningMean: noisy([channels], 4), runningVar: f32(new Array<number>(64).fill(2), [64]) };
    const results: Tensor[] = [];
    for (const training of [true, false]) {
      const y = batchNorm(x, { ...given, training, momentum: 0, relu, residual });
      const plain = batchNorm(x, { ...given, training, momentum: 0, relu });
      results.push(y, ...grad(y, [x, residual], dy), plain, ...grad(plain, [x], dy));
    }
    return Promise.all(results.map((t) => t.data()));
  };
  for (const relu of [false, true]) {
    const expected = await run(small, rows, relu);
    const large = await run(small.map(repeated), times * rows, relu);
    for (const [i, data] of large.entries()) {
      const n = expected[i]!.length;
      for (const copy of [0, 1, times - 1]) {
        const part = data.subarray(copy * n, (copy + 1) * n);
        expect(relativeError(part, expected[i]!)).toBeLessThan(2e-6);
      }
    }
  }
});

test('a parameter changed before the backward pass is told', () => {
  const [x, weight] = [noisy([4, 3]), noisy([3])];
  weight.requiresGrad = true;
  const y = batchNorm(x, { weight, training: true });
  weight.assign(noisy([3], 2));
  expect(() => backward(y, noisy([4, 3]))).toThrow(/batchNorm saved was changed in place/);
});

test('results are the same for 1 and 2 threads', async () => {
  for (const shape of [
    [7, 60, 50, 6],
    [3, 30, 41, 64],
    [50, 11, 130],
  ]) {
    // prettier-ignore
    const channels = shape.at(-1)!;
    const [x, weight, bias] = [noisy(shape), noisy([channels], 2), noisy([channels], 3)];
    for (const input of [x, weight, bias]) input.requiresGrad = true;
    await expectSameBits(() => {
      const [runningMean, runningVar] = [noisy([channels], 4), noisy([channels], 5)];
      const y = batchNorm(x, { weight, bias, runningMean, runningVar, training: true, relu: true });
      return [y, runningMean, runningVar, ...grad(y, [x, weight, bias], noisy(shape, 6))];
    });
    await expectSameBits(() => {
      const residual = noisy(shape, 7);
      residual.requiresGrad = true;
      const y = batchNorm(x, { weight, bias, training: true, relu: true, residual });
      return [y, ...grad(y, [x, weight, bias, residual], noisy(shape, 6))];
    });
  }
});

describe('refused', () => {
  const x = noisy([4, 3]);
  const three = () => noisy([3]);
  test.each<[Tensor, BatchNormOptions, RegExp]>([
    [noisy([3]), {}, /batchNorm: input \[3\] has 1 axes, wants 2, 3 or 4/],
    [noisy([1, 3]), {}, /batchNorm: input \[1, 3\] has 1 values per channel, wants at least 2/],
    [noisy([0, 3]), {}, /batchNorm: input \[0, 3\] has 0 values per channel/],
    [noisy([4, 0]), {}, /batchNorm: input \[4, 0\] has no channels/],
    [x, { weight: noisy([4]) }, /batchNorm: weight has shape \[4\], wants \[3\]/],
    [x, { bias: noisy([1, 3]) }, /batchNorm: bias has shape \[1, 3\], wants \[3\]/],
    [x, { bias: i32([1, 2, 3], [3]) as never }, /batchNorm: bias is i32 \[3\], wants dtype f32/],
    [x, { runningMean: three() }, /batchNorm: one of runningMean and runningVar is given/],
    [x, { runningMean: x, runningVar: x }, /batchNorm: runningMean has shape/],
    [x, { eps: -1 }, /batchNorm: eps is -1/],
    [x, { eps: NaN }, /batchNorm: eps is NaN/],
    [x, { momentum: 1.5 }, /batchNorm: momentum is 1.5/],
    [x, { momentum: '1' as never }, /batchNorm: momentum is a string/],
    [x, { relu: 1 as never }, /batchNorm: relu is 1, wants true or false/],
    [x, { residual: noisy([3, 4]) }, /batchNorm: residual has shape \[3, 4\], wants \[4, 3\]/],
    [x, { residual: 1 as never }, /batchNorm: residual is no tensor/],
    [x, { weight: {} as never }, /batchNorm: weight is an object, wants a tensor/],
  ])('%s %o', (input, options, message) => {
    expect(() => batchNorm(input, { ...options, training: true })).toThrow(message);
  });

  test('one tensor as both running statistics', () => {
    const both = three();
    expect(() => batchNorm(x, { runningMean: both, runningVar: both.detach(), training: true })).toThrow(
      /runningMean and runningVar are one tensor/,
    );
  });

  test('inference without statistics', () => {
    expect(() => batchNorm(x)).toThrow(/batchNorm: wants runningMean and runningVar/);
    expect(() => batchNorm(x, { runningMean: three(), runningVar: noisy([2]) })).toThrow(
      /runningVar has shape/,
    );
  });

  test('gradients that do not fit', () => {
    const statistics = noisy([3, 3]).handle;
    const bytes = (count: number) => native.full([count], 1, 'u8');
    const call =
      (gradients: Tensor[], made = statistics, mask: Handle | null = null, relu = false) =>
      () =>
        native.batchNormBackward(
          gradients.map((g) => g.detach().giveUp()), x.handle, null, null, made, mask, relu, true,
        ); // prettier-ignore
    expect(call([])).toThrow(/gradients has 0 tensors, wants 1 or 2/);
    expect(call([x, x, x])).toThrow(/gradients has 3 tensors, wants 1 or 2/);
    expect(call([noisy([3, 4])])).toThrow(/gradients\[0\] has shape \[3, 4\], wants \[4, 3\]/);
    expect(call([x, noisy([3, 4])])).toThrow(/gradients\[1\] has shape \[3, 4\], wants \[4, 3\]/);
    expect(call([x], statistics, bytes(1000), true)).toThrow(/mask has shape \[1000\], wants/);
    expect(call([x], statistics, x.handle, true)).toThrow(/mask is f32 \[4, 3\], wants dtype u8/);
    expect(call([x], statistics, bytes(1))).toThrow(/mask is given, wants null without relu/);
    expect(call([x], noisy([3]).handle)).toThrow(/statistics has shape \[3\], wants \[3, 3\]/);
  });

  test('a mask without relu and residual', () => {
    const [X, one, u, R] = [x.handle, three().handle, null, noisy([4, 3]).handle];
    for (const [residual, relu] of [[u, true], [R, false]] as const) {
      const wanted = /mask is true, wants false without relu and residual/;
      expect(() => native.batchNorm(X, u, u, u, u, residual, 0.1, 1e-5, relu, true)).toThrow(wanted);
      expect(() => native.batchNormInference(X, u, u, one, one, residual, 1e-5, relu, true)).toThrow(wanted);
    } // prettier-ignore
  });
});
