import type { Target } from '../../data/dataset.js';
import { cast } from '../../ops/creation.js';
import { div, equal } from '../../ops/elementwise.js';
import { argMax, sum } from '../../ops/reduce.js';
import type { Tensor } from '../../tensor.js';
import type { Metric } from './metric.js';

/**
 * Labels i32 [N, …]: as they are, or of probabilities f32 of the output's shape, as mixup makes them, the likeliest class.
 *
 * @param output scores f32 [N, …, K]
 */
export function labelsOf(metric: string, output: Tensor, target: Target): Tensor<'i32'> {
  const { shape } = output;
  const classes = shape.at(-1) ?? 0;
  const wrong = (what: string, given: readonly number[], wanted: string) =>
    new RangeError(`${metric}: ${what} is [${given.join(', ')}], wants ${wanted}`);
  if (output.rank < 2 || classes < 2) throw wrong('output', shape, 'scores of two or more classes, [N, K]');
  const wanted = target.dtype === 'i32' ? shape.slice(0, -1) : shape;
  if (target.shape.join() === wanted.join()) {
    return target.dtype === 'i32' ? target : argMax(target);
  }
  throw wrong(
    'target',
    target.shape,
    `labels i32 [${shape.slice(0, -1).join(', ')}], or probabilities f32 [${shape.join(', ')}]`,
  );
}

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
