export type {
  BatchBegin,
  BatchEnd,
  Callback,
  EndReason,
  EpochBegin,
  EpochEnd,
  TrainBegin,
  TrainEnd,
} from './callback.js';
export { EarlyStopping, type EarlyStoppingOptions } from './earlyStopping.js';
export { valuesOf, type EpochRecord, type Evaluation, type History, type Measured } from './history.js';
export { lrRangeTest, type LrRangeTestOptions, type LrRangeTestResult, type Trained } from './lrRangeTest.js';
export * as metrics from './metrics/index.js';
export type { Metric } from './metrics/metric.js';
export type { Monitored } from './monitor.js';
export { progressOn, type Progress } from './progress.js';
export { Trainer, type FitOptions, type Loss, type MetricName, type TrainerOptions } from './trainer.js';
