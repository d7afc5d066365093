import { requireWhole } from '../../optim/options.js';
import { cast, oneHot } from '../../ops/creation.js';
import { add, greater, less, mul, notEqual, where } from '../../ops/elementwise.js';
import { sum } from '../../ops/reduce.js';
import { labelsOf } from './labels.js';
import type { Metric } from './metric.js';

/**
 * The share of labels whose class is among the k with the highest scores, as `top5`. Classes with the same score count as
 * behind; a score that is no number is behind all.
 *
 * @param k from 1 on
 */
export function topK(k: number): Metric {
  requireWhole('topK: k', k, 1);
  return {
    name: `top${k}`,
    measure(output, target) {
      const labels = labelsOf(`top${k}`, output, target);
      const classes = output.shape.at(-1) ?? 0;
      const own = sum(where(cast(oneHot(labels, classes), 'u8'), output, 0), [-1], true);
      const before = sum(cast(greater(output, own), 'f32'), [-1], true);
      const none = mul(cast(notEqual(own, own), 'f32'), classes);
      const among = sum(cast(less(add(before, none), k), 'f32'));
      return mul(among, 1 / Math.max(1, labels.size / Math.max(1, labels.shape[0] ?? 1)));
    },
    value: ([right = 0], samples) => right / samples,
  };
}
