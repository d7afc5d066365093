/**
 * What `import … from 'striate'` gives.
 *
 * @module striate
 */
export { backward, grad, gradEnabled, noGrad, type BackwardOptions } from './autograd.js';
/** Data sets, loaders, transforms and preprocessing. */
export * as data from './data/index.js';
export { checkGradients, type GradientCheck, type GradientCheckOptions } from './gradientCheck.js';
export * from './ensemble/index.js';
/** Initializations of parameters. */
export * as init from './init/index.js';
/** Files of weights, optimizers and models: safetensors, PyTorch's names and layouts, ONNX. */
export * as io from './io/index.js';
/** Losses and penalties: scalars that backward() starts from. */
export * as loss from './loss/index.js';
/** Networks from the literature. */
export * as models from './models/index.js';
export { StriateError } from './native.js';
/** Layers, and what holds and inspects them. */
export * as nn from './nn/index.js';
export * from './ops/creation.js';
/** Operations on tensors, each with its derivative where it has one. */
export * as ops from './ops/index.js';
/** Optimizers, schedules of learning rates, and the clipping of gradients. */
export * as optim from './optim/index.js';
/** Training without labels, layer by layer. */
export * as pretrain from './pretrain/index.js';
export * from './report/index.js';
export { profile, type ProfileEntry } from './profile.js';
/** Search for networks and options of training. */
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
/** Models that were trained for something else. */
export * as transfer from './transfer/index.js';
/** Pictures of filters, feature maps, and what a network looks at. */
export * as visual from './visual/index.js';
