// What belongs to a longer training: a schedule, averaged weights, metrics, checkpoints, a report. It is interrupted in the
// middle and goes on to the same bits as one that never was. usage: node examples/training.mjs [FOLDER]
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import {
  Checkpoint,
  CSVLog,
  data,
  EMA,
  loadCheckpoint,
  loss,
  metrics,
  models,
  optim,
  Report,
  setSeed,
  Trainer,
} from 'striate';

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'striate-'));
const { train, test } = await data.digits();
const epochs = 6;

/** A trainer as a program makes it, before it knows whether there is a checkpoint to go on from. */
function prepared() {
  setSeed(5);
  const model = models.lenet5({ side: 32 });
  const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-3, weightDecay: 1e-2 });
  return new Trainer(model, {
    optimizer,
    loss: loss.crossEntropy,
    metrics: ['accuracy', metrics.topK(2), metrics.confusionMatrix()],
    schedule: new optim.CosineAnnealingLR(optimizer, { tMax: epochs }),
  });
}

async function run(name, { ends = epochs, resume } = {}) {
  const trainer = prepared();
  const stop = { onEpochEnd: ({ epoch }) => epoch === ends && trainer.stop() };
  const { epochs: records } = await trainer.fit(train, {
    ...{ epochs, batchSize: 64, seed: 1, validation: test, resume, progress: false },
    callbacks: [
      new EMA({ decay: 0.9 }),
      new Checkpoint({ folder: join(folder, name), monitor: 'validationAccuracy' }),
      new CSVLog(join(folder, `${name}.csv`)),
      new Report(join(folder, `${name}.html`)),
      stop,
    ],
  });
  const { loss: measured, accuracy } = await trainer.evaluate(test);
  console.log(
    `${name.padEnd(12)} ${records.length} epochs, ${(100 * accuracy).toFixed(1)}% of new digits, loss ${measured}`,
  );
  return trainer;
}

await run('whole');
await run('interrupted', { ends: 3 });
const trainer = await run('resumed', { resume: join(folder, 'interrupted', 'last.safetensors') });

await loadCheckpoint(trainer.model, join(folder, 'resumed', 'best.safetensors'));
const { accuracy, metrics: measured } = await trainer.evaluate(test);
console.log(
  `the best, averaged: ${(100 * accuracy).toFixed(1)}%, among its first two ${(100 * measured.top2).toFixed(1)}%`,
);
console.log(`reports, logs and checkpoints: ${folder}`);
