import { Command } from 'commander';
import { recipeOf, withRecipeOptions, type RecipeOptions } from './recipe/options.js';
import { runTraining } from './training.js';

interface TrainOptions extends RecipeOptions {
  json?: boolean;
  printRecipe?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train').description(
    'Train a network, measure it on the test data, and save its weights. Ctrl-C ends it after the epoch, with a checkpoint.',
  );
  return withRecipeOptions(command)
    .option('--print-recipe', 'print all of it as JSON, for --recipe, and do nothing else')
    .option('--json', 'print a line of JSON for each epoch, and a last one with testAccuracy')
    .action(train);
}

async function train({ json = false, printRecipe = false, ...options }: TrainOptions): Promise<void> {
  const recipe = await recipeOf(options);
  if (printRecipe) process.stdout.write(`${JSON.stringify(recipe, null, 2)}\n`);
  else await runTraining(recipe, { json });
}
