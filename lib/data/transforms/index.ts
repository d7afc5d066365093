export {
  affineMatrix,
  RandomAffine,
  RandomRotation,
  type AffineMove,
  type RandomAffineOptions,
} from './affine.js';
export { GaussianBlur, type GaussianBlurOptions } from './blur.js';
export { Compose, type Step } from './chain.js';
export { ColorJitter, Grayscale, RandomGrayscale, type ColorJitterOptions } from './color.js';
export { CenterCrop, Pad, RandomCrop, type PaddingOptions, type RandomCropOptions } from './crop.js';
export { Cutout, RandomErasing, type CutoutOptions, type RandomErasingOptions } from './erase.js';
export {
  FeatureExtrapolation,
  FeatureInterpolation,
  FeatureNoise,
  type FeatureNoiseOptions,
  type FeaturePairOptions,
} from './feature.js';
export { RandomHorizontalFlip, RandomVerticalFlip } from './flip.js';
export { CutMix, MixUp, type MixOptions } from './mix.js';
export { CheckFinite, GaussianNoise, type GaussianNoiseOptions } from './noise.js';
export { Normalize } from './normalize.js';
export { SampleRandom } from './random.js';
export { RandomResizedCrop, Resize, type RandomResizedCropOptions, type ResizeOptions } from './resize.js';
export { type Draws, type Transform } from './transform.js';
