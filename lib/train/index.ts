export type { EpochRecord, Evaluation, History } from './history.js';
export { progressOn, type Progress } from './progress.js';
export {
  Trainer,
  type Callback,
  type FitOptions,
  type Loss,
  type Metric,
  type TrainerOptions,
} from './trainer.js';
