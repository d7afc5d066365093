import { Command, Option } from 'commander';
import { TransformedDataset } from '../data/transformedDataset.js';
import { measuringSteps } from './augmentation.js';
import { loadData } from './dataSets.js';
import { byClass, measure } from './evaluation.js';
import type { Network } from './network.js';
import { printJson, whole } from './options.js';
import { merged } from './recipe/merge.js';
import { checkedData, dataNames, type DataRecipe } from './recipe/schema.js';
import { percent, table } from './table.js';
import { loadWeights } from './weights.js';

interface EvalOptions {
  weights: string;
  data?: string;
  dataDir?: string;
  side?: number;
  all?: boolean;
  json?: boolean;
}

/** Classes above this are no table that a terminal shows. */
const mostColumns = 20;

export function evalCommand(): Command {
  return new Command('eval')
    .description('Measure a trained network on test data: each class, and what is taken for what.')
    .requiredOption('--weights <file>', 'file of striate train --save, or a checkpoint')
    .addOption(new Option('--data <name>', 'data set; default: that of training').choices(dataNames))
    .option('--data-dir <folder>', 'where the data set lies')
    .option(
      '--all',
      'of data without a part to test with, all samples, not just the fifth that training left out',
    )
    .option('--side <n>', "height and width that a folder's images are brought to", whole(1))
    .option('--json', 'print one line of JSON')
    .action(evaluate);
}

/** The data set of training, or another; images of folders come as the network wants them. */
function dataOf(
  network: Network,
  given: Record<'name' | 'dir' | 'side', string | number | undefined>,
): DataRecipe {
  const recipe = merged({ ...network.data }, given);
  if (recipe.name === 'folder') {
    recipe.side ??= network.input[0];
    recipe.channels ??= network.input[2];
  }
  return checkedData(recipe, 'the command line');
}

async function evaluate({
  weights,
  data,
  dataDir,
  side,
  all = false,
  json = false,
}: EvalOptions): Promise<void> {
  const { model, network } = await loadWeights(weights);
  const recipe = dataOf(network, { name: data, dir: dataDir, side });
  const { name } = recipe;
  const { test, input, classes } = await loadData(recipe, { quiet: json, divide: !all });
  if (input.at(-1) !== network.input.at(-1) || input.length !== network.input.length) {
    throw new Error(
      `${weights} is for samples of [${network.input.join(', ')}], ${name} has [${input.join(', ')}]`,
    );
  }
  if (classes.some((one, i) => one !== network.classes[i])) {
    throw new Error(
      `${weights} is for the classes ${network.classes.slice(0, mostColumns).join(', ')}; ${name} has ${classes.slice(0, mostColumns).join(', ')}`,
    );
  }
  const dataset = new TransformedDataset(test, measuringSteps(network, input));
  const { loss, accuracy, samples, confusion } = await measure(model, dataset);
  const each = byClass(confusion, network.classes);
  if (json) {
    printJson({ data: name, loss, accuracy, samples, classes: each, confusion });
    return;
  }
  const out = process.stdout;
  out.write(
    table(
      ['class', 'precision', 'recall', 'F1', 'samples'],
      each.map(({ class: label, precision, recall, f1, samples: n }) => [
        label,
        percent(precision),
        percent(recall),
        percent(f1),
        String(n),
      ]),
    ),
  );
  if (network.classes.length <= mostColumns) {
    const columns = network.classes.map((label) => label.slice(0, 8));
    const rows = confusion.map((row, label) => [network.classes[label]!, ...row.map(String)]);
    out.write(`\n${table(['is \\ taken for', ...columns], rows)}`);
  }
  out.write(`\naccuracy ${percent(accuracy, 2)} · loss ${loss.toFixed(4)} · ${samples} samples\n`);
}
