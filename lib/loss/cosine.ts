import { add, div, equal, maximum, mul, neg, sqrt, square, sub, where } from '../ops/elementwise.js';
import { mean, sum } from '../ops/reduce.js';
import { requireLive, scope, Tensor, type DType } from '../tensor.js';
import { describe } from '../describe.js';
import { asFloat, requireConstant, type LossOptions } from './options.js';

export interface CosineEmbeddingOptions extends LossOptions {
  /** From which cosine on pairs that differ are pushed apart, from −1 to 1. Default: 0. */
  readonly margin?: number | undefined;
}

/**
 * The cosine loss of pairs of vectors: 1 − cos(a, b) where the target is 1, max(0, cos(a, b) − margin) where it is −1.
 * cos(a, b) = Σab / √((Σa² + 1e-12)·(Σb² + 1e-12)), as in PyTorch. The gradient goes to both.
 *
 * @param a f32 [N, D].
 * @param b f32 [N, D].
 * @param target [N], 1 for pairs that belong together, −1 for those that do not.
 * @throws TypeError, RangeError where dtypes, shapes or options are others; StriateError for a target that wants a
 *   gradient.
 */
export function cosineEmbedding(
  a: Tensor,
  b: Tensor,
  target: Tensor<DType>,
  { margin = 0, reduction = 'mean', sampleWeight }: CosineEmbeddingOptions = {},
): Tensor {
  const name = 'cosineEmbedding';
  requireConstant(name, 'target', target);
  requireConstant(name, 'sampleWeight', sampleWeight);
  const [n, d, ...more] = requireLive(name, 'a', a).shape;
  if (n === undefined || d === undefined || more.length > 0) {
    throw new RangeError(`${name}: a has shape [${a.shape.join(', ')}], wants [N, D]`);
  }
  requireShapeOf(name, 'b', b, [n, d]);
  requireShapeOf(name, 'target', target, [n]);
  if (sampleWeight != null) requireShapeOf(name, 'sampleWeight', sampleWeight, [n]);
  if (typeof margin !== 'number' || !(margin >= -1 && margin <= 1)) {
    throw new RangeError(`${name}: margin is ${describe(margin)}, wants a number from -1 to 1`);
  }
  if (!['mean', 'sum', 'none'].includes(reduction)) {
    throw new RangeError(`${name}: reduction is ${describe(reduction)}, wants 'mean', 'sum' or 'none'`);
  }
  return scope(() => {
    const norms = mul(add(sum(square(a), 1), 1e-12), add(sum(square(b), 1), 1e-12));
    const cosine = div(sum(mul(a, b), 1), sqrt(norms));
    const t = asFloat(name, target);
    const apart = where(equal(t, -1), maximum(sub(cosine, margin), 0), 0);
    const losses = add(where(equal(t, 1), add(neg(cosine), 1), 0), apart);
    const weighted = sampleWeight ? mul(losses, sampleWeight) : losses;
    return reduction === 'none' ? weighted : reduction === 'sum' ? sum(weighted) : mean(weighted);
  });
}

function requireShapeOf(name: string, argument: string, x: Tensor<DType>, wanted: readonly number[]): void {
  if (requireLive(name, argument, x).shape.join() !== wanted.join()) {
    throw new RangeError(
      `${name}: ${argument} has shape [${x.shape.join(', ')}], wants [${wanted.join(', ')}]`,
    );
  }
}
