export { batchOf } from './batch.js';
export { ConcatDataset } from './concat.js';
export {
  TensorDataset,
  type Batch,
  type Dataset,
  type Randomness,
  type Sample,
  type Target,
  type TensorDatasetOptions,
} from './dataset.js';
export { digits } from './digits.js';
export { parseIdx, readIdx, type Idx, type IdxType } from './idx.js';
export { classWeights } from './labels.js';
export { DataLoader, type DataLoaderOptions } from './loader.js';
export { idxDataset, mnist, type Split } from './mnist.js';
export {
  kFold,
  randomSplit,
  stratifiedKFold,
  stratifiedSplit,
  type Fold,
  type FoldOptions,
  type SplitOptions,
} from './split.js';
export { scaleOf, standardize, StandardizedDataset, type Scale } from './standardize.js';
export { Subset } from './subset.js';
