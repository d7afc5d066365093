import { Command, Option } from 'commander';
import { scaleOf, StandardizedDataset } from '../data/standardize.js';
import { crossEntropy } from '../loss/index.js';
import { setSeed } from '../ops/creation.js';
import { Adam } from '../optim/index.js';
import { setThreads } from '../system.js';
import { Trainer } from '../train/trainer.js';
import { build, dataNames, loadData, modelNames, save, type DataName, type Recipe } from './network.js';
import { positive, printJson, whole } from './options.js';

interface TrainOptions {
  model: Recipe['model'];
  data: DataName;
  dataDir?: string;
  epochs: number;
  batchSize: number;
  lr: number;
  seed?: number;
  threads?: number;
  save?: string;
  json?: boolean;
}

export function trainCommand(): Command {
  return new Command('train')
    .description('Train a network, measure it on the test data, and save its weights.')
    .addOption(new Option('--model <name>', 'network').choices(modelNames).default('lenet5'))
    .addOption(
      new Option('--data <name>', 'data set; digits come with striate').choices(dataNames).default('digits'),
    )
    .option('--data-dir <folder>', 'where the data set lies')
    .option('--epochs <n>', 'rounds over the training data', whole(1), 5)
    .option('--batch-size <n>', 'samples in a step', whole(1), 128)
    .option('--lr <rate>', "Adam's learning rate", positive, 1e-3)
    .option('--seed <n>', 'fixes weights and order of samples', whole(0))
    .option('--threads <n>', 'threads that compute; default: all cores', whole(1))
    .option('--save <file>', 'write the weights to this safetensors file')
    .option('--json', 'print a line of JSON for each epoch, and a last one with testAccuracy')
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  if (options.threads !== undefined) setThreads(options.threads);
  if (options.seed !== undefined) setSeed(options.seed);
  const data = await loadData(options.data, options.dataDir);
  const scale = await scaleOf(data.train);
  const recipe: Recipe = { model: options.model, side: data.side, scale };
  const model = build(recipe);
  const trainer = new Trainer(model, {
    optimizer: new Adam(model.parameters(), { lr: options.lr }),
    loss: crossEntropy,
    metrics: ['accuracy'],
  });
  const { epochs, batchSize, json = false } = options;
  const training = new StandardizedDataset(data.train, scale);
  const test = new StandardizedDataset(data.test, scale);
  await trainer.fit(training, {
    epochs,
    batchSize,
    validation: test,
    progress: !json,
    callbacks: json ? [{ onEpochEnd: ({ record }) => printJson(record) }] : [],
  });
  const { loss, accuracy } = await trainer.evaluate(test);
  if (options.save !== undefined) await save(model, recipe, options.save);
  if (json) {
    printJson({
      model: options.model,
      data: options.data,
      epochs,
      batchSize,
      testLoss: loss,
      testAccuracy: accuracy,
    });
  } else {
    process.stdout.write(`test accuracy ${(100 * accuracy).toFixed(2)}% on ${test.length} images\n`);
  }
}
