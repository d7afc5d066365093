export { backward, grad, gradEnabled, noGrad, type BackwardOptions } from './autograd.js';
export * as data from './data/index.js';
export { checkGradients, type GradientCheck, type GradientCheckOptions } from './gradientCheck.js';
export * from './ensemble/index.js';
export * as init from './init/index.js';
export * as io from './io/index.js';
export * as loss from './loss/index.js';
export * as models from './models/index.js';
export { StriateError } from './native.js';
export * as nn from './nn/index.js';
export * from './ops/creation.js';
export * as ops from './ops/index.js';
export * as optim from './optim/index.js';
export * as pretrain from './pretrain/index.js';
export * from './report/index.js';
export { profile, type ProfileEntry } from './profile.js';
export * as search from './search/index.js';
export {
  cpuInfo,
  emptyPool,
  memory,
  resetPeakMemory,
  setThreads,
  type CpuInfo,
  type Memory,
} from './system.js';
export {
  express,
  scope,
  synchronize,
  Tensor,
  type DataOf,
  type DType,
  type Shape,
  type TypedArray,
} from './tensor.js';
export * from './train/index.js';
export * as transfer from './transfer/index.js';
export * as visual from './visual/index.js';
