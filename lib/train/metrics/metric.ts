import type { Target } from '../../data/dataset.js';
import type { DType, Tensor, TypedArray } from '../../tensor.js';

/**
 * What is measured beside the loss. A metric keeps nothing itself: measure() says what is to be known of a batch, which is
 * read back with the loss; add() collects that, in a total that is plain numbers, so that a checkpoint can hold it; value()
 * and table() say what the total comes to. So one object serves training and validation, and several trainers.
 *
 * ```ts
 * // the share of samples whose largest output is above a threshold
 * const sure: Metric = {
 *   name: 'sure',
 *   measure: (output) => ops.sum(ops.cast(ops.greater(ops.max(ops.softmax(output), [-1]), 0.9), 'f32')),
 *   value: ([count = 0], samples) => count / samples,
 * };
 * ```
 */
export interface Metric {
  readonly name: string;
  /** Asks for what is to be read of a batch, without gradients: the fewer numbers the better. */
  measure(output: Tensor, target: Target): Tensor<DType>;
  /** Takes a batch up into the total, which is empty at first. Default: adds element by element. */
  add?(total: number[], measured: TypedArray): void;
  /** The metric over so many samples: one number, or several by names of their own. */
  value?(total: readonly number[], samples: number): number | Record<string, number>;
  /** What is more than a number, as a confusion matrix; worked out at the end of an epoch only. */
  table?(total: readonly number[], samples: number): number[] | number[][];
}
