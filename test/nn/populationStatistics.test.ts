import { describe, expect, test } from 'vitest';
import { data, nn, tensor, Tensor, type DType } from '../../lib/index.js';
import { memory } from '../../lib/system.js';
import { synchronize } from '../../lib/tensor.js';
import { expectClose, f32, i32, noise, noisy, volume } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Algorithm 2 by a plain loop: the mean of means, and m/(m − 1) times the mean of biased variances. */
function population(batches: Float64Array[], channels: number): { mean: number[]; variance: number[] } {
  const mean = new Array<number>(channels).fill(0);
  const variance = new Array<number>(channels).fill(0);
  for (const batch of batches) {
    const m = batch.length / channels;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let i = c; i < batch.length; i += channels) sum += batch[i]!;
      let square = 0;
      for (let i = c; i < batch.length; i += channels) square += (batch[i]! - sum / m) ** 2;
      mean[c]! += sum / m / batches.length;
      variance[c]! += ((m / (m - 1)) * (square / m)) / batches.length;
    }
  }
  return { mean, variance };
}

/** What batch normalization without weight and bias makes of a batch by its own statistics, in double precision. */
function normalized(batch: Float64Array, channels: number): Float64Array {
  const { mean, variance } = population([batch], channels);
  const m = batch.length / channels;
  return batch.map((v, i) => {
    const c = i % channels;
    return (v - mean[c]!) / Math.sqrt((variance[c]! * (m - 1)) / m + 1e-5);
  });
}

describe('populationStatistics', () => {
  const shape = [6, 3, 2, 4];
  const batches = Array.from({ length: 7 }, (_, i) =>
    noise(volume(shape), i + 1).map((v, k) => v * (1 + (k % 4)) + i),
  );
  const tensors = () => batches.map((batch) => f32(batch, shape));

  class Squares extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.square();
    }
  }

  test('are those of a plain loop, in every layer', async () => {
    const [first, second] = [new nn.BatchNorm2d(4), new nn.BatchNorm2d(4, { momentum: 0.5, affine: false })];
    const model = new nn.Sequential(first, new Squares(), second);
    for (const x of tensors().reverse()) model.forward(x);
    model.eval();
    await nn.populationStatistics(model, tensors());
    const before = batches.map((batch) => Float64Array.from(batch));
    const after = before.map((batch) => normalized(batch, 4).map((v) => v * v));
    for (const [norm, wanted] of [
      [first, population(before, 4)],
      [second, population(after, 4)],
    ] as const) {
      await expectClose(norm.runningMean, wanted.mean, 2e-6);
      await expectClose(norm.runningVar, wanted.variance, 2e-6);
      expect(await norm.numBatchesTracked.item()).toBe(7);
    }
    expect([first.momentum, second.momentum, model.training]).toEqual([0.1, 0.5, false]);
  });

  test('of batches that differ take each by its own size', async () => {
    const norm = new nn.BatchNorm1d(3);
    const all = [5, 9, 2].map((rows, i) => noise(rows * 3, i + 1));
    await nn.populationStatistics(norm, all.map((batch) => f32(batch, [batch.length / 3, 3])));
    const wanted = population(all.map((batch) => Float64Array.from(batch)), 3);
    await expectClose(norm.runningMean, wanted.mean, 2e-6);
    await expectClose(norm.runningVar, wanted.variance, 2e-6);
  }); // prettier-ignore

  test('come from a DataLoader as well, leave modules as they were, and nothing behind', async () => {
    const [norm, linear] = [new nn.BatchNorm2d(4), new nn.Linear(4, 2)];
    const model = new nn.Sequential(norm, new nn.Dropout(0.5), linear).eval();
    norm.train();
    const samples = f32(batches.flatMap((batch) => [...batch]), [42, 3, 2, 4]); // prettier-ignore
    const labels = i32(new Array<number>(42).fill(0), [42]);
    const loader = new data.DataLoader(new data.TensorDataset(samples, labels), { batchSize: 6 });
    const weights = await linear.weight.data();
    await collectGarbage();
    const { liveTensors } = memory();
    await nn.populationStatistics(model, loader);
    await synchronize();
    expect(memory().liveTensors).toBe(liveTensors);
    expect([...model.modules()].map(([, module]) => module.training)).toEqual([false, true, false, false]);
    expect(await linear.weight.data()).toEqual(weights);
    const wanted = population(batches.map((batch) => Float64Array.from(batch)), 4); // prettier-ignore
    await expectClose(norm.runningMean, wanted.mean, 2e-6);
    await expectClose(norm.runningVar, wanted.variance, 2e-6);
  });

  test('start anew, whatever there was', async () => {
    const norm = new nn.BatchNorm2d(4);
    for (const running of [norm.runningMean, norm.runningVar]) running.assign(f32([NaN, 1, 2, 3], [4]));
    await nn.populationStatistics(norm, tensors());
    expect((await norm.runningVar.data()).some(Number.isNaN)).toBe(false);
  });

  test('refuse no batches, and leave a model that fails as it can', async () => {
    const norm = new nn.BatchNorm2d(4);
    norm.runningMean.assign(noisy([4], 5));
    await expect(nn.populationStatistics(norm, [])).rejects.toThrow(
      /populationStatistics: there is no batch, wants at least one/,
    );
    await expectClose(norm.runningMean, noise(4, 5), 0);
    const model = new nn.Sequential(norm, new nn.Linear(5, 2)).eval();
    await expect(nn.populationStatistics(model, tensors())).rejects.toThrow(RangeError);
    expect([norm.training, norm.momentum, model.training]).toEqual([false, 0.1, false]);
    const wrong = [[tensor(1)]] as unknown as [Tensor][];
    await expect(nn.populationStatistics(norm, wrong)).rejects.toThrow(/batchNorm: input/);
    const none: Tensor<DType>[] = [i32([1], [1])];
    await expect(nn.populationStatistics(norm, none as Tensor[])).rejects.toThrow(TypeError);
  });
});
