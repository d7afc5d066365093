import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { data, io, nn, tensor, type Tensor } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { expectClose, expectGradients, f32, noise, noisy, relativeError, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

const { MinMax, PCA, Standardize, Whitening, ZeroCenter } = data.preprocessing;

/** Samples whose channels have means and deviations of their own, and none of which is alike the next. */
const [n, height, width, channels] = [157, 3, 4, 2] as const;
const shape = [n, height, width, channels];
const values = noise(volume(shape), 3).map((value, i) => (i % 2 === 0 ? 40 + value : 3 * value - 1));
const dataset = () => new data.TensorDataset(f32(values, shape), tensor(new Int32Array(n)));
const channel = (c: number) => values.filter((_, i) => i % channels === c);
const meanOf = (list: Float32Array) => list.reduce((sum, value) => sum + value, 0) / list.length;
const deviationOf = (list: Float32Array) => {
  const mean = meanOf(list);
  return Math.sqrt(list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length);
};
const wholeMean = meanOf(values);
const wholeDeviation = deviationOf(values);
const means = [meanOf(channel(0)), meanOf(channel(1))];

describe('of channels, or of all values', () => {
  test('ZeroCenter takes out the mean', async () => {
    const whole = await ZeroCenter.fit(dataset(), { statistics: 'whole', batchSize: 50 });
    expect(whole.mean.shape).toEqual([]);
    await expectClose(whole.mean, [wholeMean], 1e-6);
    const each = await ZeroCenter.fit(dataset(), { batchSize: 50 });
    await expectClose(each.mean, means, 1e-6);
    await expectClose(
      each.forward(f32(values, shape)),
      values.map((value, i) => value - means[i % 2]!),
      1e-5,
    );
  });

  test('Standardize takes out mean and deviation, measured in several batches', async () => {
    const each = await Standardize.fit(dataset(), { batchSize: 32 });
    await expectClose(each.mean, means, 1e-6);
    await expectClose(each.std, [deviationOf(channel(0)), deviationOf(channel(1))], 1e-5);
    const whole = await Standardize.fit(dataset(), { statistics: 'whole' });
    await expectClose(whole.std, [wholeDeviation], 1e-6);
    await expectClose(
      whole.forward(f32(values, shape)),
      values.map((value) => (value - wholeMean) / wholeDeviation),
      1e-5,
    );
  });

  test('MinMax brings the training data between two numbers', async () => {
    const fitted = await MinMax.fit(dataset(), { range: [-1, 3], batchSize: 32 });
    const y = await fitted.forward(f32(values, shape)).data();
    for (const c of [0, 1]) {
      const [low, high] = [Math.min(...channel(c)), Math.max(...channel(c))];
      const mine = y.filter((_, i) => i % 2 === c);
      expect(Math.min(...mine)).toBe(-1);
      expect(Math.max(...mine)).toBeCloseTo(3, 4);
      expect(
        relativeError(
          mine,
          channel(c).map((value) => -1 + (4 * (value - low)) / (high - low)),
        ),
      ).toBeLessThan(1e-5);
    }
  });

  test('what does not vary becomes a constant, not NaN', async () => {
    const flat = new data.TensorDataset(tensor([[2, 1], [2, 3]]), tensor(new Int32Array(2))); // prettier-ignore
    const x = tensor([[2, 2], [5, 1]]); // prettier-ignore
    await expectClose((await Standardize.fit(flat)).forward(x), [0, 0, 3, -1], 1e-6);
    await expectClose((await MinMax.fit(flat)).forward(x), [0, 0.5, 0, 0], 1e-6);
  });
});

describe('of correlated features', () => {
  const features = 24;
  /** 200 samples of features of which neighbours have much in common. */
  const wide = noise(200 * (features + 3), 8);
  const samples = Float32Array.from({ length: 200 * features }, (_, k) => {
    const [i, j] = [Math.floor(k / features), k % features];
    return [0, 1, 2, 3].reduce((sum, step) => sum + wide[i * (features + 3) + j + step]!, 0) + j;
  });
  const set = (shape = [200, 2, 4, 3]) =>
    new data.TensorDataset(f32(samples, shape), tensor(new Int32Array(200)));

  /** Of rows: their mean, and how much they vary together. */
  async function covariance(x: Tensor): Promise<{ means: number[]; matrix: number[][] }> {
    const rows = await x.data();
    const d = rows.length / 200;
    const at = (i: number, j: number) => rows[i * d + j]!;
    const over = (f: (i: number) => number) =>
      Array.from({ length: 200 }, (_, i) => f(i)).reduce((a, b) => a + b, 0) / 200;
    const means = Array.from({ length: d }, (_, j) => over((i) => at(i, j)));
    const matrix = means.map((u, j) => means.map((v, k) => over((i) => (at(i, j) - u) * (at(i, k) - v))));
    return { means, matrix };
  }
  const diagonal = (list: ArrayLike<number>) =>
    Array.from(list, (value, i) => Array.from(list, (_, j) => (i === j ? value : 0))).flat();

  test('PCA leaves features uncorrelated, the largest variance first', async () => {
    const pca = await PCA.fit(set(), { batchSize: 64 });
    const y = pca.forward(f32(samples, [200, 2, 4, 3]));
    expect(y.shape).toEqual([200, features]);
    const { means, matrix } = await covariance(y);
    for (const mean of means) expect(Math.abs(mean)).toBeLessThan(1e-5);
    const variances = await pca.variances.data();
    expect([...variances]).toEqual([...variances].sort((a, b) => b - a));
    expect(relativeError(matrix.flat(), diagonal(variances))).toBeLessThan(1e-5);
    const before = await covariance(f32(samples, [200, features]));
    const total = before.matrix.reduce((sum, row, i) => sum + row[i]!, 0);
    expect(variances.reduce((sum, value) => sum + value, 0)).toBeCloseTo(total, 3);
  });

  test('PCA keeps as many directions as it is told, the same ones', async () => {
    const all = await PCA.fit(set());
    const some = await PCA.fit(set(), { components: 5 });
    expect(some.components.shape).toEqual([features, 5]);
    const wanted = (await all.components.data()).filter((_, i) => i % features < 5);
    await expectClose(some.components, wanted, 0);
  });

  test.each(['pca', 'zca'] as const)('Whitening by %s leaves the identity as covariance', async (method) => {
    const whitening = await Whitening.fit(set(), { method, epsilon: 0, batchSize: 70 });
    const y = whitening.forward(f32(samples, [200, 2, 4, 3]));
    expect(y.shape).toEqual(method === 'pca' ? [200, features] : [200, 2, 4, 3]);
    const { means, matrix } = await covariance(y);
    for (const mean of means) expect(Math.abs(mean)).toBeLessThan(1e-4);
    expect(relativeError(matrix.flat(), diagonal(new Float32Array(features).fill(1)))).toBeLessThan(1e-4);
  });

  test('ZCA is symmetric: of all whitenings the nearest to what came in', async () => {
    const { matrix } = await Whitening.fit(set(), { epsilon: 0.1 });
    const w = await matrix.data();
    const turned = w.map((_, k) => w[(k % features) * features + Math.floor(k / features)]!);
    expect(relativeError(turned, w)).toBeLessThan(1e-5);
  });

  test('epsilon bounds what directions without variance are blown up by', async () => {
    const flat = new data.TensorDataset(
      f32(
        samples.map((value, i) => (i % 2 ? 1 : value)),
        [200, features],
      ),
      tensor(new Int32Array(200)),
    );
    const white = await Whitening.fit(flat, { epsilon: 0.01 });
    for (const value of await white.matrix.data()) expect(Math.abs(value)).toBeLessThan(10.1);
    const zeros = new data.TensorDataset(f32(new Float32Array(8), [4, 2]), tensor(new Int32Array(4)));
    await expect(Whitening.fit(zeros, { epsilon: 0 })).rejects.toThrow(
      /Whitening: epsilon is 0 and the data do not vary along 2 directions/,
    );
  });

  test('refuse what does not fit', async () => {
    await expect(PCA.fit(set(), { components: 25 })).rejects.toThrow(
      /PCA: components is 25, wants a whole number from 1 to 24/,
    );
    await expect(Whitening.fit(set(), { method: 'ica' as never })).rejects.toThrow(
      /method is 'ica', wants 'pca' or 'zca'/,
    );
    await expect(Whitening.fit(set(), { epsilon: -1 })).rejects.toThrow(/epsilon is -1/);
    const pca = await PCA.fit(set());
    expect(() => pca.forward(noisy([2, 5]))).toThrow(/PCA: input \[2, 5\] wants 24 features for each sample/);
    expect(() => new PCA(0)).toThrow(/PCA: features is 0/);
    expect(() => new Whitening(4, { components: 5, method: 'pca' })).toThrow(/components is 5/);
  });
});

describe('every preprocessing', () => {
  const fits = {
    ZeroCenter: [() => ZeroCenter.fit(dataset()), () => new ZeroCenter(channels)],
    Standardize: [() => Standardize.fit(dataset(), { statistics: 'whole' }), () => new Standardize()],
    MinMax: [() => MinMax.fit(dataset(), { range: [-2, 2] }), () => new MinMax(channels)],
    PCA: [() => PCA.fit(dataset(), { components: 7 }), () => new PCA(24, { components: 7 })],
    ZCA: [() => Whitening.fit(dataset()), () => new Whitening(24)],
  } as const satisfies Record<string, readonly [() => Promise<nn.Module>, () => nn.Module]>;

  test.each(Object.entries(fits))('%s is saved and loaded with a model', async (_, [fit, blank]) => {
    const fitted = await fit();
    expect(fitted.parameters()).toEqual([]);
    const x = f32(values.subarray(0, 3 * 24), [3, height, width, channels]);
    const features = fitted.forward(x).size / 3;
    const model = new nn.Sequential(fitted, new nn.Flatten(), new nn.Linear(features, 2));
    const expected = await model.forward(x).data();
    const folder = mkdtempSync(join(tmpdir(), 'striate-preprocessing-'));
    try {
      const file = join(folder, 'model.safetensors');
      await io.saveSafetensors(model, file);
      const other = new nn.Sequential(blank(), new nn.Flatten(), new nn.Linear(features, 2));
      await io.loadSafetensors(other, file);
      await expectClose(other.forward(x), expected, 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(Object.entries(fits))('%s lets gradients through', async (_, [fit]) => {
    const fitted = await fit();
    await expectGradients((x) => fitted.forward(x), [noisy([2, height, width, channels])], {
      tolerance: 1e-3,
    });
  });

  test.each(Object.entries(fits))('%s is a step of a TransformedDataset', async (_, [fit]) => {
    const fitted = await fit();
    const set = new data.TransformedDataset(dataset(), [fitted]);
    const [x] = await set.batch(Int32Array.of(5, 2));
    const given = f32(
      [...values.subarray(5 * 24, 6 * 24), ...values.subarray(2 * 24, 3 * 24)],
      [2, height, width, channels],
    );
    await expectClose(x, await fitted.forward(given).data(), 0);
    expect(x.requiresGrad).toBe(false);
  });

  test('leaves nothing behind but its buffers', async () => {
    const source = dataset();
    await collectGarbage();
    const before = native.memory().liveTensors;
    for (const fit of [ZeroCenter, Standardize, MinMax, PCA, Whitening]) {
      const fitted = await fit.fit(source, { batchSize: 50 });
      expect(native.memory().liveTensors - before, fit.name).toBe(fitted.stateDict().size);
      fitted.dispose();
    }
    expect(native.memory().liveTensors).toBe(before);
  });

  test('refuses data sets without samples, and what is not finite', async () => {
    const none = new data.TensorDataset(f32([], [0, 3]), tensor(new Int32Array(0)));
    const odd = new data.TensorDataset(tensor([[1, NaN], [3, 4]]), tensor(new Int32Array(2))); // prettier-ignore
    for (const fit of [ZeroCenter, Standardize, MinMax, PCA, Whitening]) {
      await expect(fit.fit(none)).rejects.toThrow(
        new RegExp(`${fit.name}: the data set has 0 samples, wants some`),
      );
      await expect(fit.fit(odd)).rejects.toThrow(/values that are not finite, in channel 1/);
    }
    expect(() => new Standardize(0)).toThrow(/Standardize: channels is 0/);
    await expect(Standardize.fit(odd, { statistics: 'each' as never })).rejects.toThrow(
      /statistics is 'each'/,
    );
    await expect(MinMax.fit(odd, { range: [1, 1] })).rejects.toThrow(/range is \[1, 1\]/);
  });
});
