export { PCA, Whitening, type PCAOptions, type WhiteningOptions } from './decorrelate.js';
export { MinMax, Standardize, ZeroCenter } from './scale.js';
export { type FitOptions, type Statistics } from './statistics.js';
