export { accuracy } from './accuracy.js';
export {
  confusionMatrix,
  f1,
  meanIoU,
  pixelAccuracy,
  precision,
  recall,
  type AverageOptions,
} from './confusion.js';
export type { Metric } from './metric.js';
export { topK } from './topK.js';
export { mae, mse } from './values.js';
