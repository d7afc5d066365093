import { describe, expect, test } from 'vitest';
import { backward, grad } from '../../lib/autograd.js';
import { loss } from '../../lib/index.js';
import { native, StriateError } from '../../lib/native.js';
import { logSoftmax, softmax } from '../../lib/ops/softmax.js';
import { sum } from '../../lib/ops/reduce.js';
import type { Shape, Tensor } from '../../lib/tensor.js';
import { expectClose, expectGradients, expectSameBits, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

interface Targets {
  /** The distribution of row r, or none where it is ignored. */
  t: (r: number) => number[] | null;
  weights: ArrayLike<number>;
  smoothing: number;
}

/** Losses of rows, and their gradients by the logits, in double precision. */
function definition(x: Float32Array, classes: number, { t, weights, smoothing }: Targets) {
  const losses: number[] = [];
  const gradients: number[] = [];
  for (let r = 0; r * classes < x.length; r++) {
    const row = [...x.subarray(r * classes, (r + 1) * classes)];
    const largest = Math.max(...row);
    const total = row.reduce((s, v) => s + Math.exp(v - largest), 0);
    const logs = row.map((v) => v - largest - Math.log(total));
    const target = t(r);
    const masses = row.map((_, k) =>
      target ? weights[k]! * ((1 - smoothing) * target[k]! + smoothing / classes) : 0,
    );
    const all = masses.reduce((s, a) => s + a, 0);
    losses.push(-masses.reduce((s, a, k) => s + a * logs[k]!, 0));
    gradients.push(...masses.map((a, k) => Math.exp(logs[k]!) * all - a));
  }
  return { losses, gradients };
}

const shapes: Shape[] = [[13], [1, 5], [129, 10], [9, 1003], [5, 20_011], [3, 17, 11, 21], [20_003, 2]];

describe.each(shapes.map((shape) => [shape]))('crossEntropy of %j', (shape) => {
  const classes = shape.at(-1)!;
  const rows = shape.slice(0, -1);
  const count = volume(rows);
  const xs = noise(volume(shape)).map((v) => v * 5);
  const labels = Int32Array.from(noise(count, 7), (v, i) =>
    i % 7 === 3 ? 1 : Math.floor(((v + 1) / 2) * classes),
  );
  const weights = noise(classes, 8).map((v) => v + 1.5);
  const samples = noise(count, 9).map((v) => v + 1.5);
  const soft = noise(volume(shape), 10).map((v) => (v + 1) / classes);

  async function check(options: loss.CrossEntropyOptions, distributions: boolean): Promise<void> {
    const { labelSmoothing: smoothing = 0, classWeights, sampleWeight, ignoreIndex } = options;
    const oneHot = (r: number) => Array.from({ length: classes }, (_, k) => (k === labels[r] ? 1 : 0));
    const distribution = (r: number) => [...soft.subarray(r * classes, (r + 1) * classes)];
    const ws = classWeights ? weights : new Float32Array(classes).fill(1);
    const { losses, gradients } = definition(xs, classes, {
      t: distributions ? distribution : (r) => (labels[r] === ignoreIndex ? null : oneHot(r)),
      weights: ws,
      smoothing,
    });
    const by = (r: number) => (sampleWeight ? samples[r]! : 1);
    const divisor = distributions
      ? count
      : labels.reduce((s, label) => s + (label === ignoreIndex ? 0 : ws[label]!), 0);
    const x = f32(xs, shape);
    x.requiresGrad = true;
    const target = distributions ? f32(soft, shape) : i32(labels, rows);
    const each = loss.crossEntropy(x, target, { ...options, reduction: 'none' });
    expect(each.shape).toEqual(rows);
    await expectClose(each, losses.map((v, r) => v * by(r)), 2e-6); // prettier-ignore
    const g = noise(count, 11);
    const of = (scale: (r: number) => number) =>
      gradients.map((v, i) => v * by(Math.floor(i / classes)) * scale(Math.floor(i / classes)));
    await expectClose(grad(each, [x], f32(g, rows))[0]!, of((r) => g[r]!), 3e-6); // prettier-ignore
    const total = losses.reduce((s, v, r) => s + v * by(r), 0);
    for (const [reduction, n] of [
      ['sum', 1],
      ['mean', divisor],
    ] as const) {
      // prettier-ignore
      const one = loss.crossEntropy(x, target, { ...options, reduction });
      expect(Math.abs((await one.item()) / (total / n) - 1)).toBeLessThan(3e-6);
      await expectClose(grad(one, [x], f32([2], []))[0]!, of(() => 2 / n), 3e-6); // prettier-ignore
    }
  }

  const classWeights = f32(weights, [classes]);
  const sampleWeight = f32(samples, rows);

  test.each<loss.CrossEntropyOptions>([
    {},
    { ignoreIndex: 1 },
    { labelSmoothing: 0.1 },
    { classWeights, sampleWeight, ignoreIndex: 1 },
    { classWeights, sampleWeight, labelSmoothing: 0.2 },
  ])('with labels, options %#', async (options) => check(options, false));

  test.each<loss.CrossEntropyOptions>([{}, { classWeights, sampleWeight, labelSmoothing: 0.2 }])(
    'with distributions, options %#',
    async (options) => check(options, true),
  );

  test('to the same bits with 1 and 2 threads', async () => {
    const x = f32(xs, shape);
    x.requiresGrad = true;
    const options = { classWeights, sampleWeight, labelSmoothing: 0.2 };
    await expectSameBits(() =>
      [i32(labels, rows), f32(soft, shape)].flatMap((target) => {
        const y = loss.crossEntropy(x, target, options);
        return [y, grad(y, [x])[0]!];
      }),
    );
  });
});

describe('crossEntropy', () => {
  test('of distributions that are labels is that of labels', async () => {
    const x = noisy([6, 4]);
    const labels = i32([0, 1, 2, 3, 0, 1], [6]);
    const hot = f32(native.dataSync(native.oneHot(labels.handle, 4)), [6, 4]);
    const plain = await loss.crossEntropy(x, labels).item();
    expect(await loss.crossEntropy(x, hot).item()).toBeCloseTo(plain, 6);
    const likelihood = loss.nll(logSoftmax(x), labels);
    expect(await likelihood.item()).toBeCloseTo(plain, 6);
  });

  test('gradients agree with differences', async () => {
    const labels = i32([1, 0, 4, 2], [2, 2]);
    const soft = softmax(noisy([2, 2, 5], 5)).detach();
    const options = { classWeights: f32([1, 2, 0.5, 3, 1], [5]), labelSmoothing: 0.3 };
    await expectGradients((x) => loss.crossEntropy(x, labels, options), [noisy([2, 2, 5])]);
    await expectGradients((x) => loss.crossEntropy(x, soft, options), [noisy([2, 2, 5])]);
    await expectGradients((x) => loss.nll(x, labels, { ...options, reduction: 'none' }), [noisy([2, 2, 5])]);
    for (const p of [1, 2])
      await expectGradients(
        (x) => loss.multiMargin(x, labels, { p, margin: 3, reduction: 'none' }),
        [noisy([2, 2, 5])],
        { step: 1e-3 },
      );
  });

  test('leaves nothing behind', async () => {
    const x = noisy([4, 3]);
    const labels = i32([0, 1, 2, 0], [4]);
    const options = { classWeights: noisy([3]), sampleWeight: noisy([4]) };
    await collectGarbage();
    const before = native.memory().liveTensors;
    x.requiresGrad = true;
    for (const f of [loss.crossEntropy, loss.nll, loss.multiMargin]) {
      for (const given of [{}, options, { sampleWeight: options.sampleWeight }]) {
        const y = f(x, labels, given);
        backward(y);
        y.dispose();
      }
    }
    x.grad?.dispose();
    expect(native.memory().liveTensors).toBe(before);
  });

  test('no labels have no mean, and no loss', async () => {
    const x = f32([], [0, 3]);
    x.requiresGrad = true;
    const options = { classWeights: noisy([3]) };
    const labels = i32([], [0]);
    for (const f of [loss.crossEntropy, loss.nll, loss.multiMargin]) {
      const y = f(x, labels, options);
      expect(await y.item()).toBeNaN();
      expect(await grad(y, [x])[0]!.data()).toEqual(new Float32Array(0));
      expect(await f(x, labels, { ...options, reduction: 'sum' }).item()).toBe(0);
    }
    expect(await loss.crossEntropy(x, f32([], [0, 3])).item()).toBeNaN();
  });
});

describe('nll', () => {
  test.each([[[7, 5]], [[20_003, 3]], [[2, 31, 17, 6]]])('%j, weighted', async (shape) => {
    const classes = shape.at(-1)!;
    const rows = shape.slice(0, -1);
    const n = volume(rows);
    const xs = noise(volume(shape));
    const labels = Int32Array.from(noise(n, 2), (v, i) =>
      i % 4 === 0 ? -100 : Math.floor(((v + 1) / 2) * classes),
    );
    const ws = noise(classes, 3).map((v) => v + 1.5);
    const ss = noise(shape[0]!, 4).map((v) => v + 1.5);
    const x = f32(xs, shape);
    x.requiresGrad = true;
    const options = { classWeights: f32(ws, [classes]), sampleWeight: f32(ss, [shape[0]!]) };
    const factor = (r: number) =>
      labels[r] === -100 ? 0 : -ws[labels[r]!]! * ss[Math.floor(r / (n / shape[0]!))]!;
    const losses = Array.from(labels, (label, r) => (label < 0 ? 0 : factor(r) * xs[r * classes + label]!));
    await expectClose(loss.nll(x, i32(labels, rows), { ...options, reduction: 'none' }), losses);
    const divisor = labels.reduce((s, label) => s + (label < 0 ? 0 : ws[label]!), 0);
    const mean = loss.nll(x, i32(labels, rows), options);
    expect(await mean.item()).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / divisor, 5);
    const slopes = Array.from(xs, (_, i) => {
      const r = Math.floor(i / classes);
      return i % classes === labels[r] ? factor(r) / divisor : 0;
    });
    await expectClose(grad(mean, [x])[0]!, slopes);
  });
});

describe('multiMargin', () => {
  test.each([1, 2])('of large shapes, power %i', async (p) => {
    const [n, classes] = [57, 1013];
    const xs = noise(n * classes).map((v) => 2 * v);
    const labels = Int32Array.from({ length: n }, (_, i) => (i * 331) % classes);
    const ws = noise(classes, 3).map((v) => v + 1.5);
    const x = f32(xs, [n, classes]);
    x.requiresGrad = true;
    const losses: number[] = [];
    const slopes = new Float64Array(xs.length);
    labels.forEach((label, r) => {
      let total = 0;
      for (let k = 0; k < classes; k++) {
        const lack = Math.max(0, 0.7 - xs[r * classes + label]! + xs[r * classes + k]!);
        if (k === label || lack === 0) continue;
        const scale = ws[label]! / classes;
        total += scale * lack ** p;
        slopes[r * classes + k]! += scale * (p === 1 ? 1 : 2 * lack);
        slopes[r * classes + label]! -= scale * (p === 1 ? 1 : 2 * lack);
      }
      losses.push(total);
    });
    const options = { p, margin: 0.7, classWeights: f32(ws, [classes]) };
    const y = loss.multiMargin(x, i32(labels, [n]), { ...options, reduction: 'none' });
    await expectClose(y, losses, 2e-6);
    await expectClose(grad(sum(y), [x])[0]!, slopes, 2e-6);
    await expectSameBits(() => {
      const one = loss.multiMargin(x, i32(labels, [n]), options);
      return [one, grad(one, [x])[0]!];
    });
  });
});

describe('errors', () => {
  const x = noisy([2, 3]);
  const labels = i32([0, 1], [2]);
  const by = (options: Record<string, unknown>, f: (...given: never[]) => Tensor = loss.crossEntropy) =>
    (f as (...given: unknown[]) => Tensor).bind(null, x, labels, options);

  test('options', () => {
    expect(by({ classWeights: noisy([2]) })).toThrow(
      new RangeError('crossEntropy: classWeights has shape [2], wants [3], one for each class'),
    );
    expect(by({ classWeights: labels })).toThrow(TypeError);
    expect(by({ sampleWeight: noisy([3]) }, loss.nll)).toThrow(
      new RangeError('nll: sampleWeight has shape [3], wants that of the leading axes of the losses [2]'),
    );
    for (const labelSmoothing of [-0.1, 1.1, NaN]) {
      expect(by({ labelSmoothing })).toThrow(/^crossEntropy: labelSmoothing is/);
    }
    for (const ignoreIndex of [0.5, 2 ** 31, NaN, 'x']) {
      expect(by({ ignoreIndex })).toThrow(/^crossEntropy: ignoreIndex is/);
    }
    expect(by({ reduction: 'batchmean' })).toThrow(RangeError);
    expect(by({ p: 3 }, loss.multiMargin)).toThrow(new RangeError('multiMargin: p is 3, wants 1 or 2'));
    expect(by({ margin: Infinity }, loss.multiMargin)).toThrow(RangeError);
    expect(() => loss.nll(x, x as never)).toThrow(/^nll: labels is f32/);
    const wanted = noisy([2, 3]);
    wanted.requiresGrad = true;
    expect(() => loss.crossEntropy(x, wanted)).toThrow(StriateError);
    expect(by({ classWeights: wanted })).toThrow(/classWeights wants a gradient/);
  });

  test.each(['crossEntropy', 'nll', 'multiMargin'] as const)(
    '%s names a label that is no class',
    async (name) => {
      const scores = noisy([2, 3]);
      scores.requiresGrad = true;
      const y = loss[name](scores, i32([1, 3], [2]), { classWeights: noisy([3]) });
      await expect(y.item()).rejects.toThrow(
        new StriateError(`${name}: labels[1] is 3, wants 0 to 2 for 3 classes`),
      );
      await expect(grad(y, [scores])[0]!.data()).rejects.toThrow(/labels\[1\] is 3/);
      const other = loss[name](scores, i32([-100, 0], [2]), { classWeights: noisy([3]) });
      if (name === 'multiMargin') await expect(other.item()).rejects.toThrow(/labels\[0\] is -100/);
      else expect(await other.item()).not.toBeNaN();
    },
  );
});
