export type {
  BatchBegin,
  BatchEnd,
  Callback,
  EndReason,
  EpochBegin,
  EpochEnd,
  StepEnd,
  TrainBegin,
  TrainEnd,
} from './callback.js';
export {
  Checkpoint,
  loadCheckpoint,
  type CheckpointOptions,
  type LoadCheckpointOptions,
} from './checkpoint.js';
export { CSVLog } from './csvLog.js';
export { EarlyStopping, type EarlyStoppingOptions } from './earlyStopping.js';
export { EMA, type EMAOptions } from './ema.js';
export type { BetweenBatches, Position } from './fitting.js';
export { valuesOf, type EpochRecord, type Evaluation, type History, type Measured } from './history.js';
export { lrRangeTest, type LrRangeTestOptions, type LrRangeTestResult, type Trained } from './lrRangeTest.js';
/** What Trainer measures beside the loss. */
export * as metrics from './metrics/index.js';
export type { Metric } from './metrics/metric.js';
export type { Monitored } from './monitor.js';
export { progressOn, type Progress } from './progress.js';
export type { Schedule, Scheduler } from './scheduling.js';
export { Snapshot, type SnapshotOptions } from './snapshot.js';
export { TensorBoard, type TensorBoardOptions } from './tensorBoard.js';
export { Trainer, type FitOptions, type Loss, type MetricName, type TrainerOptions } from './trainer.js';
