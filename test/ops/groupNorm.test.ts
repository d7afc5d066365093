import { describe, expect, test } from 'vitest';
import { backward, grad } from '../../lib/autograd.js';
import { native } from '../../lib/native.js';
import { groupNorm, instanceNorm, layerNorm } from '../../lib/ops/groupNorm.js';
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
import { definition, groupsOf, normalize, type Kind } from './groupNormDefinition.js';

/** [kind, shape, last axes or groups] */
const cases: [kind: Kind, shape: number[], how: number][] = [
  ['layer', [1], 1],
  ['layer', [7, 1], 1],
  ['layer', [5, 3], 1],
  ['layer', [300, 120], 1],
  ['layer', [3, 7, 6], 2],
  ['layer', [2, 9, 7, 100], 1],
  ['layer', [33, 5, 7, 11], 3],
  ['layer', [18, 4097], 1],
  ['layer', [3, 20_003], 1],
  ['layer', [2, 3, 1030], 3],
  ['group', [5, 12], 4],
  ['group', [70, 6], 6],
  ['group', [3, 2, 10], 5],
  ['group', [2, 7, 9, 32], 8],
  ['group', [9, 5, 6], 1],
  ['group', [2, 23, 29, 6], 3],
  ['group', [3, 31, 37, 18], 2],
  ['group', [2, 30, 33, 96], 32],
  ['group', [1, 66, 67, 64], 4],
  ['group', [9, 3, 3, 258], 6],
  ['group', [1, 2, 3, 4, 5], 5],
  ['group', [1, 2, 5001], 3],
  ['group', [2, 8, 65_546], 13],
  ['instance', [2, 2, 3], 0],
  ['instance', [5, 17, 3], 0],
  ['instance', [3, 9, 11, 70], 0],
  ['instance', [2, 33, 35, 64], 0],
  ['instance', [1, 300, 301, 3], 0],
];

describe.each(cases)('%sNorm %j by %i', (kind, shape, how) => {
  const affine = kind === 'layer' ? shape.slice(shape.length - how) : shape.slice(-1);

  test('agrees with the definition', async () => {
    const given = groupsOf(kind, shape, how);
    const { channels } = given;
    const x = noise(volume(shape), 1).map((v, i) => v * (1 + (i % channels) / channels) + (i % 3));
    const [weight, bias] = [noise(channels, 2).map((v) => v + 0.1), noise(channels, 3)];
    const dy = noise(x.length, 6);
    const eps = 1e-3;
    const expected = definition(given, x, weight, bias, dy, eps);
    const inputs = [f32(x, shape), f32(weight, affine), f32(bias, affine)] as const;
    for (const input of inputs) input.requiresGrad = true;
    const [input, w, b] = inputs;
    const f = normalize(kind, shape, how);
    const y = f(input, { weight: w, bias: b, eps });
    await expectClose(y, expected.y, 4e-6);
    const [dx, dw, db] = grad(y, [...inputs], f32(dy, shape));
    // One or two values are 0 or ±1 whatever they were: their gradient is what rounding leaves.
    const few = (given.places * channels) / given.groups <= 2;
    if (!few) await expectClose(dx!, expected.dx, 1e-5);
    if (!(few && given.images === 1)) await expectClose(dw!, expected.dw, 1e-5);
    await expectClose(db!, expected.db, 1e-5);
    // Without weight and bias, and with one of them alone.
    const [ones, none] = [new Float32Array(channels).fill(1), new Float32Array(channels)];
    const plain = definition(given, x, ones, none, dy, eps);
    const alone = f(input, { eps });
    await expectClose(alone, plain.y, 4e-6);
    const [dxAlone] = grad(alone, [input], f32(dy, shape));
    if (!few) await expectClose(dxAlone!, plain.dx, 1e-5);
    const scaled = f(input, { weight: w, eps });
    await expectClose(scaled, definition(given, x, weight, none, dy, eps).y, 4e-6);
    const shifted = f(input, { bias: b, eps });
    await expectClose(shifted, definition(given, x, ones, bias, dy, eps).y, 4e-6);
    const [, dbAlone] = grad(shifted, [input, b], f32(dy, shape));
    await expectClose(dbAlone!, expected.db, 1e-5);
  });

  test('comes to the same bits with 1 and 2 threads', async () => {
    await expectSameBits(() => {
      const inputs = [noisy(shape, 1), noisy(affine, 2), noisy(affine, 3)] as const;
      for (const input of inputs) input.requiresGrad = true;
      const [x, weight, bias] = inputs;
      const y = normalize(kind, shape, how)(x, { weight, bias });
      return [y, ...grad(y, [...inputs], noisy(shape, 4))];
    });
  });
});

interface Vector {
  kind: Kind;
  shape: number[];
  normalized?: number[];
  groups?: number;
  running?: boolean;
  input?: boolean;
  momentum?: number;
  eps?: number;
  y: number[];
  dx: number[];
  dw?: number[];
  db?: number[];
  runningMean?: number[];
  runningVar?: number[];
}

describe("PyTorch's vectors", () => {
  test.each(vectors<Vector>('groupNorm').map((v, i) => ({ ...v, i })))('$kind, case $i', async (v) => {
    const affine = v.normalized ?? v.shape.slice(-1);
    const x = f32(pattern(v.shape, 1), v.shape);
    const weight = v.dw ? f32(pattern(affine, 2).map((w) => w + 0.5), affine) : null; // prettier-ignore
    const bias = v.db ? f32(pattern(affine, 3), affine) : null;
    const inputs = [x, weight, bias].filter((input) => input !== null);
    for (const input of inputs) input.requiresGrad = true;
    const runningMean = v.running ? f32(pattern(affine, 4), affine) : null;
    const runningVar = v.running ? f32(pattern(affine, 5).map((s) => s + 1.5), affine) : null; // prettier-ignore
    const given = { weight, bias, eps: v.eps };
    const y =
      v.kind === 'layer'
        ? layerNorm(x, v.normalized!, given)
        : v.kind === 'group'
          ? groupNorm(x, v.groups!, given)
          : instanceNorm(x, {
              ...{ ...given, runningMean, runningVar },
              ...{ momentum: v.momentum, useInputStats: v.input },
            });
    await expectClose(y, v.y, 2e-6);
    const [dx, ...others] = grad(y, inputs, f32(pattern(v.shape, 6), v.shape));
    await expectClose(dx!, v.dx, 1e-5);
    if (v.dw) await expectClose(others.shift()!, v.dw, 5e-6);
    if (v.db) await expectClose(others.shift()!, v.db, 5e-6);
    if (runningMean && runningVar) {
      await expectClose(runningMean, v.runningMean!, 2e-6);
      await expectClose(runningVar, v.runningVar!, 2e-6);
    }
  });
});

describe('statistics', () => {
  test.each<[Kind, number[], number]>([
    ['layer', [7, 700], 1],
    ['layer', [3, 9000], 1],
    ['group', [2, 40, 30, 6], 3],
    ['group', [2, 13, 17, 64], 4],
    ['instance', [2, 300, 100], 0],
  ])('of %sNorm %j with a mean of 1e4 and a deviation of 1 are exact', async (kind, shape, how) => {
    const given = groupsOf(kind, shape, how);
    const x = noise(volume(shape), 8).map((v) => Math.fround(1e4 + v * Math.sqrt(3)));
    const [one, none] = [new Float32Array(given.channels).fill(1), new Float32Array(given.channels)];
    const dy = noise(x.length, 9);
    const expected = definition(given, x, one, none, dy, 1e-5);
    const input = f32(x, shape);
    input.requiresGrad = true;
    const y = normalize(kind, shape, how)(input, {});
    expect(relativeError(await y.data(), expected.y)).toBeLessThan(4e-7);
    await expectClose(grad(y, [input], f32(dy, shape))[0]!, expected.dx, 2e-6);
  });

  test('survive a start that is nothing like the rest', async () => {
    for (const [f, shape] of [
      [(x: Tensor) => layerNorm(x, 15_000), [1, 15_000]],
      [(x: Tensor) => groupNorm(x, 1), [1, 5000, 3]],
    ] as const) {
      const x = noise(15_000, 9).map((v, i) => (i < 30 ? 0 : Math.fround(1000 + v)));
      const how = { images: 1, places: 5000, channels: 3, groups: 1 };
      const zeros = new Float32Array(x.length);
      const expected = definition(how, x, zeros.slice(0, 3).fill(1), zeros, zeros, 1e-5);
      await expectClose(f(f32(x, shape)), expected.y, 2e-6);
    }
  });

  test('of equal numbers are 0, and of what is no number none, which stays in its group', async () => {
    const values = [3, 3, NaN, 1, Infinity, 2];
    const wanted = [0, 0, NaN, NaN, NaN, NaN];
    expect([...(await layerNorm(f32(values, [3, 2]), 2).data())]).toEqual(wanted);
    expect([...(await groupNorm(f32(values, [1, 6]), 3).data())]).toEqual(wanted);
    const y = await instanceNorm(f32([3, NaN, Infinity, 3, 1, 2], [1, 2, 3])).data();
    expect([...y]).toEqual([0, NaN, NaN, 0, NaN, NaN]);
  });

  test('of one value are its own', async () => {
    const x = f32([4, -2], [2, 1]);
    x.requiresGrad = true;
    const y = layerNorm(x, 1, { bias: f32([7], [1]) });
    expect([...(await y.data())]).toEqual([7, 7]);
    expect([...(await grad(y, [x], f32([1, 2], [2, 1]))[0]!.data())]).toEqual([0, 0]);
  });
});

describe('running statistics', () => {
  test('are moved in place to the mean over the images, and count as changed', async () => {
    const shape = [3, 5, 4, 6];
    const x = noise(volume(shape), 1);
    const [runningMean, runningVar] = [noisy([6], 2), f32([1, 2, 3, 4, 5, 6], [6])];
    const before = [[...(await runningMean.data())], [...(await runningVar.data())]];
    instanceNorm(f32(x, shape), { runningMean, runningVar, momentum: 0.3 });
    expect([runningMean.versions.changes, runningVar.versions.changes]).toEqual([1, 1]);
    const how = groupsOf('instance', shape, 0);
    const nothing = new Float32Array(x.length);
    const { statistics } = definition(how, x, nothing, nothing, nothing, 0);
    const mean = (f: (s: { mean: number; variance: number }) => number, c: number) =>
      [0, 1, 2].reduce((sum, image) => sum + f(statistics[image * 6 + c]!) / 3, 0);
    await expectClose(runningMean, before[0]!.map((v, c) => 0.7 * v + 0.3 * mean((s) => s.mean, c))); // prettier-ignore
    await expectClose(
      runningVar,
      before[1]!.map((v, c) => 0.7 * v + 0.3 * mean((s) => (s.variance * 20) / 19, c)),
    );
  });

  test('stay as they were when the input has failed', async () => {
    const beyondMemory = native.full([2 ** 44, 4, 3], 0, 'f32');
    const [runningMean, runningVar] = [f32([1, 2, 3], [3]), f32([4, 5, 6], [3])];
    const [mean, variance] = [runningMean.handle, runningVar.handle];
    const [y] = native.instanceNorm(beyondMemory, null, null, mean, variance, 0.1, 1e-5);
    await expect(native.data(y)).rejects.toThrow(StriateError);
    expect([...(await runningMean.data())]).toEqual([1, 2, 3]);
    expect([...(await runningVar.data())]).toEqual([4, 5, 6]);
  });
});

test('gradients agree with differences', async () => {
  const x = () => noisy([3, 4, 6]);
  const affine = () => [noisy([6], 2), noisy([6], 3)];
  await expectGradients((a, weight, bias) => layerNorm(a, 6, { weight, bias }), [x(), ...affine()]);
  await expectGradients(
    (a, weight, bias) => layerNorm(a, [4, 6], { weight, bias }),
    [x(), noisy([4, 6], 2), noisy([4, 6], 3)],
  );
  await expectGradients((a, weight, bias) => groupNorm(a, 2, { weight, bias }), [x(), ...affine()]);
  await expectGradients((a) => groupNorm(a, 3), [noisy([5, 6])]);
  await expectGradients((a, weight, bias) => instanceNorm(a, { weight, bias }), [x(), ...affine()]);
  const [runningMean, runningVar] = [noisy([6]), f32([1, 2, 3, 4, 5, 6], [6])];
  await expectGradients(
    (a, weight, bias) => instanceNorm(a, { weight, bias, runningMean, runningVar, useInputStats: false }),
    [x(), ...affine()],
  );
});

test('of nothing is nothing', async () => {
  for (const f of [
    (x: Tensor, weight: Tensor) => layerNorm(x, 3, { weight }),
    (x: Tensor, weight: Tensor) => groupNorm(x, 3, { weight }),
    (x: Tensor, weight: Tensor) => instanceNorm(x, { weight }),
  ]) {
    const [x, weight] = [noisy([0, 4, 3]), noisy([3])];
    for (const input of [x, weight]) input.requiresGrad = true;
    const y = f(x, weight);
    expect([...(await y.data())]).toEqual([]);
    const [dx, dw] = grad(y, [x, weight], noisy([0, 4, 3]));
    expect(dx!.shape).toEqual([0, 4, 3]);
    expect([...(await dw!.data())]).toEqual([0, 0, 0]);
  }
  expect((await groupNorm(noisy([2, 0, 4]), 2).data()).length).toBe(0);
});

test.each<[Kind, number]>([
  ['layer', 1],
  ['group', 4],
])('the gradient of %sNorm goes where that by the result is, if nothing else holds it', async (kind, how) => {
  const shape = [16, 128, 64];
  const bytes = 4 * volume(shape);
  const takes = async (shared: boolean) => {
    const [x, g] = [noisy(shape), noisy(shape, 2)];
    const [y, statistics] =
      kind === 'layer'
        ? native.layerNorm(x.handle, null, null, [64], 1e-5)
        : native.groupNorm(x.handle, null, null, how, 1e-5);
    const view = shared ? g.detach() : null;
    const handle = g.giveUp();
    await collectGarbage();
    native.resetPeak();
    const before = native.memory().liveBytes;
    const [dx] =
      kind === 'layer'
        ? native.layerNormBackward(handle, x.handle, null, statistics, [64], false)
        : native.groupNormBackward(handle, x.handle, null, statistics, how, false);
    await synchronize();
    const taken = native.memory().peakBytes - before;
    if (view) await expectClose(view, noise(volume(shape), 2), 0);
    for (const gone of [y, statistics, dx]) native.dispose(gone);
    return Math.round((4 * taken) / bytes) / 4;
  };
  expect(await takes(false)).toBe(0);
  expect(await takes(true)).toBe(1);
});

test('a weight changed before the backward pass is told', () => {
  const [x, weight] = [noisy([4, 3]), noisy([3])];
  weight.requiresGrad = true;
  const y = layerNorm(x, 3, { weight });
  weight.assign(noisy([3], 2));
  expect(() => backward(y, noisy([4, 3]))).toThrow(/layerNorm saved was changed in place/);
});

test('what is written past the caches is the same', async () => {
  const [times, rows, channels] = [40, 4000, 64];
  const x = noise(rows * channels);
  const many = new Float32Array(times * x.length);
  for (let i = 0; i < times; i++) many.set(x, i * x.length);
  for (const f of [(t: Tensor) => layerNorm(t, channels), (t: Tensor) => groupNorm(t, 4)]) {
    const expected = await f(f32(x, [1, rows, channels])).data();
    const given = await f(f32(many, [times, rows, channels])).data();
    for (const i of [0, 1, times - 1]) {
      const part = given.slice(i * x.length, (i + 1) * x.length);
      expect(Buffer.compare(Buffer.from(part.buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  }
});

describe('refused', () => {
  const x = noisy([4, 5, 6]);
  const six = () => noisy([6]);
  test.each<[string, () => unknown, RegExp]>([
    ['another length', () => layerNorm(x, 5), /layerNorm: normalizedShape is \[5\], wants the sizes of the last/],
    ['more axes', () => layerNorm(x, [1, 4, 5, 6]), /layerNorm: normalizedShape is \[1, 4, 5, 6\], wants/],
    ['no axes', () => layerNorm(x, []), /layerNorm: normalizedShape is \[\], wants/],
    ['nothing', () => layerNorm(noisy([3, 0]), 0), /layerNorm: normalizedShape \[0\] has no elements/],
    ['no shape', () => layerNorm(x, 'x' as never), /layerNorm: normalizedShape is a string/],
    ['a fraction', () => layerNorm(x, 6.5), /layerNorm: normalizedShape\[0\] is 6.5/],
    ['eps below 0', () => layerNorm(x, 6, { eps: -1 }), /layerNorm: eps is -1/],
    ['eps that is none', () => groupNorm(x, 2, { eps: NaN }), /groupNorm: eps is NaN/],
    ['a weight', () => layerNorm(x, [5, 6], { weight: six() }), /layerNorm: weight has shape \[6\], wants \[5, 6\]/],
    ['a bias', () => groupNorm(x, 2, { bias: noisy([3]) }), /groupNorm: bias has shape \[3\], wants \[6\]/],
    ['groups', () => groupNorm(x, 4), /groupNorm: numGroups is 4, wants one of the divisors of the 6 channels/],
    ['no groups', () => groupNorm(x, 0), /groupNorm: numGroups is 0, wants a whole number from 1/],
    ['half a group', () => groupNorm(x, 1.5), /groupNorm: numGroups is 1.5/],
    ['no channels', () => groupNorm(noisy([2, 0]), 1), /groupNorm: input \[2, 0\] has no channels/],
    ['one axis', () => groupNorm(six(), 1), /groupNorm: input \[6\] has 1 axes, wants at least 2/],
    ['another dtype', () => groupNorm(i32([1, 2], [1, 2]) as never, 1), /groupNorm: input is i32/],
    ['no tensor', () => layerNorm(null as never, 1), /layerNorm: input is null, wants a tensor/],
    ['one place', () => instanceNorm(noisy([2, 1, 6])), /instanceNorm: input \[2, 1, 6\] has 1 values per channel of an/],
    ['two axes', () => instanceNorm(noisy([2, 6])), /instanceNorm: input \[2, 6\] has 2 axes, wants 3 or 4/],
    ['no statistics', () => instanceNorm(x, { useInputStats: false }), /instanceNorm: wants runningMean and/],
    ['no flag', () => instanceNorm(x, { useInputStats: 1 as never }), /instanceNorm: useInputStats is 1, wants true/],
    ['one statistic', () => instanceNorm(x, { runningMean: six() }), /instanceNorm: one of runningMean and running/],
    [
      'momentum',
      () => instanceNorm(x, { runningMean: six(), runningVar: six(), momentum: 2 }),
      /instanceNorm: momentum is 2/,
    ],
  ])('%s', (_, work, message) => {
    expect(work).toThrow(message);
  }); // prettier-ignore

  test('one tensor as both running statistics', () => {
    const both = six();
    expect(() => instanceNorm(x, { runningMean: both, runningVar: both.detach() })).toThrow(
      /runningMean and runningVar are one tensor/,
    );
  });

  test('gradients and statistics that do not fit', () => {
    const call = (g: Tensor, statistics: Tensor, weight: Tensor | null = null) =>
      native.groupNormBackward(g.giveUp(), x.handle, weight?.handle ?? null, statistics.handle, 2, true);
    expect(() => call(noisy([4, 6, 5]), noisy([4, 8]))).toThrow(/gradient has shape \[4, 6, 5\], wants/);
    expect(() => call(noisy([4, 5, 6]), noisy([4, 4]))).toThrow(/statistics has shape \[4, 4\], wants \[4, 8\]/);
    expect(() => call(noisy([4, 5, 6]), noisy([4, 8]), noisy([5]))).toThrow(/weight has shape \[5\], wants/);
  }); // prettier-ignore
});
