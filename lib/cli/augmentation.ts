import * as transforms from '../data/transforms/index.js';
import type { Step } from '../data/transforms/index.js';
import type { Shape } from '../tensor.js';
import { normalization, type Network } from './network.js';
import { optionsOf, type AugmentationRecipe, type Recipe } from './recipe/schema.js';

/** Pixels around images of crops that are not told how many, as is usual for CIFAR. */
const usualPadding = 4;

/** The shape of samples as the network is given them in training: that of the last transform that changes sizes. */
export function inputAfter(recipe: Recipe, input: Shape): Shape {
  const sized = recipe.augmentation?.findLast((step) => 'size' in step && step.size !== undefined);
  if (!sized || !('size' in sized) || sized.size === undefined) return input;
  return [sized.size, sized.size, ...input.slice(2)];
}

/** What training samples go through. */
export function trainingSteps(recipe: Recipe, network: Network): Step[] {
  const { augmentation = [], mixup, cutmix } = recipe;
  if (augmentation.length > 0 && network.input.length !== 3) {
    throw new RangeError(`augmentation: samples are [${network.input.join(', ')}], wants images, [H, W, C]`);
  }
  if (mixup !== undefined && cutmix !== undefined) {
    throw new RangeError('mixup and cutmix: a recipe has one of the two, or none');
  }
  const numClasses = network.classes.length;
  return [
    ...augmentation.map((step) => transformOf(step, network)),
    ...normalization(network),
    ...(mixup === undefined ? [] : [new transforms.MixUp({ alpha: mixup, numClasses })]),
    ...(cutmix === undefined ? [] : [new transforms.CutMix({ alpha: cutmix, numClasses })]),
  ];
}

/** What samples to measure by go through; `input` is the shape of the data's own. */
export function measuringSteps(network: Network, input: Shape): Step[] {
  const [height = 1, width = 1] = network.input;
  const same = network.input.every((extent, axis) => extent === input[axis]);
  return [...(same ? [] : [new transforms.Resize([height, width])]), ...normalization(network)];
}

function transformOf(step: AugmentationRecipe, { input, mean }: Network): Step {
  const [height = 1, width = 1] = input;
  const whole: readonly [number, number] = [height, width];
  switch (step.name) {
    case 'crop': {
      const { size = whole, padding = usualPadding, fill = 'mean' } = step;
      const around = fill === 'mean' ? (mean.length > 1 ? mean : (mean[0] ?? 0)) : fill;
      return new transforms.RandomCrop(size, { padding, fill: around });
    }
    case 'resizedCrop': {
      const { size = whole, ...options } = optionsOf(step);
      return new transforms.RandomResizedCrop(size, options);
    }
    case 'centerCrop':
      return new transforms.CenterCrop(step.size ?? whole);
    case 'resize':
      return new transforms.Resize(step.size === undefined ? whole : [step.size, step.size]);
    case 'flip':
      return new transforms.RandomHorizontalFlip(step.p);
    case 'verticalFlip':
      return new transforms.RandomVerticalFlip(step.p);
    case 'rotate':
      return new transforms.RandomRotation(step.degrees ?? 10, { interpolation: 'bilinear' });
    case 'affine': {
      const { degrees = 0, ...options } = optionsOf(step);
      return new transforms.RandomAffine(degrees, { ...options, interpolation: 'bilinear' });
    }
    case 'blur': {
      const { kernelSize = 3, sigma } = step;
      return new transforms.GaussianBlur(kernelSize, { sigma });
    }
    case 'noise':
      return new transforms.GaussianNoise({ sigma: step.sigma });
    case 'colorJitter':
      return new transforms.ColorJitter(optionsOf(step));
    case 'grayscale':
      return new transforms.RandomGrayscale(step.p);
    case 'erase':
      return new transforms.RandomErasing(optionsOf(step));
    case 'cutout':
      return new transforms.Cutout(step.length ?? Math.ceil(Math.min(height, width) / 4), { p: step.p });
  }
}
