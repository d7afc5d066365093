import type { Target } from '../../data/dataset.js';
import { argMax } from '../../ops/reduce.js';
import type { Tensor } from '../../tensor.js';

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
