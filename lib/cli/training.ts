import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { DataLoader } from '../data/loader.js';
import { TransformedDataset } from '../data/transformedDataset.js';
import { auxiliaryLoss } from '../models/index.js';
import { setSeed } from '../ops/creation.js';
import { Dashboard, Report } from '../report/index.js';
import { setThreads } from '../system.js';
import type { Callback } from '../train/callback.js';
import { Checkpoint } from '../train/checkpoint.js';
import { CSVLog } from '../train/csvLog.js';
import { EarlyStopping } from '../train/earlyStopping.js';
import { EMA } from '../train/ema.js';
import { valuesOf } from '../train/history.js';
import { TensorBoard } from '../train/tensorBoard.js';
import { Trainer } from '../train/trainer.js';
import { inputAfter, measuringSteps, trainingSteps } from './augmentation.js';
import { heldOut, loadData, type LoadedData } from './dataSets.js';
import { measure } from './evaluation.js';
import { Interruption } from './interruption.js';
import { buildModel, settled } from './models.js';
import { measured, type Network } from './network.js';
import { buildLoss, buildOptimizer, buildSchedule } from './optimization.js';
import { printJson } from './options.js';
import { OriginRecord } from './origin.js';
import type { FullRecipe } from './recipe/defaults.js';
import { merged } from './recipe/merge.js';
import type { DataRecipe } from './recipe/schema.js';
import { saveWeights } from './weights.js';

/** Where Ctrl-C leaves a checkpoint of training that was told no place for any. */
const emergencyFolder = 'striate-checkpoint';

export interface TrainingOptions {
  /** A line of JSON for each epoch and at the end, in place of text. */
  json: boolean;
  /** Of the checkpoint to go on from: what it says of the network, and its file. */
  resumed?: { network: Network; file: string; folder: string };
}

/** Trains by a recipe, measures on the test data, saves, and tells. */
export async function runTraining(given: FullRecipe, { json, resumed }: TrainingOptions): Promise<void> {
  // A seed that was drawn is one that a checkpoint can tell.
  const seed = given.seed ?? randomInt(2 ** 32);
  const recipe = { ...given, seed };
  if (recipe.threads !== undefined) setThreads(recipe.threads);
  setSeed(seed);
  const data = await loadData(recipe.data, { quiet: json });
  const held = recipe.validation === undefined ? null : await heldOut(data.train, recipe.validation);
  const train = held?.train ?? data.train;
  const network = resumed?.network ?? (await networkOf(recipe, { ...data, train }));
  const model = buildModel(network.model, network.input, network.classes.length);

  const steps = measuringSteps(network, data.input);
  const test = new TransformedDataset(data.test, steps);
  const validation = held ? new TransformedDataset(held.validation, steps) : test;
  const training = new TransformedDataset(train, trainingSteps(recipe, network));
  const { epochs, batchSize, dropLast, accumulate } = recipe;
  const loader = new DataLoader(training, { batchSize, dropLast, shuffle: true, seed });
  const stepsPerEpoch = Math.max(1, Math.ceil((loader.batches ?? 0) / accumulate));

  const optimizer = buildOptimizer(model, recipe.optimizer);
  const schedule = buildSchedule(optimizer, recipe.schedule, { epochs, stepsPerEpoch });
  const loss = await buildLoss(recipe.loss, train);
  const trainer = new Trainer(model, {
    optimizer,
    loss: auxiliaryLoss(loss.loss),
    metrics: ['accuracy'],
    accumulate,
    ...(schedule && { schedule }),
  });

  const folder = resumed?.folder ?? recipe.checkpoint?.folder ?? emergencyFolder;
  const checkpoint = recipe.checkpoint ? new Checkpoint({ ...recipe.checkpoint, folder }) : null;
  const file = join(folder, 'last.safetensors');
  const interruption = new Interruption(file, checkpoint);
  const callbacks: Callback[] = [
    new OriginRecord({ recipe, network }),
    ...callbacksOf(recipe, network),
    ...(json ? [{ onEpochEnd: ({ record }) => printEpoch(record) } satisfies Callback] : []),
    ...(checkpoint ? [checkpoint] : []),
    interruption,
  ];
  try {
    await trainer.fit(loader, {
      epochs,
      batchSize,
      validation,
      callbacks,
      progress: !json,
      ...(recipe.timeBudget !== undefined && { maxSeconds: recipe.timeBudget }),
      ...(resumed && { resume: resumed.file }),
    });
  } finally {
    interruption[Symbol.dispose]();
    loss.dispose();
  }

  const result = await measure(model, test);
  if (recipe.save !== undefined) await saveWeights(model, network, recipe.save);
  if (json) {
    printJson({
      model: recipe.model.name,
      data: recipe.data.name,
      epochs: trainer.history.epochs.length,
      batchSize,
      seed,
      testLoss: result.loss,
      testAccuracy: result.accuracy,
      ...(interruption.done && { interrupted: file }),
    });
  } else {
    const { accuracy, samples } = result;
    process.stdout.write(`test accuracy ${(100 * accuracy).toFixed(2)}% on ${samples} samples\n`);
    if (interruption.done) process.stdout.write(`to go on: striate resume ${folder}\n`);
  }
}

async function networkOf(recipe: FullRecipe, { train, input, classes }: LoadedData): Promise<Network> {
  const taken = inputAfter(recipe, input);
  const { mean, std } = await measured(recipe.standardize, train);
  // Where the data lay is nobody's business who is given the weights.
  const data = merged(recipe.data, { dir: null, download: null }) as unknown as DataRecipe;
  return { model: settled(recipe.model, taken), input: taken, classes, mean, std, data };
}

function callbacksOf(recipe: FullRecipe, network: Network): Callback[] {
  const { ema, earlyStopping, csvLog, tensorboard, dashboard, report } = recipe;
  const title = `${network.model.name} on ${network.data.name}`;
  const callbacks: Callback[] = [];
  if (earlyStopping) callbacks.push(new EarlyStopping(earlyStopping));
  // Afterwards, so that it is the averages that the model has in the end.
  if (ema !== undefined) callbacks.push(new EMA({ decay: ema }));
  if (csvLog !== undefined) callbacks.push(new CSVLog(csvLog));
  if (tensorboard !== undefined) callbacks.push(new TensorBoard({ folder: tensorboard }));
  if (report !== undefined) callbacks.push(new Report(report, { title }));
  if (dashboard !== undefined) {
    const page = new Dashboard({ port: dashboard, title });
    const told = async () => void process.stderr.write(`see ${await page.listen()}\n`);
    callbacks.push({ onTrainBegin: told }, page);
  }
  return callbacks;
}

function printEpoch(record: Parameters<typeof valuesOf>[0] & { epoch: number; seconds: number }): void {
  const { epoch, learningRate, seconds, samplesPerSecond } = record;
  printJson({ epoch, ...valuesOf(record), learningRate, seconds, samplesPerSecond });
}
