import { classWeights } from '../data/labels.js';
import type { Dataset } from '../data/dataset.js';
import { crossEntropy, multiMargin } from '../loss/index.js';
import type { Module } from '../nn/module.js';
import * as optim from '../optim/index.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Loss } from '../train/trainer.js';
import type { Schedule } from '../train/scheduling.js';
import type { Tensor } from '../tensor.js';
import { optionsOf, type LossRecipe, type OptimizerRecipe, type ScheduleRecipe } from './recipe/schema.js';

/** Rates begin a warm-up at this share: none would be no step. */
const warmupStart = 1e-3;

export function buildOptimizer(model: Module, recipe: OptimizerRecipe): Optimizer {
  const parameters = model.parameters();
  const { name, ...options } = recipe;
  const { lr = 1e-3 } = options;
  const given = { ...options, lr };
  const kinds = {
    sgd: optim.SGD,
    adam: optim.Adam,
    adamw: optim.AdamW,
    nadam: optim.NAdam,
    rmsprop: optim.RMSprop,
    adagrad: optim.Adagrad,
    adadelta: optim.Adadelta,
    lion: optim.Lion,
  } as const;
  const Kind = kinds[name] as new (parameters: readonly Tensor[], options: object) => Optimizer;
  return new Kind(parameters, given);
}

/** What a schedule counts in. */
export interface Length {
  epochs: number;
  /** Of the optimizer, in an epoch. */
  stepsPerEpoch: number;
}

/** What the trainer is given to move learning rates; null where they stay. */
export function buildSchedule(
  optimizer: Optimizer,
  recipe: ScheduleRecipe,
  { epochs, stepsPerEpoch }: Length,
): Schedule | null {
  const total = epochs * stepsPerEpoch;
  if (recipe.name === 'plateau') {
    const { monitor, ...options } = optionsOf(recipe);
    const scheduler = new optim.ReduceLROnPlateau(optimizer, options);
    return { scheduler, ...(monitor !== undefined && { monitor }) };
  }
  if (recipe.name === 'onecycle') {
    const { maxLr = optimizer.lr, ...options } = optionsOf(recipe);
    // Its first rate is that of the first step; after the last step it is moved once more.
    const scheduler = new optim.OneCycleLR(optimizer, { ...options, maxLr, totalSteps: total + 1 });
    return { scheduler, interval: 'step' };
  }
  const { warmup = 0 } = recipe;
  const rising = Math.min(total - 1, Math.round(warmup * stepsPerEpoch));
  if (recipe.name === 'constant' && rising <= 0) return null;
  // Everything is counted in steps, so that a warm-up may take a part of an epoch.
  const main = mainSchedule(
    optimizer,
    recipe,
    { epochs, stepsPerEpoch },
    Math.max(1, total - Math.max(0, rising)),
  );
  if (rising <= 0) return { scheduler: main, interval: 'step' };
  const rise = new optim.LinearLR(optimizer, { startFactor: warmupStart, totalIters: rising });
  const scheduler = new optim.SequentialLR(optimizer, { schedulers: [rise, main], milestones: [rising] });
  return { scheduler, interval: 'step' };
}

type Counted = Exclude<ScheduleRecipe, { name: 'plateau' | 'onecycle' }>;

function mainSchedule(
  optimizer: Optimizer,
  recipe: Counted,
  { stepsPerEpoch }: Length,
  left: number,
): optim.LRScheduler {
  switch (recipe.name) {
    case 'constant':
      return new optim.LambdaLR(optimizer, { lrLambda: () => 1 });
    case 'cosine': {
      const { etaMin = 0 } = recipe;
      return new optim.CosineAnnealingLR(optimizer, { tMax: left, etaMin });
    }
    case 'linear': {
      const { endFactor = 0 } = recipe;
      return new optim.LinearLR(optimizer, { startFactor: 1, endFactor, totalIters: left });
    }
    case 'polynomial': {
      const { power = 1 } = recipe;
      return new optim.PolynomialLR(optimizer, { totalIters: left, power });
    }
    case 'step': {
      const { stepSize = 10, gamma = 0.1 } = recipe;
      return new optim.StepLR(optimizer, { stepSize: stepSize * stepsPerEpoch, gamma });
    }
    case 'multistep': {
      const { milestones = [], gamma = 0.1 } = recipe;
      const steps = milestones.map((epoch) => epoch * stepsPerEpoch);
      return new optim.MultiStepLR(optimizer, { milestones: steps, gamma });
    }
    case 'exponential': {
      const { gamma = 0.9 } = recipe;
      return new optim.ExponentialLR(optimizer, { gamma: gamma ** (1 / stepsPerEpoch) });
    }
  }
}

/** The loss to train by, and the plain one to measure by. */
export async function buildLoss(
  recipe: LossRecipe,
  train: Dataset,
): Promise<{ loss: Loss; dispose(): void }> {
  if (recipe.name === 'multiMargin') {
    const { margin = 1 } = recipe;
    return {
      loss: (output, target) => multiMargin(output, target as Tensor<'i32'>, { margin }),
      dispose() {},
    };
  }
  const { labelSmoothing = 0, balanced = false } = recipe;
  const weights = balanced ? (await classWeights(train)).keep() : null;
  return {
    loss: (output, target) => crossEntropy(output, target, { labelSmoothing, classWeights: weights }),
    dispose: () => weights?.dispose(),
  };
}
