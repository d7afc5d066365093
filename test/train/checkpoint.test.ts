import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Checkpoint,
  EarlyStopping,
  EMA,
  io,
  loadCheckpoint,
  loss,
  memory,
  nn,
  optim,
  randn,
  randomState,
  setRandomState,
  setSeed,
  Trainer,
  type Callback,
  type FitOptions,
  type TrainerOptions,
  type EpochEnd,
} from '../../lib/index.js';
import { collectGarbage } from '../garbage.js';
import { points } from './points.js';

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'striate-checkpoint-'));
});
afterAll(() => rm(parent, { recursive: true }));
const newFolder = () => mkdtemp(join(parent, 'run-'));

function classifier({ hidden = 8, ...options }: Partial<TrainerOptions> & { hidden?: number } = {}): Trainer {
  setSeed(1);
  const model = new nn.Sequential(
    new nn.Linear(2, hidden),
    new nn.BatchNorm1d(hidden),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(hidden, 2),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'], ...options });
}

const fit = (trainer: Trainer, options: FitOptions = {}, n = 50) =>
  trainer.fit(points(n), { epochs: 3, batchSize: 8, progress: false, ...options });

async function everything({ model, optimizer }: Trainer) {
  const tensors = [...model.stateDict(), ...optimizer.stateDict().tensors];
  const { groups, steps } = optimizer.stateDict();
  const values = await Promise.all(tensors.map(async ([name, t]) => [name, await t.data()] as const));
  return { values, groups, steps };
}

/** A checkpoint of training for 3 epochs. */
async function made(options: Partial<TrainerOptions> = {}, more: Callback[] = []): Promise<string> {
  const folder = await newFolder();
  await fit(classifier(options), { callbacks: [new Checkpoint({ folder }), ...more] });
  return join(folder, 'last.safetensors');
}

describe('Checkpoint', () => {
  test('goes on where it ended, for more epochs', async () => {
    const whole = classifier();
    await fit(whole, { epochs: 5 });
    const [half, folder] = [classifier(), await newFolder()];
    await fit(half, { callbacks: [new Checkpoint({ folder })] });
    expect(await readdir(folder)).toEqual(['last.safetensors']);
    const other = classifier();
    randn([3]);
    const { epochs } = await fit(other, { epochs: 5, resume: join(folder, 'last.safetensors') });
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
    expect(await everything(other)).toEqual(await everything(whole));
    expect(epochs.map((record) => record.loss)).toEqual(whole.history.epochs.map((record) => record.loss));
    // Nothing is left to do.
    const again = classifier();
    expect((await fit(again, { resume: join(folder, 'last.safetensors') })).epochs).toHaveLength(3);
    expect(await everything(again)).toEqual(await everything(half));
  });

  test('within an epoch, under names of their own, as many as are to be kept', async () => {
    const folder = await newFolder();
    await fit(classifier(), { callbacks: [new Checkpoint({ folder, everyBatches: 3, keep: 3 })] });
    // 7 batches an epoch: 3, 6, 7, 9, 12, 14, 15, 18, 21.
    const names = ['step-00000015', 'step-00000018', 'step-00000021'].map((name) => `${name}.safetensors`);
    expect((await readdir(folder)).sort()).toEqual(['last.safetensors', ...names]);
    const whole = classifier();
    await fit(whole);
    for (const name of names) {
      const resumed = classifier();
      const steps: number[] = [];
      const callbacks: Callback[] = [
        new Checkpoint({ folder: await newFolder(), everyBatches: 3 }),
        { onBatchEnd: ({ step }) => void steps.push(step) },
      ];
      await fit(resumed, { resume: join(folder, name), callbacks });
      expect(steps[0] ?? 22).toBe(Number(name.slice(5, 13)) + 1);
      expect(await everything(resumed)).toEqual(await everything(whole));
    }
  });

  test.each([
    [undefined, [3, 1, 2], 1],
    ['validationAccuracy', [0.1, 0.3, 0.2], 1],
    ['validationLoss', [1, 3, NaN], 0],
  ])('keeps the best by %s of %j', async (monitor, values, best) => {
    const folder = await newFolder();
    const weights: Float32Array[] = [];
    const measure: Callback = {
      async onEpochEnd({ trainer, record }) {
        const value = values[record.epoch - 1]!;
        record.validation = { loss: value, metrics: { accuracy: value } };
        weights.push(await trainer.model.parameters()[0]!.data());
      },
    };
    await fit(classifier(), { callbacks: [measure, new Checkpoint({ folder, monitor, everyEpochs: 3 })] });
    expect((await readdir(folder)).sort()).toEqual(['best.safetensors', 'last.safetensors']);
    const other = classifier();
    await loadCheckpoint(other.model, join(folder, 'best.safetensors'));
    expect(await other.model.parameters()[0]!.data()).toEqual(weights[best]);
    await loadCheckpoint(other.model, join(folder, 'last.safetensors'));
    expect(await other.model.parameters()[0]!.data()).toEqual(weights[2]);
  });

  test('holds the averages of EMA, which are what a model is given', async () => {
    const folder = await newFolder();
    const trainer = classifier();
    await fit(trainer, { callbacks: [new EMA({ decay: 0.5 }), new Checkpoint({ folder })] });
    const file = join(folder, 'last.safetensors');
    const [averaged, raw] = [classifier(), classifier()];
    await loadCheckpoint(averaged.model, file);
    await loadCheckpoint(raw.model, file, { averaged: false });
    const weights = ({ model }: Trainer) => model.parameters()[0]!.data();
    expect(await weights(averaged)).toEqual(await weights(trainer));
    expect(await weights(raw)).not.toEqual(await weights(trainer));
  });

  test('of training that was asked to stop goes on', async () => {
    const folder = await newFolder();
    const ends = {
      onEpochEnd: ({ trainer, epoch }: EpochEnd) => {
        if (epoch === 2) trainer.stop();
      },
    };
    const checkpoint = () => new Checkpoint({ folder });
    const short = await fit(classifier(), { epochs: 5, callbacks: [ends, checkpoint()] });
    expect(short.epochs).toHaveLength(2);
    const resume = join(folder, 'last.safetensors');
    const { epochs } = await fit(classifier(), { epochs: 5, resume, callbacks: [checkpoint()] });
    expect(epochs).toHaveLength(5);
  });

  test('of training that has stopped early ends', async () => {
    const folder = await newFolder();
    const early = () => new EarlyStopping({ monitor: 'loss', mode: 'max' });
    await fit(classifier(), { epochs: 9, callbacks: [early(), new Checkpoint({ folder })] });
    const file = join(folder, 'last.safetensors');
    const stopping = early();
    const { epochs } = await fit(classifier(), {
      epochs: 9,
      resume: file,
      callbacks: [stopping, new Checkpoint({ folder })],
    });
    expect(epochs).toHaveLength(2);
    expect(stopping.stoppedEpoch).toBe(2);
  });

  test('leaves no memory behind', async () => {
    const folder = await newFolder();
    const trainer = classifier();
    const run = (resume?: string) =>
      fit(trainer, {
        epochs: resume ? 6 : 3,
        callbacks: [
          new EMA(),
          new EarlyStopping({ monitor: 'loss', patience: 9, restoreBestWeights: true }),
          new Checkpoint({ folder, everyBatches: 2 }),
        ],
        resume,
      });
    await run();
    await collectGarbage();
    const before = memory().liveTensors;
    await run(join(folder, 'last.safetensors'));
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  });

  test('refuses options that are none', () => {
    const wrong: [object, RegExp][] = [
      [{}, /^Checkpoint: folder is undefined, wants a path/],
      [{ folder: 'x', everyEpochs: 0 }, /^Checkpoint: everyEpochs is 0/],
      [{ folder: 'x', everyBatches: 1.5 }, /^Checkpoint: everyBatches is 1.5/],
      [{ folder: 'x', keep: -1 }, /^Checkpoint: keep is -1/],
      [{ folder: 'x', monitor: 3 }, /^Checkpoint: monitor is 3/],
      [{ folder: 'x', mode: 'least' }, /^Checkpoint: mode is 'least'/],
      [{ folder: 'x', onError: 'no' }, /^Checkpoint: onError is 'no'/],
    ];
    for (const [options, message] of wrong) {
      expect(() => new Checkpoint(options as { folder: string })).toThrow(message);
    }
  });
});

describe('resuming refuses, and changes nothing,', () => {
  const ema = new EMA();
  const others: [string, () => Trainer, FitOptions, number, RegExp][] = [
    ['another model', () => classifier({ hidden: 9 }), {}, 50, /last.safetensors: is of another model: 0.weight is f32 \[2, 8\], wants f32 \[2, 9\]; /],
    ['more data', () => classifier(), {}, 60, /is of other training: data: samples is 50, wants 60; data: batches is 7, wants 8/],
    ['other batches', () => classifier(), { batchSize: 9 }, 50, /data: batches is 7, wants 6; data: batchSize is 8, wants 9/],
    ['another order', () => classifier(), { shuffle: false }, 50, /data: shuffle is true, wants false/],
    ['another seed', () => classifier(), { seed: 5 }, 50, /data: seed is \d+, wants 5/],
    ['other metrics', () => classifier({ metrics: [] }), {}, 50, /metrics is \["accuracy"\], wants \[\]/],
    ['another accumulation', () => classifier({ accumulate: 2 }), {}, 50, /accumulate is 1, wants 2/],
    ['other callbacks', () => classifier(), { callbacks: [ema] }, 50, /callbacks is \[\], wants \["EMA"\]/],
  ]; // prettier-ignore
  test.each(others)('%s', async (_name, make, options, n, message) => {
    const file = await made();
    const trainer = make();
    const before = await everything(trainer);
    const random = randomState();
    const begun: string[] = [];
    const callbacks = [...(options.callbacks ?? [new Checkpoint({ folder: await newFolder() })])];
    callbacks.push({ onTrainBegin: () => void begun.push('begun') });
    await expect(fit(trainer, { ...options, resume: file, callbacks }, n)).rejects.toThrow(message);
    expect(await everything(trainer)).toEqual(before);
    expect(begun).toEqual([]);
    if (!options.shuffle && options.seed === undefined) expect(randomState()[0]).toBe(random[0]);
  });

  test('another optimizer, its options, and another schedule', async () => {
    const file = await made();
    const callbacks = [new Checkpoint({ folder: await newFolder() })];
    const refused = async (change: (model: nn.Module) => Partial<TrainerOptions>, message: RegExp) => {
      const { model } = classifier();
      const trainer = new Trainer(model, {
        optimizer: new optim.Adam(model.parameters(), { lr: 0.02 }),
        loss: loss.crossEntropy,
        metrics: ['accuracy'],
        ...change(model),
      });
      const before = await everything(trainer);
      await expect(fit(trainer, { resume: file, callbacks })).rejects.toThrow(message);
      expect(await everything(trainer)).toEqual(before);
    };
    await refused((model) => ({ optimizer: new optim.SGD(model.parameters(), { lr: 1 }) }), /optimizer is "Adam", wants "SGD"/); // prettier-ignore
    await refused((model) => {
      const optimizer = new optim.Adam(model.parameters(), { lr: 1 });
      return { optimizer, schedule: new optim.StepLR(optimizer, { stepSize: 3 }) };
    }, /schedule is null, wants "StepLR"/);
    await refused(
      (model) => ({ optimizer: new optim.Adam([...model.parameters()].slice(1), { lr: 1 }) }),
      /last.safetensors: loadStateDict: the state is of 6 parameters, wants 5/,
    );
  });

  test('a file that is damaged, cut short, none, or missing', async () => {
    const file = await made();
    const bytes = await readFile(file);
    const trainer = classifier();
    const before = await everything(trainer);
    const target = join(parent, 'damaged.safetensors');
    const callbacks = [new Checkpoint({ folder: await newFolder() })];
    const tried = async (content: Uint8Array) => {
      await writeFile(target, content);
      await expect(fit(trainer, { resume: target, callbacks })).rejects.toThrow(target);
    };
    for (let i = 0; i < 300; i++) {
      const at = Math.floor(Math.random() * bytes.length);
      const changed = Uint8Array.from(bytes);
      changed[at] = changed[at]! ^ (1 << Math.floor(Math.random() * 8));
      // Spaces at the end of the header count nothing.
      if (bytes[at] === 0x20) continue;
      await tried(changed);
    }
    for (let i = 0; i < 40; i++) await tried(bytes.subarray(0, Math.floor((i * bytes.length) / 40)));
    await io.saveSafetensors(trainer.model, target);
    await expect(fit(trainer, { resume: target, callbacks })).rejects.toThrow(`${target}: is no checkpoint`);
    const missing = join(parent, 'missing.safetensors');
    await expect(fit(trainer, { resume: missing, callbacks })).rejects.toThrow(
      `cannot read ${missing}: ENOENT`,
    );
    await expect(loadCheckpoint(trainer.model, missing)).rejects.toThrow(`cannot read ${missing}`);
    await expect(loadCheckpoint(classifier({ hidden: 3 }).model, file)).rejects.toThrow(
      /last.safetensors: loadStateDict: 0.weight is f32/,
    );
    expect(await everything(trainer)).toEqual(before);
  });
});

describe('where a checkpoint cannot be written', () => {
  test('training goes on, and tells', async () => {
    const file = join(parent, 'file');
    await writeFile(file, '');
    const folder = join(file, 'inside');
    const warnings: string[] = [];
    const told: Error[] = [];
    const display = { onWarning: (text: string) => void warnings.push(text) };
    const callbacks = [
      new Checkpoint({ folder }),
      new Checkpoint({ folder, onError: (error) => void told.push(error) }),
    ];
    const { epochs } = await fit(classifier(), { callbacks, progress: display });
    expect(epochs).toHaveLength(3);
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toMatch(/^Checkpoint: ENOTDIR: .*; training goes on$/);
    expect(told).toHaveLength(3);
    const failing = new Checkpoint({
      folder,
      onError() {
        throw new Error('enough');
      },
    });
    const trainer = classifier();
    const fails = () => expect(fit(trainer, { callbacks: [failing] })).rejects.toThrow('enough');
    await fails();
    await collectGarbage();
    const { liveTensors } = memory();
    await fails();
    await collectGarbage();
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test('on a full disk, the last good one stays', async () => {
    const folder = await newFolder();
    const child = fileURLToPath(new URL('children/fullDisk.mjs', import.meta.url));
    // The third of the checkpoints is too large.
    const running = spawn('bash', ['-c', `ulimit -f 24; exec "$0" "$@"`, process.execPath, child, folder]);
    let out = '';
    for (const stream of [running.stdout, running.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString())); // prettier-ignore
    const code = await new Promise((resolve) => running.on('close', resolve));
    expect(code, out).toBe(0);
    expect(JSON.parse(out)).toEqual({
      epochs: 4,
      warnings: [3, 4].map(
        () =>
          `Checkpoint: cannot write ${join(folder, 'last.safetensors')}: EFBIG: file too large, write; training goes on`,
      ),
    });
    expect(await readdir(folder)).toEqual(['last.safetensors']);
    expect((await stat(join(folder, 'last.safetensors'))).size).toBeLessThan(24 * 1024);
    expect(
      (await io.readSafetensors(join(folder, 'last.safetensors'))).metadata['striate.checkpoint'],
    ).toContain('"position":{"epoch":3,');
  });
});

test('random numbers go on where their state was asked', async () => {
  setSeed(3);
  randn([2]);
  const state = randomState();
  const numbers = await randn([5]).data();
  setRandomState(state);
  expect(await randn([5]).data()).toEqual(numbers);
  expect(() => setRandomState([1, -1])).toThrow(/setRandomState: stream is -1/);
  expect(() => setRandomState(['1' as never, 0])).toThrow(/setRandomState: seed is '1'/);
});
