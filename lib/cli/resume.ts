import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { readCheckpoint } from '../train/checkpointFile.js';
import { positive, whole } from './options.js';
import { originOf } from './origin.js';
import { overridden, type RecipeOptions } from './recipe/options.js';
import { runTraining } from './training.js';

type ResumeOptions = Pick<RecipeOptions, 'epochs' | 'dataDir' | 'timeBudget' | 'threads' | 'save'> & {
  json?: boolean;
};

export function resumeCommand(): Command {
  return new Command('resume')
    .description(
      'Go on with training from a checkpoint of striate train, to the same weights as if it had never stopped.',
    )
    .argument('<checkpoint>', 'folder of striate train --checkpoint, or a file of it')
    .option('--epochs <n>', 'rounds over the training data, with those that are done', whole(1))
    .option('--data-dir <folder>', 'where the data set lies now')
    .option('--time-budget <s>', 'stop after so many seconds', positive)
    .option('--threads <n>', 'threads that compute', whole(1))
    .option('--save <file>', 'write the weights to this safetensors file')
    .option('--json', 'print a line of JSON for each epoch, and a last one with testAccuracy')
    .action(resume);
}

async function resume(path: string, { json = false, ...options }: ResumeOptions): Promise<void> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, 'last.safetensors') : path;
  const { recipe, network } = originOf(await readCheckpoint(file));
  await runTraining(overridden(recipe, options), {
    json,
    resumed: { network, file, folder: dirname(file) },
  });
}
