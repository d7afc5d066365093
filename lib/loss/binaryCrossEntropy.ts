import { native } from '../native.js';
import type { DType, Tensor } from '../tensor.js';
import { requireConstant, type LossOptions } from './options.js';
import { pointLoss } from './pointLoss.js';

/**
 * The cross-entropy of two classes, −t·ln x − (1 − t)·ln(1 − x) of each element. As in PyTorch logarithms are from −100
 * on, and the gradient (x − t)/(x·(1 − x)) has a divisor from 1e-12 on. Prefer binaryCrossEntropyWithLogits, which needs
 * neither.
 *
 * @param input f32 of any shape, probabilities: beyond [0, 1] the loss is NaN.
 * @param target probabilities of the same shape, mostly 0 or 1; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others; StriateError for a target that wants a
 *   gradient.
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor<DType>, options: LossOptions = {}): Tensor {
  return pointLoss('binaryCrossEntropy', input, target, options, {
    forward: (given) => native.binaryCrossEntropy(...given),
    backward: (g, given) => native.binaryCrossEntropyBackward(g, ...given),
  });
}

export interface BinaryCrossEntropyWithLogitsOptions extends LossOptions {
  /**
   * f32 [C], for each column of the last axis what a positive target counts: above 1 for recall, below for precision.
   * Default: 1.
   */
  readonly posWeight?: Tensor | null | undefined;
}

/**
 * The cross-entropy of two classes whose probability is sigmoid(x), of each element:
 * posWeight·t·ln(1 + e⁻ˣ) + (1 − t)·ln(1 + eˣ). Logits of any size are fine, and the gradient keeps its digits. For
 * several labels of one sample too, each of which is there or not.
 *
 * @param input f32 of any shape, logits.
 * @param target probabilities of the same shape, mostly 0 or 1; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others; StriateError for a target that wants a
 *   gradient.
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor<DType>,
  { posWeight, ...options }: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  const name = 'binaryCrossEntropyWithLogits';
  requireConstant(name, 'posWeight', posWeight);
  return pointLoss(
    name,
    input,
    target,
    options,
    {
      forward: (given, weight) => native.binaryCrossEntropyWithLogits(...given, weight),
      backward: (g, given, weight) => native.binaryCrossEntropyWithLogitsBackward(g, ...given, weight),
    },
    posWeight,
  );
}
