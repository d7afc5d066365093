export { EarlyStopping, type EarlyStoppingOptions, type Monitored } from './earlyStopping.js';
export type { EpochRecord, Evaluation, History } from './history.js';
export { lrRangeTest, type LrRangeTestOptions, type LrRangeTestResult, type Trained } from './lrRangeTest.js';
export { progressOn, type Progress } from './progress.js';
export {
  Trainer,
  type Callback,
  type FitOptions,
  type Loss,
  type Metric,
  type TrainerOptions,
} from './trainer.js';
