import * as v from 'valibot';
import {
  below1,
  betas,
  choice,
  finite,
  flag,
  least0,
  named,
  options,
  positive,
  problemOf,
  range,
  share,
  text,
  whole,
} from './fields.js';

// Sizes in pixels, times in epochs, unless a field says otherwise.

const vgg = { batchNorm: flag };
const resnet = { smallImages: flag };
const mobilenet = { width: positive, smallImages: flag };
const modelKinds = {
  lenet5: { form: choice(['relu', '1998']) },
  alexnet: {},
  alexnet2012: {},
  zfnet: {},
  vgg11: vgg,
  vgg13: vgg,
  vgg16: vgg,
  vgg19: vgg,
  smallVgg: { widths: v.array(whole(1), 'a list of whole numbers from 1 on') },
  googlenet: { form: choice(['paper', 'torchvision']), auxLogits: flag, smallImages: flag },
  resnet18: resnet,
  resnet34: resnet,
  resnet50: resnet,
  resnet101: resnet,
  resnet152: resnet,
  resnet20: {},
  resnet56: {},
  mobilenet,
  mobilenetV2: mobilenet,
  squeezenet: { version: choice(['1.0', '1.1']), smallImages: flag },
  mlp: { widths: v.array(whole(1), 'a list of whole numbers from 1 on') },
};
const model = named(modelKinds);
export const modelNames = Object.keys(modelKinds) as readonly (keyof typeof modelKinds)[];

const column = v.union([text(), whole(-1e6)], 'the name of a column, or its number');
const dataKinds = {
  digits: { side: whole(8) },
  mnist: { dir: text(), download: flag },
  'fashion-mnist': { dir: text(), download: flag },
  cifar10: { dir: text(), download: flag },
  cifar100: { dir: text(), download: flag, labels: choice(['fine', 'coarse']) },
  folder: {
    dir: text(),
    side: whole(1),
    channels: v.picklist([1, 3], '1 or 3'),
    corrupt: choice(['error', 'skip']),
  },
  csv: {
    dir: text(),
    target: column,
    header: flag,
    delimiter: text(),
    missing: finite,
    shape: v.array(whole(1), 'a list of whole numbers from 1 on'),
  },
};
const data = named(dataKinds);
export const dataNames = Object.keys(dataKinds) as readonly (keyof typeof dataKinds)[];

const jitter = v.union([least0, range], 'a number from 0 on, or two');
const augmentationKinds = {
  crop: { size: whole(1), padding: whole(0), fill: v.union([choice(['mean']), finite], 'mean, or a number') },
  resizedCrop: { size: whole(1), scale: range, ratio: range },
  centerCrop: { size: whole(1) },
  resize: { size: whole(1) },
  flip: { p: share },
  verticalFlip: { p: share },
  rotate: { degrees: positive },
  affine: {
    degrees: least0,
    translate: v.tuple([share, share], 'two numbers from 0 to 1'),
    scale: range,
    shear: least0,
  },
  blur: { kernelSize: whole(1), sigma: v.union([positive, range], 'a number greater than 0, or two') },
  noise: { sigma: least0 },
  colorJitter: { brightness: jitter, contrast: jitter, saturation: jitter, hue: jitter },
  grayscale: { p: share },
  erase: { p: share, scale: range, ratio: range },
  cutout: { length: whole(1), p: share },
};
const augmentation = named(augmentationKinds);
export const augmentationNames = Object.keys(
  augmentationKinds,
) as readonly (keyof typeof augmentationKinds)[];

const everyOptimizer = {
  lr: positive,
  weightDecay: least0,
  clipNorm: positive,
  clipValue: positive,
  maxNorm: positive,
};
const adam = { ...everyOptimizer, betas, eps: positive, amsgrad: flag };
const optimizerKinds = {
  sgd: { ...everyOptimizer, momentum: least0, dampening: least0, nesterov: flag },
  adam,
  adamw: adam,
  nadam: { ...everyOptimizer, betas, eps: positive, momentumDecay: least0 },
  rmsprop: { ...everyOptimizer, alpha: share, eps: positive, momentum: least0, centered: flag },
  adagrad: { ...everyOptimizer, lrDecay: least0, eps: positive },
  adadelta: { ...everyOptimizer, rho: share, eps: positive },
  lion: { ...everyOptimizer, betas },
};
const optimizer = named(optimizerKinds);
export const optimizerNames = Object.keys(optimizerKinds) as readonly (keyof typeof optimizerKinds)[];

/** Epochs of a linear rise before; a part of one, too. */
const warmup = { warmup: least0 };
const scheduleKinds = {
  constant: warmup,
  cosine: { ...warmup, etaMin: least0 },
  linear: { ...warmup, endFactor: least0 },
  polynomial: { ...warmup, power: positive },
  step: { ...warmup, stepSize: whole(1), gamma: positive },
  multistep: { ...warmup, milestones: v.array(whole(1), 'a list of epochs'), gamma: positive },
  exponential: { ...warmup, gamma: positive },
  onecycle: { maxLr: positive, pctStart: share, divFactor: positive, finalDivFactor: positive },
  plateau: { factor: below1, patience: whole(0), threshold: least0, minLr: least0, monitor: text() },
};
const schedule = named(scheduleKinds);
export const scheduleNames = Object.keys(scheduleKinds) as readonly (keyof typeof scheduleKinds)[];

const lossKinds = {
  crossEntropy: { labelSmoothing: below1, balanced: flag },
  multiMargin: { margin: positive },
};
const loss = named(lossKinds);
export const lossNames = Object.keys(lossKinds) as readonly (keyof typeof lossKinds)[];

const fields = {
  model,
  data,
  /** The share of the training data that validates and is not trained on. */
  validation: share,
  standardize: choice(['channel', 'whole', 'none']),
  augmentation: v.array(augmentation, 'a list of transforms'),
  /** α of the beta distributions that mixtures are drawn from. */
  mixup: positive,
  cutmix: positive,
  epochs: whole(1),
  batchSize: whole(1),
  dropLast: flag,
  /** Batches in a step. */
  accumulate: whole(1),
  optimizer,
  schedule,
  loss,
  /** The share of the mean of weights that stays with a step. */
  ema: below1,
  earlyStopping: options({ monitor: text(), patience: whole(0), minDelta: least0, restoreBestWeights: flag }),
  /** Seconds. */
  timeBudget: positive,
  seed: whole(0),
  threads: whole(1),
  save: text(),
  checkpoint: options({
    folder: text(),
    everyEpochs: whole(1),
    everyBatches: whole(1),
    monitor: text(),
    keep: whole(0),
  }),
  csvLog: text(),
  tensorboard: text(),
  dashboard: v.pipe(whole(0), v.maxValue(65535, 'a port from 0 to 65535')),
  report: text(),
};

const recipe = options(fields);

/** All that makes a training run what it is; what is left out has its default, or is not done. */
export type Recipe = v.InferOutput<typeof recipe>;
export type ModelRecipe = v.InferOutput<typeof model>;
export type DataRecipe = v.InferOutput<typeof data>;
export type AugmentationRecipe = v.InferOutput<typeof augmentation>;
export type OptimizerRecipe = v.InferOutput<typeof optimizer>;
export type ScheduleRecipe = v.InferOutput<typeof schedule>;
export type LossRecipe = v.InferOutput<typeof loss>;

/** The recipe that `value` is. @throws Error that begins with `where` and says what at which path does not fit */
export function checkedRecipe(value: unknown, where: string): Recipe {
  const result = v.safeParse(recipe, value);
  if (result.success) return result.output;
  const problems = result.issues.map(problemOf);
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : '';
  throw new Error(`${where}: ${problems.slice(0, 3).join('; ')}${more}`);
}

/** The same of the part that is a network. */
export function checkedModel(value: unknown, where: string): ModelRecipe {
  return checkedRecipe({ model: value }, where).model!;
}

/** The same of the part that is a data set. */
export function checkedData(value: unknown, where: string): DataRecipe {
  return checkedRecipe({ data: value }, where).data!;
}

/** What a part of a recipe says beside its name. */
export function optionsOf<Part extends { name: string }>(part: Part): Omit<Part, 'name'> {
  return Object.fromEntries(Object.entries(part).filter(([key]) => key !== 'name')) as Omit<Part, 'name'>;
}
