import { Option, type Command } from 'commander';
import { positive, whole } from '../options.js';
import { completed, type FullRecipe } from './defaults.js';
import { readRecipe } from './file.js';
import { merged, withPath } from './merge.js';
import {
  augmentationNames,
  checkedRecipe,
  dataNames,
  modelNames,
  optimizerNames,
  scheduleNames,
} from './schema.js';

/** What the command line says of a recipe. */
export interface RecipeOptions {
  recipe?: string;
  model?: string;
  smallImages?: boolean;
  data?: string;
  dataDir?: string;
  download?: boolean;
  side?: number;
  validation?: number;
  standardize?: string;
  augment?: string[];
  mixup?: number;
  cutmix?: number;
  epochs?: number;
  batchSize?: number;
  dropLast?: boolean;
  accumulate?: number;
  optimizer?: string;
  lr?: number;
  momentum?: number;
  nesterov?: boolean;
  weightDecay?: number;
  clipNorm?: number;
  clipValue?: number;
  schedule?: string;
  warmup?: number;
  labelSmoothing?: number;
  ema?: number;
  patience?: number;
  timeBudget?: number;
  seed?: number;
  threads?: number;
  save?: string;
  checkpoint?: string;
  csvLog?: string;
  tensorboard?: string;
  dashboard?: number | true;
  report?: string;
  set?: [path: string, value: unknown][];
}

/** The port of --dashboard without one. */
const usualPort = 8737;

/** An option of a recipe, in groups as --help shows them. */
export function withRecipeOptions(command: Command): Command {
  return command
    .option('--recipe <file>', 'JSON with all of what follows; options given beside it count before it')
    .addOption(new Option('--model <name>', 'network; default: lenet5').choices(modelNames))
    .option(
      '--small-images',
      'the first layers are those for images of some 32×32, where the network has such',
    )
    .addOption(
      new Option('--data <name>', 'data set; digits, the default, come with striate').choices(dataNames),
    )
    .option('--data-dir <folder>', 'where the data set lies')
    .option('--download', 'get the data set into --data-dir, or the cache, where it is not there')
    .option('--side <n>', 'height and width that digits and images of folders are brought to', whole(1))
    .option('--validation <share>', 'of the training data, held out of it', Number)
    .addOption(
      new Option('--standardize <how>', 'channel by channel (default), whole, or none').choices([
        'channel',
        'whole',
        'none',
      ]),
    )
    .addOption(
      new Option('--augment <names...>', 'transforms of training images, in this order').choices(
        augmentationNames,
      ),
    )
    .option('--mixup <alpha>', 'mix pairs of samples', positive)
    .option('--cutmix <alpha>', 'paste a box of another sample', positive)
    .option('--epochs <n>', 'rounds over the training data; default: 5', whole(1))
    .option('--batch-size <n>', 'samples in a batch; default: 128', whole(1))
    .option('--drop-last', 'leave out a last batch of fewer samples')
    .option('--accumulate <n>', 'batches in a step; default: 1', whole(1))
    .addOption(new Option('--optimizer <name>', 'default: adam').choices(optimizerNames))
    .option('--lr <rate>', 'learning rate; default: 0.001', positive)
    .option('--momentum <share>', 'of sgd and rmsprop', Number)
    .option('--nesterov', "sgd's momentum looks ahead")
    .option('--weight-decay <rate>', 'penalty on large weights', Number)
    .option('--clip-norm <n>', "bound of the gradients' norm", positive)
    .option('--clip-value <n>', 'bound of each element of gradients', positive)
    .addOption(
      new Option('--schedule <name>', 'of the learning rate; default: constant').choices(scheduleNames),
    )
    .option('--warmup <epochs>', 'rise of the learning rate before', Number)
    .option('--label-smoothing <share>', 'of crossEntropy', Number)
    .option('--ema <decay>', 'measure and save a running mean of the weights', Number)
    .option('--patience <epochs>', 'stop after so many without improvement, with the best weights', whole(1))
    .option('--time-budget <s>', 'stop after so many seconds', positive)
    .option('--seed <n>', 'fixes weights, order of samples and augmentation', whole(0))
    .option('--threads <n>', 'threads that compute; default: all cores', whole(1))
    .option('--save <file>', 'write the weights to this safetensors file')
    .option('--checkpoint <folder>', 'write all that `striate resume` needs to this folder, epoch by epoch')
    .option('--csv-log <file>', 'a line of numbers for each epoch')
    .option('--tensorboard <folder>', 'event files for TensorBoard')
    .option('--dashboard [port]', 'serve a page that shows training as it goes; default: port 8737', whole(0))
    .option('--report <file>', 'write that page as one file')
    .option('--set <path=value>', 'any field of a recipe, as in optimizer.betas=[0.9,0.95]', setting);
}

function setting(text: string, before?: [string, unknown][]): [string, unknown][] {
  const [path = '', ...rest] = text.split('=');
  const value = rest.join('=');
  let parsed: unknown = value;
  try {
    parsed = JSON.parse(value);
  } catch {
    // A word that is no JSON stands for itself.
  }
  return [...(before ?? []), [path, parsed]];
}

/** Options as a part of a recipe. */
function given(options: RecipeOptions): Record<string, unknown> {
  const { model, data, optimizer, schedule, augment, patience, checkpoint, dashboard } = options;
  const named = (name: string | undefined, fields: Record<string, unknown>) => {
    const set = Object.fromEntries(
      Object.entries({ name, ...fields }).filter(([, value]) => value !== undefined),
    );
    return Object.keys(set).length > 0 ? set : undefined;
  };
  const { lr, momentum, nesterov, weightDecay, clipNorm, clipValue } = options;
  return {
    model: named(model, { smallImages: options.smallImages }),
    data: named(data, { dir: options.dataDir, download: options.download, side: options.side }),
    validation: options.validation,
    standardize: options.standardize,
    augmentation: augment?.map((name) => ({ name })),
    mixup: options.mixup,
    cutmix: options.cutmix,
    epochs: options.epochs,
    batchSize: options.batchSize,
    dropLast: options.dropLast,
    accumulate: options.accumulate,
    optimizer: named(optimizer, { lr, momentum, nesterov, weightDecay, clipNorm, clipValue }),
    schedule: named(schedule, { warmup: options.warmup }),
    loss: named(undefined, { labelSmoothing: options.labelSmoothing }),
    ema: options.ema,
    earlyStopping: patience === undefined ? undefined : { patience, restoreBestWeights: true },
    timeBudget: options.timeBudget,
    seed: options.seed,
    threads: options.threads,
    save: options.save,
    checkpoint: named(undefined, { folder: checkpoint }),
    csvLog: options.csvLog,
    tensorboard: options.tensorboard,
    dashboard: dashboard === true ? usualPort : dashboard,
    report: options.report,
  };
}

/** The recipe of a command line: its options over those of its file over the defaults. */
export async function recipeOf(options: RecipeOptions): Promise<FullRecipe> {
  const file = options.recipe === undefined ? {} : await readRecipe(options.recipe);
  return overridden(completed(file), options);
}

/** A recipe with what a command line says beside it. @throws Error that names the path of what does not fit */
export function overridden(recipe: FullRecipe, options: RecipeOptions): FullRecipe {
  let tree = merged(recipe, given(options), ['lr', 'dir', 'warmup']);
  for (const [path, value] of options.set ?? []) tree = withPath(tree, path, value);
  // A field that was set to null is taken away, as a whole or as that of a part.
  return completed(checkedRecipe(merged({}, tree), 'the command line'));
}
