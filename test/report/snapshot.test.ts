import { describe, expect, test } from 'vitest';
import { data, memory, nn, randn, synchronize, tensor, type Tensor } from '../../lib/index.js';
import { likeliest, predictionsOf } from '../../lib/report/predictions.js';
import { disposeBatches, probeOf } from '../../lib/report/probe.js';
import { takeSnapshot } from '../../lib/report/snapshot.js';
import { classifier, stripes } from './training.js';
import { collectGarbage } from '../garbage.js';

const value = <T>(part: { value: T } | { missing: string }): T => {
  if ('missing' in part) throw new Error(part.missing);
  return part.value;
};

describe('probe', () => {
  test('takes samples evenly, each batch over all of the data', async () => {
    const set = stripes(1000, 1);
    const probe = await probeOf(set, 'validation', 200);
    expect([probe.samples, probe.total, probe.batches.length]).toEqual([200, 1000, 4]);
    expect([...probe.indices].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => 5 * i));
    const first = probe.indices.subarray(0, 50);
    expect([Math.min(...first), Math.max(...first)]).toEqual([0, 980]);
    const labels = await probe.batches[1]![1].data();
    expect([...labels]).toEqual(Array.from(probe.indices.subarray(50, 100), (i) => i % 3));
    disposeBatches(probe.batches);
    expect(set.x.disposed).toBe(false);
  });

  test('holds 64 MiB at the most', async () => {
    const get = (): data.Sample => [randn([1024, 1024, 3]), 1];
    const probe = await probeOf({ length: 100, get }, 'training', 1000);
    expect([probe.samples, probe.total]).toEqual([5, 100]);
    disposeBatches(probe.batches);
  });

  test('leaves what a data set keeps for itself', async () => {
    const [x, y] = [randn([1, 2]).keep(), tensor(new Int32Array(1)).keep()];
    const probe = await probeOf({ length: 1, get: () => [x, 0], batch: () => [x, y] }, 'training', 4);
    disposeBatches(probe.batches);
    expect([x.disposed, y.disposed]).toEqual([false, false]);
  });
});

describe('predictions', () => {
  test('the likeliest class: of scores by softmax, of probabilities as they are', () => {
    expect(likeliest(Float32Array.of(1, 3, 2))).toEqual({
      best: 1,
      probability: expect.closeTo(1 / (1 + Math.exp(-1) + Math.exp(-2)), 6) as number,
    });
    expect(likeliest(Float32Array.of(0.2, 0.5, 0.3))).toEqual({ best: 1, probability: 0.5 });
    expect(likeliest(Float32Array.of(1000, -1000))).toEqual({ best: 0, probability: 1 });
    expect(likeliest(Float32Array.of(1, NaN))).toEqual({ best: null, probability: NaN });
  });

  test('agree with the model, sorted by how sure it is', async () => {
    const { model } = classifier();
    const set = stripes(100, 4);
    const probe = await probeOf(set, 'validation', 100);
    const { counts, right, wrong, classes, notFinite } = await predictionsOf(model, probe);
    const output = await model
      .eval()
      .forward(set.x as Tensor)
      .data();
    const labels = await set.y.data();
    const expected = new Map<number, number>();
    for (let i = 0; i < 100; i++) {
      const scores = output.subarray(3 * i, 3 * i + 3);
      const cell = 3 * labels[i]! + scores.indexOf(Math.max(...scores));
      expected.set(cell, (expected.get(cell) ?? 0) + 1);
    }
    expect([...counts].sort()).toEqual([...expected].sort());
    expect([classes, notFinite]).toEqual([['0', '1', '2'], 0]);
    for (const [i, { index, truth, predicted, image }] of [...wrong, ...right].entries()) {
      expect(truth).toBe(labels[index]);
      expect(truth === predicted).toBe(i >= wrong.length);
      expect(image).toMatch(/^data:image\/png;base64,/);
    }
    const sure = wrong.map(({ confidence }) => confidence);
    expect(sure).toEqual([...sure].sort((a, b) => b - a));
    const unsure = right.map(({ confidence }) => confidence);
    expect(unsure).toEqual([...unsure].sort((a, b) => a - b));
    disposeBatches(probe.batches);
  });

  test('outputs that are no numbers are counted apart', async () => {
    const { model } = classifier();
    const [weight] = model.parameters();
    weight!.assign(tensor(new Float32Array(weight!.size).fill(NaN), [...weight!.shape]));
    const probe = await probeOf(stripes(10, 4), 'validation', 10);
    const { counts, right, wrong, notFinite } = await predictionsOf(model, probe);
    expect([counts.size, right, wrong, notFinite]).toEqual([0, [], [], 10]);
    disposeBatches(probe.batches);
  });
});

describe('snapshot', () => {
  test('filters, activations, predictions; modes stay, and nothing is left', async () => {
    const { model } = classifier();
    model.train();
    const probe = await probeOf(stripes(80, 4), 'validation', 80);
    await synchronize();
    await collectGarbage();
    const before = memory().liveTensors;
    const snapshot = await takeSnapshot(model, { value: probe }, 3);
    expect(memory().liveTensors).toBe(before);
    expect(snapshot.epoch).toBe(3);
    expect(value(snapshot.filters)).toMatchObject({ path: '0.weight', kernel: [5, 5], filters: 8, shown: 8 });
    expect(value(snapshot.filters).images).toHaveLength(8);
    expect(value(snapshot.activations).map(({ kind }) => kind)).toEqual([
      ...['Conv2d', 'ReLU', 'MaxPool2d', 'Conv2d', 'ReLU', 'Flatten', 'Linear'],
    ]);
    expect(value(snapshot.activations)[0]!.shape[0]).toBe(40);
    expect(model.training).toBe(true);
    disposeBatches(probe.batches);
  });

  test('of many filters of many channels, as many as can be looked at', async () => {
    const wide = new nn.Sequential(new nn.Conv2d(100, 9, 3));
    const { filters } = await takeSnapshot(wide, { missing: 'none' }, 1);
    expect(value(filters)).toMatchObject({ filters: 9, shown: 2 });
    expect(value(filters).images).toHaveLength(200);
    const colours = new nn.Sequential(new nn.Conv2d(3, 300, 3));
    expect(value((await takeSnapshot(colours, { missing: 'none' }, 1)).filters).images).toHaveLength(256);
  });

  test('tells what cannot be had, and why', async () => {
    const model = new nn.Sequential(new nn.Linear(2, 1));
    const regression = new data.TensorDataset(randn([6, 2]), randn([6, 1]));
    const probe = await probeOf(regression, 'training', 6);
    const { predictions, filters, activations } = await takeSnapshot(model, { value: probe }, 1);
    expect(predictions).toEqual({ missing: 'the targets are no labels of classes' });
    expect(filters).toEqual({ missing: 'no layer has filters of rows and columns' });
    expect(value(activations)).toHaveLength(1);
    disposeBatches(probe.batches);
    const labels = await probeOf(
      new data.TensorDataset(randn([6, 2]), tensor(new Int32Array(6))),
      'training',
      6,
    );
    expect((await takeSnapshot(model, { value: labels }, 1)).predictions).toEqual({
      missing: 'the model gives [N, 1], which are no scores of classes',
    });
    disposeBatches(labels.batches);
  });
});
