import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor, type DType } from '../tensor.js';
import { requireConstant, type LossOptions } from './options.js';
import { pointLoss } from './pointLoss.js';

export interface HingeOptions extends LossOptions {
  /** Whether each loss is squared. Default: false. */
  readonly squared?: boolean | undefined;
}

/**
 * The hinge loss of two classes, max(0, 1 − t·x) of each element, or its square (a support vector machine: Cortes and
 * Vapnik, 1995). The gradient at the hinge is 0.
 *
 * @param input f32 of any shape, scores.
 * @param target −1 or 1 of the same shape; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others; StriateError for a target that wants a
 *   gradient.
 */
export function hinge(
  input: Tensor,
  target: Tensor<DType>,
  { squared = false, ...options }: HingeOptions = {},
): Tensor {
  return pointLoss('hinge', input, target, options, {
    forward: (given) => native.hinge(...given, squared),
    backward: (g, given) => native.hingeBackward(g, ...given, squared),
  });
}

export interface MultiMarginOptions extends LossOptions {
  /** The power of each difference, 1 or 2. Default: 1. */
  readonly p?: number | undefined;
  /** How far the right score is to be above the others. Default: 1. */
  readonly margin?: number | undefined;
  /** f32 [K], what the samples of each class count; a mean still divides by the number of labels. Default: 1. */
  readonly classWeights?: Tensor | null | undefined;
}

/**
 * The hinge loss of several classes (Weston and Watkins, 1999): for each label y,
 * classWeights[y]/K · Σ max(0, margin − x[y] + x[k])ᵖ over the other classes k ≠ y. PyTorch's multi_margin_loss.
 *
 * @param input f32 [N, K], scores of K classes along the last axis; or with more axes before it.
 * @param labels i32 [N], the number of a class each.
 * @throws TypeError, RangeError where dtypes, shapes or options are others. A label that names no class is found when the
 *   operation runs, and rejects the read of the loss and of all that depends on it.
 */
export function multiMargin(
  input: Tensor,
  labels: Tensor<'i32'>,
  { reduction = 'mean', sampleWeight, classWeights, p = 1, margin = 1 }: MultiMarginOptions = {},
): Tensor {
  requireConstant('multiMargin', 'sampleWeight', sampleWeight);
  requireConstant('multiMargin', 'classWeights', classWeights);
  const weights = [handleOrNull(classWeights), handleOrNull(sampleWeight)] as const;
  const handle = native.multiMargin(handleOf(input), handleOf(labels), ...weights, reduction, p, margin);
  const loss = new Tensor(handle, 'f32');
  const saved = [input, labels, ...[classWeights, sampleWeight].filter((w) => w != null)] as const;
  return record('multiMargin', loss, [input], saved, (g, [x, y, ...rest]) => {
    const [c, s] = [classWeights ? rest[0] : null, sampleWeight ? rest.at(-1) : null];
    const given = [handleOrNull(c), handleOrNull(s)] as const;
    return [
      new Tensor(
        native.multiMarginBackward(g.handle, x.handle, y.handle, ...given, reduction, p, margin),
        'f32',
      ),
    ];
  });
}
