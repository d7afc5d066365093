import { describe, expect, test } from 'vitest';
import { data, metrics, nn, ops, optim, Trainer, type Metric, type Tensor } from '../../lib/index.js';
import { f32, i32, noise, noisy } from '../check.js';

const classes = 5;

/** A trainer whose model gives its input. */
function trainerOf(...list: Metric[]): Trainer {
  const model = new nn.Linear(1, 1);
  Object.defineProperty(model, 'forward', { value: (x: Tensor) => ops.mul(x, 1), enumerable: false });
  return new Trainer(model, {
    optimizer: new optim.SGD(model.parameters()),
    loss: (output) => ops.mean(output),
    metrics: list,
  });
}

const n = 103;
const scores = noise(n * classes, 3);
const labels = Int32Array.from({ length: n }, (_, i) => (i * 7 + (i >> 2)) % 4);
const set = () => new data.TensorDataset(f32(scores, [n, classes]), i32(labels, [n]));
const row = (i: number) => [...scores.subarray(i * classes, (i + 1) * classes)];
const best = (i: number) => row(i).indexOf(Math.max(...row(i)));
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** By counting. */
function wanted(k: number) {
  const all = Array.from(labels.keys());
  const right = all.filter((i) => labels[i] === k && best(i) === k).length;
  const taken = all.filter((i) => best(i) === k).length;
  const of = all.filter((i) => labels[i] === k).length;
  return {
    precision: taken ? right / taken : 0,
    recall: of ? right / of : 0,
    f1: taken + of ? (2 * right) / (taken + of) : 0,
  };
}

describe('metrics of classes', () => {
  const each = Array.from({ length: classes }, (_, k) => wanted(k));
  const right = mean(Array.from(labels, (label, i) => Number(best(i) === label)));

  test.each([103, 50, 7])('are as by counting, %i at a time', async (batchSize) => {
    const { accuracy, confusionMatrix, f1, precision, recall, topK } = metrics;
    const trainer = trainerOf(
      accuracy,
      topK(1),
      topK(3),
      topK(5),
      precision(),
      recall(),
      f1(),
      confusionMatrix(),
    );
    const measured = await trainer.evaluate(set(), { batchSize });
    const among = (k: number) => (i: number) => row(i).filter((s) => s > row(i)[labels[i]!]!).length < k;
    expect(measured.accuracy).toBeCloseTo(right, 12);
    expect(measured.metrics.top1).toBeCloseTo(right, 12);
    expect(measured.metrics.top3).toBeCloseTo(mean(Array.from(labels, (_, i) => Number(among(3)(i)))), 12);
    expect(measured.metrics.top5).toBe(1);
    for (const name of ['precision', 'recall', 'f1'] as const) {
      expect(measured.metrics[name]).toBeCloseTo(mean(each.map((share) => share[name])), 12);
    }
    const matrix = measured.tables!.confusionMatrix as number[][];
    for (let label = 0; label < classes; label++) {
      for (let found = 0; found < classes; found++) {
        const count = Array.from(labels).filter((l, i) => l === label && best(i) === found).length;
        expect(matrix[label]![found]).toBe(count);
      }
    }
  });

  test('average as they are told to', async () => {
    for (const name of ['precision', 'recall', 'f1'] as const) {
      const micro = await trainerOf(metrics[name]({ average: 'micro' })).evaluate(set());
      expect(micro.metrics[name]).toBeCloseTo(right, 12);
      const none = await trainerOf(metrics[name]({ average: 'none' })).evaluate(set());
      expect(none.metrics).toEqual({});
      expect(none.tables![name]).toEqual(each.map((share) => share[name]));
      expect(() => metrics[name]({ average: 'mean' as never })).toThrow(
        new RegExp(`${name}: average is 'mean'`),
      );
    }
  });

  test('take probabilities for labels, and leave ignored ones out', async () => {
    const x = f32([3, 1, 2, 0, 0, 1], [2, 3]);
    const mixed = new data.TensorDataset(x, f32([0.6, 0.4, 0, 0, 0.5, 0.2], [2, 3]));
    expect((await trainerOf(metrics.accuracy).evaluate(mixed)).accuracy).toBe(0.5);
    const ignored = new data.TensorDataset(x, i32([0, -100], [2]));
    const { tables } = await trainerOf(metrics.confusionMatrix()).evaluate(ignored);
    expect(tables!.confusionMatrix).toEqual([[1, 0, 0], [0, 0, 0], [0, 0, 0]]); // prettier-ignore
  });

  test('of each pixel', async () => {
    const x = f32([1, 2, 4, 3, 0, 1, 7, 5], [2, 2, 2]);
    const dense = new data.TensorDataset(x, i32([1, 0, 0, 0], [2, 2]));
    const { metrics: found } = await trainerOf(metrics.accuracy, metrics.topK(1)).evaluate(dense, {
      batchSize: 1,
    });
    expect(found).toEqual({ accuracy: 0.75, top1: 0.75 });
  });

  test('topK counts what is no number, and ties, as behind or before as it says', async () => {
    const x = f32([NaN, 1, 2, 5, NaN, 1, 3, 3, 3], [3, 3]);
    const odd = new data.TensorDataset(x, i32([0, 0, 1], [3]));
    const { top1, top2 } = (await trainerOf(metrics.topK(1), metrics.topK(2)).evaluate(odd)).metrics;
    expect([top1, top2]).toEqual([2 / 3, 2 / 3]);
    expect(() => metrics.topK(0)).toThrow(/topK: k is 0/);
  });

  test('refuse outputs and targets of other shapes', async () => {
    const wrong: [Tensor, data.Target, RegExp][] = [
      [noisy([4, 1]), i32([0, 0, 0, 0], [4]), /accuracy: output is \[4, 1\], wants scores of two or more classes/],
      [noisy([4]), i32([0, 0, 0, 0], [4]), /accuracy: output is \[4\]/],
      [noisy([4, 3]), i32([0, 0, 0, 0], [4, 1]), /accuracy: target is \[4, 1\], wants labels i32 \[4\], or probabilities f32 \[4, 3\]/],
      [noisy([4, 3]), noisy([4, 2]), /accuracy: target is \[4, 2\]/],
    ]; // prettier-ignore
    for (const [x, y, message] of wrong) {
      await expect(trainerOf(metrics.accuracy).evaluate(new data.TensorDataset(x, y))).rejects.toThrow(
        message,
      );
    }
  });
});

describe('metrics of values', () => {
  test('are means over all elements', async () => {
    const [x, y] = [noise(30, 1), noise(30, 2)];
    const values = new data.TensorDataset(f32(x, [5, 2, 3]), f32(y, [5, 2, 3]));
    const { metrics: found } = await trainerOf(metrics.mse(), metrics.mae()).evaluate(values, {
      batchSize: 2,
    });
    expect(found.mse).toBeCloseTo(mean(Array.from(x, (v, i) => (v - y[i]!) ** 2)), 6);
    expect(found.mae).toBeCloseTo(mean(Array.from(x, (v, i) => Math.abs(v - y[i]!))), 6);
    const other = new data.TensorDataset(f32(x, [5, 6]), f32(y, [5, 2, 3]));
    await expect(trainerOf(metrics.mse()).evaluate(other)).rejects.toThrow(
      /mse: target is f32 \[5, 2, 3\], wants f32 \[5, 6\] as the output/,
    );
  });
});

test("one's own, of several numbers and a table", async () => {
  const extremes: Metric = {
    name: 'extremes',
    measure: (output) =>
      ops.concat([ops.reshape(ops.min(output), [1]), ops.reshape(ops.max(output), [1])], 0),
    add(total, [low = NaN, high = NaN]) {
      total[0] = Math.min(total[0] ?? Infinity, low);
      total[1] = Math.max(total[1] ?? -Infinity, high);
    },
    value: ([low = NaN, high = NaN]) => ({ lowest: low, highest: high }),
    table: (total) => [...total],
  };
  const { metrics: found, tables } = await trainerOf(extremes).evaluate(set(), { batchSize: 10 });
  expect(found).toEqual({ lowest: Math.min(...scores), highest: Math.max(...scores) });
  expect(tables).toEqual({ extremes: [found.lowest, found.highest] });
  expect(() => trainerOf({ name: 'none' } as Metric)).toThrow(/metric an object is none/);
});
