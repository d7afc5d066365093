import { native } from '../native.js';
import type { DType, Tensor } from '../tensor.js';
import type { LossOptions, Reduction } from './options.js';
import { pointLoss } from './pointLoss.js';

export interface KlDivOptions extends LossOptions<Reduction | 'batchmean'> {
  /**
   * 'batchmean', the sum over the extent of the first axis, is the divergence of a sample's distribution; 'mean' divides
   * by the number of elements. Default: 'mean', as in PyTorch.
   */
  readonly reduction?: Reduction | 'batchmean' | undefined;
  /** Whether the target holds logarithms too. Default: false. */
  readonly logTarget?: boolean | undefined;
}

/**
 * Kullback and Leibler's divergence (1951) of the target from the input, of each element t·(ln t − x), where 0·ln 0 is 0;
 * with logTarget, eᵗ·(t − x). For distillation, `klDiv(student.logSoftmax(), teacher.softmax().detach())`.
 *
 * @param input f32 of any shape, logarithms of probabilities.
 * @param target probabilities of the same shape, or their logarithms.
 * @throws TypeError, RangeError where dtypes, shapes or options are others; StriateError for a target that wants a
 *   gradient.
 */
export function klDiv(
  input: Tensor,
  target: Tensor<DType>,
  { logTarget = false, ...options }: KlDivOptions = {},
): Tensor {
  return pointLoss('klDiv', input, target, options, {
    forward: (given) => native.klDiv(...given, logTarget),
    backward: (g, given) => native.klDivBackward(g, ...given, logTarget),
  });
}
