export { arrayDataset, type ArrayDatasetOptions } from './arrays.js';
export { batchOf } from './batch.js';
export { cifar10, cifar100, type Cifar100Options } from './cifar.js';
export type { TargetType } from './classes.js';
export { ConcatDataset } from './concat.js';
export { csvDataset, type Column, type CsvOptions } from './csv.js';
export {
  TensorDataset,
  type Batch,
  type Dataset,
  type Randomness,
  type Sample,
  type Target,
  type TensorDatasetOptions,
} from './dataset.js';
export { cacheFolder, download, type DownloadName, type DownloadSetOptions } from './download.js';
export { downloadFile, type DownloadOptions, type DownloadState } from './downloadFile.js';
export { digits } from './digits.js';
export { parseIdx, readIdx, type Idx, type IdxType } from './idx.js';
export {
  imageFolder,
  imageFolders,
  type ImageFolder,
  type ImageFolderOptions,
  type ImageFolders,
  type SkippedImage,
} from './imageFolder.js';
export { readImage, type ImageOptions } from './images.js';
export { classWeights } from './labels.js';
export { DataLoader, type DataLoaderOptions } from './loader.js';
export { fashionMnist, idxDataset, mnist, type Split } from './mnist.js';
export { reconstruction } from './reconstruction.js';
export {
  kFold,
  randomSplit,
  stratifiedKFold,
  stratifiedSplit,
  type Fold,
  type FoldOptions,
  type SplitOptions,
} from './split.js';
export { Subset } from './subset.js';
/** Modules that bring inputs to a common scale; fitted to training data. */
export * as preprocessing from './preprocessing/index.js';
export { TransformedDataset } from './transformedDataset.js';
/** Changes of images and features, random ones most of them. */
export * as transforms from './transforms/index.js';
