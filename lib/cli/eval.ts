import { Command, Option } from 'commander';
import { StandardizedDataset } from '../data/standardize.js';
import { crossEntropy } from '../loss/index.js';
import { SGD } from '../optim/index.js';
import { Trainer } from '../train/trainer.js';
import { dataNames, load, loadData, type DataName } from './network.js';
import { printJson } from './options.js';

interface EvalOptions {
  weights: string;
  data: DataName;
  dataDir?: string;
  json?: boolean;
}

export function evalCommand(): Command {
  return new Command('eval')
    .description('Measure a trained network on test data.')
    .requiredOption('--weights <file>', 'safetensors file of striate train --save')
    .addOption(
      new Option('--data <name>', 'data set; digits come with striate').choices(dataNames).default('digits'),
    )
    .option('--data-dir <folder>', 'where the data set lies')
    .option('--json', 'print one line of JSON')
    .action(evaluate);
}

async function evaluate({ weights, data, dataDir, json }: EvalOptions): Promise<void> {
  const { model, recipe } = await load(weights);
  const { test, side } = await loadData(data, dataDir);
  if (side !== recipe.side) {
    throw new Error(`${weights} is for images of ${recipe.side}×${recipe.side}, ${data} has ${side}×${side}`);
  }
  const optimizer = new SGD(model.parameters(), { lr: 0 });
  const trainer = new Trainer(model, { optimizer, loss: crossEntropy, metrics: ['accuracy'] });
  const result = await trainer.evaluate(new StandardizedDataset(test, recipe.scale));
  if (json) printJson({ data, ...result });
  else
    process.stdout.write(
      `accuracy ${(100 * result.accuracy).toFixed(2)}% · loss ${result.loss.toFixed(4)} · ${result.samples} images\n`,
    );
}
