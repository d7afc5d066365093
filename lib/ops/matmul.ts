import { record } from '../autograd.js';
import { native } from '../native.js';
import { defineMethods, handleOf, Tensor, type DType } from '../tensor.js';
import { reluBiasGradients } from './reluBias.js';

export interface MatmulOptions {
  /** Swaps the last two axes of a. Default: false. */
  transposeA?: boolean;
  /** Swaps the last two axes of b. Default: false. */
  transposeB?: boolean;
}

function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  return new Tensor(native.matmul(a.handle, b.handle, transposeA, transposeB), 'f32');
}

/** Sums a gradient over the leading axes for which one matrix served. */
function shared(gradient: Tensor, rank: number): Tensor {
  const axes = Array.from({ length: gradient.rank - rank }, (_, axis) => axis);
  return axes.length === 0 ? gradient : new Tensor(native.sum(gradient.handle, axes, false), 'f32');
}

/**
 * The matrix product a·b over the last two axes: [..., M, K]·[..., K, N] → [..., M, N]. The leading axes of a and b are
 * the same, or one of the two is a single matrix that serves all of the other's.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: MatmulOptions = {},
): Tensor {
  const y = new Tensor(native.matmul(handleOf(a), handleOf(b), transposeA, transposeB), 'f32');
  return record('matmul', y, [a, b], [a, b], (g, [u, v], [needA, needB]) => {
    const byA = () => (transposeA ? product(v, g, transposeB, true) : product(g, v, false, !transposeB));
    const byB = () => (transposeB ? product(g, u, true, transposeA) : product(u, g, !transposeA, false));
    return [needA ? shared(byA(), u.rank) : null, needB ? shared(byB(), v.rank) : null];
  });
}

export interface LinearOptions {
  /** Applies ReLU in the same pass. Default: false. */
  relu?: boolean;
}

/**
 * The fully connected layer: y [..., out] = x [..., in]·weight [in, out] + bias [out].
 *
 * @throws RangeError where shapes do not fit
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { relu = false }: LinearOptions = {},
): Tensor {
  const biasHandle = bias === null ? null : handleOf(bias);
  const y = new Tensor(native.linear(handleOf(x), handleOf(weight), biasHandle, relu), 'f32');
  const inputs = bias ? [x, weight, bias] : [x, weight];
  if (!inputs.some((input) => input.requiresGrad)) return y;
  const xShape = x.shape;
  const saved = relu ? ([x, weight, y] as const) : ([x, weight] as const);
  return record('linear', y, inputs, saved, (g, [input, w, out], [needX, needWeight, needBias]) => {
    const [dy, byBias] = reluBiasGradients(g, out, needBias);
    // By the weight first: the input is not needed any more when memory for its gradient is taken.
    const byWeight = needWeight ? product(rows(input), rows(dy), true, false) : null;
    const byX = needX
      ? new Tensor(native.reshape(product(rows(dy), w, false, true).handle, xShape), 'f32')
      : null;
    return [byX, byWeight, byBias];
  });
}

/** All but the last axis as one. */
function rows(x: Tensor): Tensor {
  if (x.rank === 2) return x;
  const features = x.shape.at(-1) ?? 1;
  return new Tensor(native.reshape(x.handle, [features === 0 ? 0 : x.size / features, features]), 'f32');
}

declare module '../tensor.js' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- the parameters of a merged interface must agree
  interface Tensor<D extends DType = 'f32'> {
    /** {@link matmul} as a method. */
    matmul(this: Tensor, other: Tensor, options?: MatmulOptions): Tensor;
  }
}

defineMethods({ matmul });
