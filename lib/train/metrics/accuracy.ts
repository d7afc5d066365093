import { cast } from '../../ops/creation.js';
import { div, equal } from '../../ops/elementwise.js';
import { argMax, sum } from '../../ops/reduce.js';
import { labelsOf } from './labels.js';
import type { Metric } from './metric.js';

/** The share of labels whose class has the highest score. */
export const accuracy: Metric = {
  name: 'accuracy',
  measure(output, target) {
    const labels = labelsOf('accuracy', output, target);
    const right = sum(cast(equal(argMax(output), labels), 'i32'));
    const each = labels.size / Math.max(1, labels.shape[0] ?? 1);
    return each === 1 ? right : div(cast(right, 'f32'), each);
  },
  value: ([right = 0], samples) => right / samples,
};
