import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor, type DType } from '../tensor.js';
import { requireConstant, type LossOptions } from './options.js';

export interface NllOptions extends LossOptions {
  /** f32 [K], what the samples of each class count; a mean of labels divides by what they count. Default: 1. */
  readonly classWeights?: Tensor | null | undefined;
  /** Labels of this number count nothing, also in a mean. Default: −100. */
  readonly ignoreIndex?: number | undefined;
}

export interface CrossEntropyOptions extends NllOptions {
  /** ε: targets become (1 − ε)·t + ε/K (Szegedy et al., 2016). Default: 0. */
  readonly labelSmoothing?: number | undefined;
}

/** The tensors that weigh, in their order, as saved for the backward pass, and back. */
function weightsOf(operation: string, { classWeights, sampleWeight }: NllOptions) {
  requireConstant(operation, 'classWeights', classWeights);
  requireConstant(operation, 'sampleWeight', sampleWeight);
  return {
    handles: [handleOrNull(classWeights), handleOrNull(sampleWeight)] as const,
    saved: [classWeights, sampleWeight].filter((weight) => weight != null),
    restored: (saved: readonly Tensor[]) =>
      [
        handleOrNull(classWeights ? saved[0] : null),
        handleOrNull(sampleWeight ? saved.at(-1) : null),
      ] as const,
  };
}

/**
 * The mean over all labels of −log softmax(logits)[label]: the cross-entropy of the predicted distribution of classes
 * against the true class. Softmax and logarithm are one pass, and logits of any size are fine.
 *
 * With distributions t as targets it is −Σ t[k]·log softmax(logits)[k] of each row. Options make that
 * −Σ classWeights[k]·((1 − ε)·t[k] + ε/K)·log softmax(logits)[k], ε being labelSmoothing. A mean divides by the number of
 * rows; for labels with class weights by the sum of theirs, and without those ignored, as in PyTorch.
 *
 * ```ts
 * new Trainer(model, { optimizer, loss: (y, labels) => loss.crossEntropy(y, labels, { labelSmoothing: 0.1 }) });
 * ```
 *
 * @param logits f32 [N, K], scores of K classes along the last axis; or with more axes before it, as [N, H, W, K].
 * @param target labels i32 [N], or [N, H, W]: the number of a class, 0 to K − 1, each; or distributions f32 of the logits'
 *   shape.
 * @returns a scalar, NaN where there are no labels; with reduction 'none', a loss for each row.
 * @throws TypeError, RangeError where dtypes, shapes or options are others; StriateError for a target that wants a
 *   gradient. A label that names no class is found when the operation runs, and rejects the read of the loss and of all
 *   that depends on it.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor<'i32'> | Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  requireConstant('crossEntropy', 'target', target);
  const { reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 } = options;
  const weights = weightsOf('crossEntropy', options);
  const rest = [reduction, ignoreIndex, labelSmoothing] as const;
  const handles = native.crossEntropy(handleOf(logits), handleOf(target), ...weights.handles, ...rest);
  const loss = new Tensor(handles[0], 'f32');
  const probabilities = new Tensor(handles[1], 'f32');
  const saved = [probabilities, target as Tensor<DType>, ...weights.saved] as const;
  record('crossEntropy', loss, [logits], saved, (g, [p, t, ...others]) => {
    const given = weights.restored(others);
    return [new Tensor(native.crossEntropyBackward(g.handle, p.handle, t.handle, ...given, ...rest), 'f32')];
  });
  probabilities.dispose();
  return loss;
}

/**
 * The negative logarithmic likelihood, −classWeights[label]·input[label] of each row: after logSoftmax the cross-entropy,
 * which crossEntropy computes in fewer passes. A mean divides by the sum of the labels' weights.
 *
 * @param input f32 [N, K], logarithms of probabilities of K classes along the last axis; or with more axes before it.
 * @param labels i32 [N]: the number of a class, 0 to K − 1, each.
 * @returns a scalar, NaN where there are no labels; with reduction 'none', a loss for each row.
 * @throws TypeError, RangeError where dtypes, shapes or options are others. A label that names no class is found when the
 *   operation runs, and rejects the read of the loss and of all that depends on it.
 */
export function nll(input: Tensor, labels: Tensor<'i32'>, options: NllOptions = {}): Tensor {
  const { reduction = 'mean', ignoreIndex = -100 } = options;
  const weights = weightsOf('nll', options);
  const rest = [reduction, ignoreIndex] as const;
  const handle = native.nll(handleOf(input), handleOf(labels), ...weights.handles, ...rest);
  const shape = input.requiresGrad ? input.shape : [];
  return record(
    'nll',
    new Tensor(handle, 'f32'),
    [input],
    [labels, ...weights.saved],
    (g, [y, ...others]) => {
      const given = weights.restored(others);
      return [new Tensor(native.nllBackward(g.handle, shape, y.handle, ...given, ...rest), 'f32')];
    },
  );
}
