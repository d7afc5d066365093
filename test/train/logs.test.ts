import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Checkpoint,
  CSVLog,
  loss,
  nn,
  optim,
  setSeed,
  TensorBoard,
  Trainer,
  type FitOptions,
} from '../../lib/index.js';
import { histogramOf } from '../../lib/train/histogram.js';
import { eventsOf, type ReadEvent } from '../io/events.js';
import { points } from './points.js';

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'striate-logs-'));
});
afterAll(() => rm(parent, { recursive: true }));
const newFolder = () => mkdtemp(join(parent, 'run-'));

async function trained(options: FitOptions, n = 50): Promise<Trainer> {
  setSeed(1);
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Linear(8, 2));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
  await trainer.fit(points(n), { batchSize: 10, progress: false, ...options });
  return trainer;
}

describe('CSVLog', () => {
  test('has a line for each epoch, of what was measured', async () => {
    const file = join(await newFolder(), 'deep', 'er', 'epochs.csv');
    const { history } = await trained({ epochs: 3, validation: points(20), callbacks: [new CSVLog(file)] });
    const [names, ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(names).toBe(
      'epoch,loss,accuracy,validationLoss,validationAccuracy,learningRate,seconds,samplesPerSecond',
    );
    expect(lines.map((line) => line.split(',').map(Number))).toEqual(
      history.epochs.map(({ epoch, loss, metrics, validation, learningRate, seconds, samplesPerSecond }) => [
        ...[epoch, loss, metrics.accuracy, validation!.loss, validation!.metrics.accuracy],
        ...[learningRate, seconds, samplesPerSecond],
      ]),
    );
    await trained({ callbacks: [new CSVLog(file)] });
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(3);
  });

  test('goes on from a checkpoint, without what came after it', async () => {
    const folder = await newFolder();
    const file = join(folder, 'epochs.csv');
    const callbacks = () => [new CSVLog(file), new Checkpoint({ folder, everyEpochs: 2 })];
    await trained({ epochs: 2, callbacks: callbacks() });
    const before = await readFile(file, 'utf8');
    await writeFile(file, `${before}3,of training that was killed\n`);
    const resume = join(folder, 'last.safetensors');
    await trained({ epochs: 3, callbacks: callbacks(), resume });
    const after = await readFile(file, 'utf8');
    expect(after.startsWith(before)).toBe(true);
    expect(after.slice(before.length)).toMatch(/^3,[\d.]+,[\d.]+,0.02,[\d.]+,[\d.]+\n$/);
    // With another log it begins there.
    const other = join(folder, 'other.csv');
    await trained({ epochs: 4, callbacks: [new CSVLog(other)], resume });
    expect((await readFile(other, 'utf8')).split('\n').map((line) => line.split(',')[0])).toEqual([
      'epoch',
      '4',
      '',
    ]);
  });

  test('that cannot be written is told once, and training goes on', async () => {
    const file = join(await newFolder(), 'file');
    await writeFile(file, '');
    const warnings: string[] = [];
    const progress = { onWarning: (text: string) => void warnings.push(text) };
    const callbacks = [
      new CSVLog(join(file, 'epochs.csv')),
      new TensorBoard({ folder: join(file, 'board') }),
    ];
    const { history } = await trained({ epochs: 3, callbacks, progress });
    expect(history.epochs).toHaveLength(3);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^CSVLog: cannot write .*epochs.csv: E.*; training goes on without$/);
    expect(warnings[1]).toMatch(
      /^TensorBoard: cannot write to .*board: ENOTDIR.*; training goes on without$/,
    );
    expect(() => new CSVLog(3 as never)).toThrow(/CSVLog: file is 3/);
  });
});

/** The events of all files of a folder, in the order of their names. */
async function events(folder: string): Promise<ReadEvent[]> {
  const names = (await readdir(folder)).sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name))))).flatMap((file) =>
    eventsOf(file),
  );
}

const numbers = (list: readonly ReadEvent[], tag: string) =>
  list.flatMap(({ step, values }) =>
    values.flatMap((value) => (value.tag === tag ? [[step, value.simpleValue]] : [])),
  );

describe('TensorBoard', () => {
  test('is given batches, epochs and histograms', async () => {
    const folder = await newFolder();
    const losses: number[] = [];
    const { history, model } = await trained({
      epochs: 2,
      validation: points(20),
      callbacks: [
        new TensorBoard({ folder, everyBatches: 2, histograms: true }),
        { onBatchEnd: (event) => void losses.push(event.loss) },
      ],
    });
    const train = await events(join(folder, 'train'));
    const validation = await events(join(folder, 'validation'));
    expect(train[0]?.fileVersion).toBe('brain.Event:2');
    expect(Math.abs(train[1]!.wallTime! - Date.now() / 1000)).toBeLessThan(60);
    expect(numbers(train, 'batch/loss')).toEqual([2, 4, 6, 8, 10].map((step) => [step, losses[step - 1]]));
    expect(numbers(train, 'batch/learningRate')).toHaveLength(5);
    expect(numbers(train, 'batch/accuracy')).toHaveLength(5);
    const records = history.epochs;
    const of = (value: (record: (typeof records)[number]) => number) =>
      records.map((record) => [record.epoch, Math.fround(value(record))]);
    expect(numbers(train, 'loss')).toEqual(of((record) => record.loss));
    expect(numbers(train, 'accuracy')).toEqual(of((record) => record.metrics.accuracy!));
    expect(numbers(train, 'learningRate')).toEqual(of((record) => record.learningRate));
    expect(numbers(train, 'samplesPerSecond')).toEqual(of((record) => record.samplesPerSecond));
    expect(numbers(validation, 'loss')).toEqual(of((record) => record.validation!.loss));
    expect(numbers(validation, 'accuracy')).toEqual(of((record) => record.validation!.metrics.accuracy!));
    const values = train.at(-1)!.values;
    expect(values.map(({ tag }) => tag)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias'].map((name) => `weights/${name}`)); // prettier-ignore
    const weight = await model.parameters()[0]!.data();
    expect(values[0]!.histogram).toMatchObject({
      num: 16,
      min: Math.min(...weight),
      max: Math.max(...weight),
    });
    expect(values[0]!.histogram!.bucket!.reduce((a, b) => a + b)).toBe(16);
  });

  test('goes on from a checkpoint, without what came after it', async () => {
    const folder = await newFolder();
    const callbacks = () => [
      new TensorBoard({ folder: join(folder, 'board') }),
      new Checkpoint({ folder, everyEpochs: 9, everyBatches: 3 }),
    ];
    const controller = new AbortController();
    const abort = { onBatchEnd: ({ step }: { step: number }) => step === 9 && controller.abort() };
    await expect(
      trained({ epochs: 2, callbacks: [...callbacks(), abort as object], signal: controller.signal }),
    ).rejects.toThrow(/abort/);
    const whole = await newFolder();
    await trained({ epochs: 3, callbacks: [new TensorBoard({ folder: whole })] });
    await trained({ epochs: 3, callbacks: callbacks(), resume: join(folder, 'last.safetensors') });
    const resumed = await events(join(folder, 'board', 'train'));
    for (const tag of ['batch/loss', 'loss']) {
      expect(numbers(resumed, tag)).toEqual(numbers(await events(join(whole, 'train')), tag));
    }
  });

  const python = process.env.STRIATE_TENSORBOARD;
  if (python !== undefined) {
    test("is read by TensorBoard's own reader", async () => {
      const folder = await newFolder();
      const { history } = await trained({
        epochs: 2,
        callbacks: [new TensorBoard({ folder, histograms: true })],
      });
      const code = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
read = EventAccumulator(sys.argv[1]); read.Reload()
print(json.dumps([[[e.step, e.value] for e in read.Scalars('loss')], len(read.Scalars('batch/loss')),
  [e.histogram_value.num for e in read.Histograms('weights/0.weight')]]))`;
      const { stdout } = await promisify(execFile)(python, ['-c', code, join(folder, 'train')]);
      expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual([
        history.epochs.map((record) => [record.epoch, Math.fround(record.loss)]),
        10,
        [16, 16],
      ]);
    }, 60_000);
  }

  test('refuses options that are none', () => {
    expect(() => new TensorBoard({ folder: '' })).toThrow(/TensorBoard: folder is ''/);
    expect(() => new TensorBoard({ folder: 'x', everyBatches: 0 })).toThrow(/everyBatches is 0/);
    expect(() => new TensorBoard({ folder: 'x', histograms: 1 as never })).toThrow(
      /histograms is of type number/,
    );
  });
});

test('histograms count the finite values', async () => {
  const values = Float32Array.from({ length: 200_000 }, (_, i) => i % 100);
  values[5] = NaN;
  values[6] = Infinity;
  const histogram = await histogramOf(values);
  expect(histogram).toMatchObject({ min: 0, max: 99, count: 199_998 });
  expect(histogram.buckets.reduce((a, b) => a + b)).toBe(199_998);
  expect(histogram.bucketLimits.at(-1)).toBeCloseTo(99, 9);
  expect(await histogramOf(new Float32Array([2, 2]))).toMatchObject({ min: 2, max: 2, count: 2 });
  expect(await histogramOf(new Float32Array([NaN]))).toMatchObject({ count: 0, buckets: [0] });
});
