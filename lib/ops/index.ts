export * from './activation.js';
export * from './adaptivePool.js';
export * from './bernoulli.js';
export {
  adjustColors,
  hsvToRgb,
  rgbToGrayscale,
  rgbToHsv,
  rgbToYcbcr,
  rgbToYuv,
  ycbcrToRgb,
  yuvToRgb,
} from './color.js';
export { type PerChannel } from './channels.js';
export * from './conv.js';
export * from './conv1d.js';
export * from './convTranspose.js';
export * from './creation.js';
export { cropFlip, eraseBoxes, pasteBoxes, type CropFlipOptions, type PaddingMode } from './crop.js';
export * from './eigh.js';
export * from './elementwise.js';
export * from './filter.js';
export * from './globalPool.js';
export * from './groupNorm.js';
export * from './localResponse.js';
export { lpPool1d, lpPool2d, type LpPool1dOptions, type LpPoolOptions } from './lpPool.js';
export * from './matmul.js';
export * from './maxout.js';
export * from './mix.js';
export * from './movement.js';
export * from './noise.js';
export * from './norm.js';
export {
  avgPool2d,
  maxPool2d,
  type AvgPoolOptions,
  type MaxPoolOptions,
  type PooledWithIndices,
  type PoolOptions,
} from './pool.js';
export * from './pool1d.js';
export * from './reduce.js';
export * from './softmax.js';
export * from './tile.js';
export * from './upsample.js';
export * from './unpool.js';
export {
  affine,
  resizedCrop,
  separableFilter,
  type AffineOptions,
  type ImageInterpolation,
  type ResizedCropOptions,
} from './warp.js';
