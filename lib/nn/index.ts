export {
  ELU,
  GELU,
  Hardsigmoid,
  Hardswish,
  LeakyReLU,
  LogSigmoid,
  Mish,
  PReLU,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softplus,
  Softsign,
  Tanh,
} from './activation.js';
export { activationStatistics, type LayerActivations } from './activationStatistics.js';
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d } from './adaptivePool.js';
export { Conv2d, type Conv2dLayerOptions } from './conv.js';
export {
  Conv1d,
  ConvTranspose1d,
  type Conv1dLayerOptions,
  type ConvTranspose1dLayerOptions,
} from './conv1d.js';
export {
  convMultiplyAdds,
  convOutputSize,
  convParameters,
  convTransposeOutputSize,
  receptiveField,
  type ConvSize,
  type ReceptiveField,
  type TransposedWindow,
  type Window,
} from './convArithmetic.js';
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from './convTranspose.js';
export { DropConnectConv2d, DropConnectLinear, type DropConnectOptions } from './dropConnect.js';
export {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  GaussianDropout,
  GaussianNoise,
  MaskingNoise,
} from './dropout.js';
export { Embedding } from './embedding.js';
export { Flatten } from './flatten.js';
export { fuseConvBatchNorm, fuseForInference } from './fuse.js';
export { GlobalAvgPool2d, GlobalMaxPool2d } from './globalPool.js';
export { GroupNorm, LayerNorm, type GroupNormLayerOptions, type LayerNormLayerOptions } from './groupNorm.js';
export { Identity } from './identity.js';
export { InstanceNorm1d, InstanceNorm2d, type InstanceNormLayerOptions } from './instanceNorm.js';
export { Linear } from './linear.js';
export { LocalResponseNorm } from './localResponse.js';
export { LPPool1d, LPPool2d } from './lpPool.js';
export { MaxoutConv2d, MaxoutLinear } from './maxout.js';
export { Module, Parameter, type LoadOptions, type StateDict } from './module.js';
export { ModuleList } from './moduleList.js';
export { BatchNorm1d, BatchNorm2d, type BatchNorm, type BatchNormLayerOptions } from './norm.js';
export { observe, type Observer } from './observe.js';
export { Parallel } from './parallel.js';
export { AvgPool2d, MaxPool2d } from './pool.js';
export { AdaptiveAvgPool1d, AdaptiveMaxPool1d, AvgPool1d, MaxPool1d } from './pool1d.js';
export { populationStatistics, type Minibatches } from './populationStatistics.js';
export { Reshape } from './reshape.js';
export { Residual } from './residual.js';
export { SeparableConv2d, type SeparableConv2dOptions } from './separableConv.js';
export { Sequential } from './sequential.js';
export { LogSoftmax, Softmax } from './softmax.js';
export { Sparsity } from './sparsity.js';
export { summary, type LayerSummary, type Summary } from './summary.js';
export { TiedConvTranspose2d, TiedLinear, type TiedConvTranspose2dOptions } from './tied.js';
export { MaxUnpool1d, MaxUnpool2d } from './unpool.js';
export { Upsample } from './upsample.js';
