// Trains a small network with all that has a state, from the last checkpoint in a folder where there is one, and prints what
// came out; see resume.test.ts, which kills it.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import {
  Checkpoint,
  CSVLog,
  EarlyStopping,
  EMA,
  loss,
  nn,
  optim,
  setSeed,
  setThreads,
  tensor,
  Trainer,
} from '../../../dist/index.js';

const [folder, checkpoints = 'checkpoints'] = process.argv.slice(2);
setThreads(1);
setSeed(11);

/** Numbers in [0, 1) that two others fix. */
function drawn(a, b) {
  let state = Math.imul(a ^ 0x9e3779b9, 2246822519) ^ Math.imul(b + 1, 3266489917);
  state = Math.imul(state ^ (state >>> 15), 2246822519);
  return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
}

/** Patterns of two classes, moved and dimmed by draws that seed, epoch and number fix. */
const train = {
  length: 203,
  get(index, randomness = { seed: 0, epoch: 0 }) {
    const shift = Math.floor(4 * drawn(randomness.seed % 65521, randomness.epoch * 1000 + index));
    const light = 0.5 + drawn(randomness.epoch, index);
    const x = Float32Array.from({ length: 64 }, (_, i) =>
      light * (((i + shift) % 8 < 4) === (index % 2 === 0) ? drawn(index, i) : 0.1),
    ); // prettier-ignore
    return [tensor(x, [8, 8, 1]), index % 2];
  },
};

const model = new nn.Sequential(
  new nn.Conv2d(1, 4, 3),
  new nn.BatchNorm2d(4),
  new nn.ReLU(),
  new nn.Flatten(),
  new nn.Dropout(0.4),
  new nn.Linear(144, 2),
);
const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
const epochs = 6;
const steps = epochs * 9;
const schedule = new optim.OneCycleLR(optimizer, { maxLr: 0.01, totalSteps: steps });
const trainer = new Trainer(model, {
  optimizer,
  loss: loss.crossEntropy,
  metrics: ['accuracy'],
  schedule,
  accumulate: 3,
});
const early = new EarlyStopping({ monitor: 'loss', patience: 50, restoreBestWeights: false });
const ema = new EMA({ decay: 0.9 });
const last = join(folder, 'last.safetensors');
const callbacks = [
  new CSVLog(join(folder, 'epochs.csv')),
  ...(checkpoints === 'checkpoints' ? [new Checkpoint({ folder, everyBatches: 4, keep: 2 })] : []),
  early,
  ema,
  { onBatchEnd: ({ step }) => process.stdout.write(`${step}\n`) },
];
const { epochs: records } = await trainer.fit(train, {
  epochs,
  batchSize: 8,
  callbacks,
  progress: false,
  validation: { length: 20, get: (index) => train.get(index) },
  ...(existsSync(last) && { resume: last }),
});
const hash = createHash('sha256');
for (const [name, t] of model.stateDict()) hash.update(name).update(await t.data());
const { tensors, ...rest } = optimizer.stateDict();
for (const t of tensors.values()) hash.update(await t.data());
const history = records.map(({ seconds, samplesPerSecond, ...record }) => {
  if (!(seconds > 0 && samplesPerSecond > 0)) throw new Error(`no time: ${seconds} ${samplesPerSecond}`);
  return record;
});
process.stdout.write(
  `${JSON.stringify({ weights: hash.digest('hex'), rest, history, schedule: schedule.stateDict(), early: early.state() })}\n`,
);
