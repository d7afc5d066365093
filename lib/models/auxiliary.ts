import { requireNumber } from '../optim/options.js';
import { add, mul } from '../ops/elementwise.js';
import type { Tensor } from '../tensor.js';

/** By the scores that forward() gave in training, those of auxiliary classifiers. */
const besides = new WeakMap<Tensor, readonly Tensor[]>();

/** Leaves the scores of auxiliary classifiers for the loss of the network's own scores, which are returned. */
export function withAuxiliary(scores: Tensor, auxiliary: readonly Tensor[]): Tensor {
  besides.set(scores, auxiliary);
  return scores;
}

/**
 * A loss that counts auxiliary classifiers, too: loss(scores) + weight·Σ loss(auxiliary scores). Of scores that a network
 * gave in use, or that has none, it is the loss itself: so validation measures what is to be used.
 *
 * ```ts
 * const model = models.googlenet({ auxLogits: true });
 * new Trainer(model, { optimizer, loss: models.auxiliaryLoss(loss.crossEntropy) });
 * // by hand
 * const withAux = models.auxiliaryLoss(loss.crossEntropy);
 * using y = model.forward(x);
 * using l = withAux(y, labels);
 * ```
 *
 * It disposes the auxiliary scores: once for each forward().
 *
 * @param weight what each auxiliary classifier counts. Default: 0.3, as in GoogLeNet's paper.
 */
export function auxiliaryLoss<T>(
  loss: (output: Tensor, target: T) => Tensor,
  weight = 0.3,
): (output: Tensor, target: T) => Tensor {
  requireNumber('auxiliaryLoss: weight', weight, 0);
  return (output, target) => {
    const main = loss(output, target);
    const auxiliary = besides.get(output) ?? [];
    return auxiliary.reduce((sum, scores) => {
      using own = loss(scores, target);
      using part = mul(own, weight);
      const next = add(sum, part);
      sum.dispose();
      scores.dispose();
      return next;
    }, main);
  };
}
