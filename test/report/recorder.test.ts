import { describe, expect, test } from 'vitest';
import type { EpochRecord, Trainer } from '../../lib/index.js';
import { Recorder } from '../../lib/report/recorder.js';
import { Changes, View } from '../../lib/report/view.js';
import type { BatchEnd } from '../../lib/train/callback.js';
import { classifier, stripes } from './training.js';

const options = { title: undefined, samples: 30 };

function recorded(trainer: Trainer, epochs: number, batches: number | null = 10): Recorder {
  return new Recorder(
    {
      trainer,
      epochs,
      batches: batches ?? undefined,
      train: stripes(30, 1),
      validation: undefined,
      resumed: false,
    },
    options,
  );
}

function batch(trainer: Trainer, epoch: number, at: number, step: number): BatchEnd {
  const measured = { loss: 1 / step, metrics: { accuracy: 0.5 } };
  return {
    trainer,
    epoch,
    batch: at,
    step,
    samples: 8,
    ...measured,
    running: measured,
    learningRate: 0.1,
  };
}

function record(epoch: number, loss = 1 / epoch): EpochRecord {
  return { epoch, loss, metrics: { accuracy: 0.5 }, learningRate: 0.1, seconds: 1, samplesPerSecond: 80 };
}

/** Epochs of 10 batches. */
async function run(recorder: Recorder, trainer: Trainer, from: number, to: number): Promise<void> {
  for (let epoch = from; epoch <= to; epoch++) {
    recorder.epochBegin();
    for (let at = 1; at <= 10; at++) recorder.batchEnd(batch(trainer, epoch, at, (epoch - 1) * 10 + at));
    await recorder.epochEnd({ trainer, epoch, record: record(epoch) });
  }
}

describe('Recorder', () => {
  test('tells how far training is, and the time left', async () => {
    const trainer = classifier();
    const recorder = recorded(trainer, 4);
    expect([recorder.done, recorder.secondsLeft, recorder.samplesPerSecond]).toEqual([0, null, null]);
    recorder.epochBegin();
    recorder.batchEnd(batch(trainer, 1, 1, 1));
    expect(recorder.done).toBe(0.1 / 4);
    await run(recorder, trainer, 1, 1);
    expect(recorder.done).toBe(1 / 4);
    expect(recorder.secondsLeft! / recorder.seconds).toBeCloseTo(3, 1);
    expect(recorder.samplesPerSecond).toBeGreaterThan(0);
    recorder.end({ reason: 'stopped' });
    expect([recorder.done, recorder.secondsLeft]).toEqual([1 / 4, null]);
    const { seconds } = recorder;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(recorder.seconds).toBe(seconds);
  });

  test('goes by epochs where their batches are not known', async () => {
    const trainer = classifier();
    const recorder = recorded(trainer, 4, null);
    recorder.batchEnd(batch(trainer, 1, 3, 3));
    expect(recorder.done).toBe(0);
    await recorder.epochEnd({ trainer, epoch: 1, record: record(1) });
    expect(recorder.done).toBe(1 / 4);
    recorder.end({ reason: 'failed' });
  });

  test('takes up the epochs before a checkpoint, at their batches', async () => {
    const trainer = classifier();
    trainer.history = { epochs: [record(1), record(2), record(3)] };
    const recorder = recorded(trainer, 6);
    await run(recorder, trainer, 4, 4);
    const [loss] = recorder.curves.charts;
    const line = (kind: string) => loss!.lines.find((some) => some.kind === kind)!.series;
    expect(line('training').x).toEqual([10, 20, 30, 40]);
    expect(line('batch').x).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
    expect(recorder.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(recorder.done).toBe(4 / 6);
    // One epoch has been trained here, two are to come.
    expect(recorder.secondsLeft! / recorder.seconds).toBeCloseTo(2, 1);
    recorder.end({ reason: 'aborted' });
  });

  test('memory is bounded: what is told of 12,800 epochs is not much more than of 1,600', async () => {
    const trainer = classifier();
    const size = async (epochs: number) => {
      const recorder = recorded(trainer, epochs);
      await run(recorder, trainer, 1, epochs);
      expect(recorder.epochs).toHaveLength(100);
      expect(recorder.best?.epoch).toBe(epochs);
      recorder.end({ reason: 'aborted' });
      return JSON.stringify(new View(recorder).whole()).length;
    };
    const [short, long] = [await size(1600), await size(12_800)];
    expect(long).toBeLessThan(1.1 * short);
    expect(long).toBeLessThan(300_000);
  });

  test('the best epoch stays in the table', async () => {
    const trainer = classifier();
    const recorder = recorded(trainer, 200);
    for (let epoch = 1; epoch <= 150; epoch++) {
      const loss = epoch === 7 ? 0.1 : epoch === 9 ? NaN : 1;
      await recorder.epochEnd({ trainer, epoch, record: record(epoch, loss) });
    }
    const { epochs } = new View(recorder).parts();
    expect(epochs.match(/<tr>/g)).toHaveLength(102);
    expect(epochs).toMatch(/7\s*<span role="img" aria-label="best">/);
    recorder.end({ reason: 'aborted' });
  });

  test('looks at the model less often where that would take more than a twentieth of the time', async () => {
    const trainer = classifier();
    const recorder = recorded(trainer, 50);
    await recorder.begin(options);
    const seen: (number | undefined)[] = [];
    for (let epoch = 1; epoch <= 50; epoch++) {
      await recorder.epochEnd({ trainer, epoch, record: record(epoch) });
      seen.push(recorder.snapshot?.epoch);
    }
    // These epochs take no time: the first and the last are looked at, and few between.
    expect([seen[0], seen[49]]).toEqual([1, 50]);
    expect(new Set(seen).size).toBeLessThan(25);
    recorder.end({ reason: 'finished' });
  });

  test('metrics: those that are numbers, a dozen at the most; loss is no other chart', async () => {
    const trainer = classifier();
    const recorder = recorded(trainer, 1);
    const metrics = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m${i}`, i]));
    const given = { loss: 2, confusion: [[1]] as never, ...metrics };
    await recorder.epochEnd({ trainer, epoch: 1, record: { ...record(1), metrics: given } });
    const ids = recorder.curves.charts.map(({ id }) => id);
    expect(ids).toEqual(['loss', ...Array.from({ length: 12 }, (_, i) => `metric${i}`), 'speed']);
    recorder.end({ reason: 'aborted' });
  });
});

describe('Changes', () => {
  test('are told once, and a curve again when its points become fewer', async () => {
    const trainer = classifier();
    const recorder = recorded(trainer, 1000);
    const changes = new Changes(new View(recorder));
    recorder.batchEnd(batch(trainer, 1, 1, 1));
    const line = () => {
      const update = changes.next();
      const lines = update?.charts.find(({ id }) => id === 'loss')?.lines;
      return lines?.find(({ kind }) => kind === 'batch');
    };
    expect(line()).toMatchObject({ from: 0, x: [1] });
    expect(line()).toBeUndefined();
    for (let step = 2; step <= 1999; step++) recorder.batchEnd(batch(trainer, 1, step, step));
    expect(line()).toMatchObject({ from: 1, x: expect.objectContaining({ length: 1998 }) as number[] });
    for (let step = 2000; step <= 2004; step++) recorder.batchEnd(batch(trainer, 1, step, step));
    expect(line()).toMatchObject({ from: 0, x: expect.objectContaining({ length: 1002 }) as number[] });
    recorder.end({ reason: 'aborted' });
  });
});
