import { Command } from 'commander';
import type { Dataset } from '../data/dataset.js';
import { digits } from '../data/digits.js';
import { Standardize } from '../data/preprocessing/scale.js';
import { TransformedDataset } from '../data/transformedDataset.js';
import { crossEntropy } from '../loss/index.js';
import { lenet5 } from '../models/lenet.js';
import { setSeed } from '../ops/creation.js';
import { softmax } from '../ops/softmax.js';
import { Adam } from '../optim/index.js';
import { cpuInfo } from '../system.js';
import { Trainer } from '../train/trainer.js';
import { textArt } from './textArt.js';

/** Digits shown at the end. */
const shown = 3;

export function quickstartCommand(): Command {
  return new Command('quickstart').description('Watch LeNet-5 learn handwritten digits.').action(quickstart);
}

async function quickstart(): Promise<void> {
  setSeed(0);
  const { train, test } = await digits();
  const standardize = await Standardize.fit(train, { statistics: 'whole' });
  const standardized = (part: Dataset) => new TransformedDataset(part, [standardize]);
  const model = lenet5({ side: 32 });
  const trainer = new Trainer(model, {
    optimizer: new Adam(model.parameters(), { lr: 1e-3 }),
    loss: crossEntropy,
    metrics: ['accuracy'],
  });
  const { isa, threads } = cpuInfo();
  const out = process.stdout;
  out.write(`LeNet-5 learns ${train.length} handwritten digits (${isa}, ${threads} threads).\n`);
  const start = performance.now();
  await trainer.fit(standardized(train), { epochs: 25, batchSize: 32 });
  const seconds = (performance.now() - start) / 1000;
  const { accuracy, samples } = await trainer.evaluate(standardized(test));
  out.write(
    `\nAfter ${seconds.toFixed(1)} s it reads ${(100 * accuracy).toFixed(1)}% of ${samples} digits that it has not seen:\n\n`,
  );

  const [images, labels] = test.batch(Int32Array.from({ length: shown }, (_, i) => i));
  const pixels = await images.data();
  const truth = await labels.data();
  const scores = await softmax(await trainer.predict(standardize.forward(images))).data();
  const side = images.shape[1] ?? 0;
  for (let i = 0; i < shown; i++) {
    const chances = scores.subarray(i * 10, (i + 1) * 10);
    const predicted = chances.indexOf(Math.max(...chances));
    const art = textArt(
      halved(pixels.subarray(i * side * side, (i + 1) * side * side), side),
      side / 2,
      side / 2,
    );
    const percent = (100 * (chances[predicted] ?? NaN)).toFixed(1);
    out.write(`${art}\nThis is a ${truth[i]}; the network says ${predicted} (${percent}%).\n\n`);
  }
}

/** Every second pixel of every second row: enough to see the digit. */
function halved(pixels: Float32Array, side: number): number[] {
  const half = side / 2;
  return Array.from(
    { length: half * half },
    (_, i) => pixels[Math.floor(i / half) * 2 * side + (i % half) * 2] ?? 0,
  );
}
