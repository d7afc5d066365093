export {
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingLROptions,
  type CosineAnnealingWarmRestartsOptions,
} from './cosine.js';
export {
  ExponentialLR,
  InverseTimeLR,
  type ExponentialLROptions,
  type InverseTimeLROptions,
} from './decay.js';
export { LambdaLR, type LambdaLROptions } from './lambda.js';
export { OneCycleLR, type OneCycleLROptions } from './oneCycle.js';
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions, type ReduceLROnPlateauState } from './plateau.js';
export { LinearLR, PolynomialLR, type LinearLROptions, type PolynomialLROptions } from './ramp.js';
export { LRScheduler, type LRSchedulerState, type Scheduled } from './scheduler.js';
export { SequentialLR, type SequentialLROptions, type SequentialLRState } from './sequential.js';
export { MultiStepLR, StepLR, type MultiStepLROptions, type StepLROptions } from './stepDecay.js';
