import { record } from '../autograd.js';
import { native } from '../native.js';
import { defineMethods, handleOf, Tensor } from '../tensor.js';

/**
 * Softmax along an axis: yᵢ = e^xᵢ / Σⱼ e^xⱼ, computed from x − max x, so that nothing overflows.
 *
 * @param axis counted from the back where negative. Default: the last.
 * @throws RangeError for an axis that the tensor does not have.
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  const y = new Tensor(native.softmax(handleOf(x), axis), 'f32');
  return record('softmax', y, [x], [y], (g, [output]) => [
    new Tensor(native.softmaxBackward(g.handle, output.handle, axis), 'f32'),
  ]);
}

/**
 * The logarithm of softmax along an axis: yᵢ = xᵢ − log Σⱼ e^xⱼ, finite where softmax itself would be 0.
 *
 * @param axis counted from the back where negative. Default: the last.
 * @throws RangeError for an axis that the tensor does not have.
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const y = new Tensor(native.logSoftmax(handleOf(x), axis), 'f32');
  return record('logSoftmax', y, [x], [y], (g, [output]) => [
    new Tensor(native.logSoftmaxBackward(g.handle, output.handle, axis), 'f32'),
  ]);
}

declare module '../tensor.js' {
  interface Tensor {
    /** {@link softmax} as a method. */
    softmax(this: Tensor, axis?: number): Tensor;
    /** {@link logSoftmax} as a method. */
    logSoftmax(this: Tensor, axis?: number): Tensor;
  }
}

defineMethods({ softmax, logSoftmax });
