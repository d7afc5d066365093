import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';

/**
 * The mean over all labels of −log softmax(logits)[label]: the cross-entropy of the predicted distribution of classes
 * against the true class. Softmax and logarithm are one pass, and logits of any size are fine.
 *
 * @param logits f32 [N, K], scores of K classes along the last axis; or with more axes before it, as [N, H, W, K].
 * @param labels i32 [N], or [N, H, W]: the number of a class, 0 to K − 1, each.
 * @returns a scalar; NaN where there are no labels.
 * @throws TypeError, RangeError where dtypes or shapes are others. A label that names no class is found when the
 *   operation runs, and rejects the read of the loss and of all that depends on it.
 */
export function crossEntropy(logits: Tensor, labels: Tensor<'i32'>): Tensor {
  const handles = native.crossEntropy(handleOf(logits), handleOf(labels));
  const loss = new Tensor(handles[0], 'f32');
  const probabilities = new Tensor(handles[1], 'f32');
  record('crossEntropy', loss, [logits], [probabilities, labels], (g, [p, classes]) => [
    new Tensor(native.crossEntropyBackward(g.handle, p.handle, classes.handle), 'f32'),
  ]);
  probabilities.dispose();
  return loss;
}
