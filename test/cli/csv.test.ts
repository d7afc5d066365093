// Training on rows of numbers, and on MNIST's files.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise } from '../check.js';
import { lastLine, striate } from './striate.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-csv-'));
  const values = noise(600, 3);
  const rows = Array.from({ length: 300 }, (_, i) => {
    const [a, b] = [values[2 * i]!, values[2 * i + 1]!];
    return `${a},${b},${a > b ? 'more' : 'less'}`;
  });
  await writeFile(join(folder, 'points.csv'), `a,b,which\n${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

test('a perceptron learns a CSV file, is measured on it, and summed up', async () => {
  const weights = join(folder, 'points.safetensors');
  const data = ['--data', 'csv', '--data-dir', join(folder, 'points.csv')];
  const options = [
    '--epochs',
    '10',
    '--batch-size',
    '16',
    '--lr',
    '0.01',
    '--seed',
    '1',
    '--schedule',
    'linear',
  ];
  const model = ['--model', 'mlp', '--set', 'model.widths=[16]', '--set', 'data.target=which'];
  const trained = await striate(['train', ...model, ...data, ...options, '--save', weights, '--json']);
  expect(trained.code, trained.err).toBe(0);
  const { testAccuracy } = lastLine(trained.out) as { testAccuracy: number };
  expect(testAccuracy).toBeGreaterThan(0.9);

  const result = await striate(['eval', '--weights', weights, ...data, '--json']);
  expect(lastLine(result.out), result.err).toMatchObject({
    accuracy: testAccuracy,
    samples: 60,
    classes: [{ class: 'less' }, { class: 'more' }],
  });
  const all = await striate(['eval', '--weights', weights, ...data, '--all', '--json']);
  expect(lastLine(all.out), all.err).toMatchObject({ samples: 300 });
  const summary = lastLine((await striate(['summary', '--weights', weights, '--json'])).out);
  expect(summary).toMatchObject({ input: [2], parameters: 2 * 16 + 16 + 16 * 2 + 2 });
  const { code, err } = await striate(['predict', weights, '--weights', weights]);
  expect([code, err]).toEqual([1, expect.stringContaining('wants a network for images')]);
});

test('a summary is a table, or JSON', async () => {
  const { code, out } = await striate(['summary', '--model', 'resnet18', '--input', '32,32,3']);
  expect(code).toBe(0);
  expect(out).toMatch(/\n11,173,962 parameters \(11,173,962 trained\), [\d,]+ multiply-adds a sample\n$/);
  const json = await striate(['summary', '--model', 'lenet5', '--json']);
  expect(lastLine(json.out)).toMatchObject({ input: [28, 28, 1], parameters: 61_706 });
});
