import type { Recipe } from './schema.js';

type Always =
  | 'model'
  | 'data'
  | 'standardize'
  | 'augmentation'
  | 'epochs'
  | 'batchSize'
  | 'dropLast'
  | 'accumulate'
  | 'optimizer'
  | 'schedule'
  | 'loss';

/** A recipe with all that cannot be left out. */
export type FullRecipe = Recipe & Required<Pick<Recipe, Always>>;

const defaults: Required<Pick<Recipe, Always>> = {
  model: { name: 'lenet5' },
  data: { name: 'digits' },
  standardize: 'channel',
  augmentation: [],
  epochs: 5,
  batchSize: 128,
  dropLast: false,
  accumulate: 1,
  optimizer: { name: 'adam', lr: 1e-3 },
  schedule: { name: 'constant' },
  loss: { name: 'crossEntropy' },
};

export function completed(recipe: Recipe): FullRecipe {
  return { ...defaults, ...recipe };
}
