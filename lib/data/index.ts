export { batchOf } from './batch.js';
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
export { DataLoader, type DataLoaderOptions } from './loader.js';
export { idxDataset, mnist, type Split } from './mnist.js';
export { scaleOf, standardize, StandardizedDataset, type Scale } from './standardize.js';
