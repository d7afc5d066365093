import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor } from '../tensor.js';
import { convMoves } from './convMoves.js';
import { reluBiasGradients } from './reluBias.js';

/** Zeros around an image: the same on all sides, [height, width], [top, bottom, left, right], 'same' or 'valid'. */
export type Padding =
  number | readonly [number, number] | readonly [number, number, number, number] | 'same' | 'valid';

export interface Conv2dOptions {
  /** Step of the kernel; a number or [height, width]. Default: 1. */
  stride?: number | readonly [number, number];
  /** Default: 0. 'same' keeps height and width, needs stride 1 and, as in PyTorch, pads right and bottom more. */
  padding?: Padding;
  /** Distance between the kernel's taps. Default: 1. */
  dilation?: number | readonly [number, number];
  /** Parts into which channels are divided, each with kernels of its own. Default: 1. */
  groups?: number;
  /** Added to the result in the same pass, before ReLU: a tensor of its shape, as a residual block adds. */
  residual?: Tensor;
  /** Applies ReLU in the same pass. Default: false. */
  relu?: boolean;
  /**
   * Whether what {@link batchNorm} in training begins with, sums over all of the result, is gathered as that is stored: for
   * a result that goes there next. Algorithms that can't leave it to batchNorm. Default: false.
   */
  moments?: boolean;
  /** How each pass is computed; see ConvAlgorithm. Default: 'auto'. */
  algorithm?: ConvAlgorithm;
}

/**
 * 'direct' sums products as the formula says. The others are the minimal filtering of Winograd (Lavin and Gray, 2016), in
 * one group: 'winograd2' and 'winograd4' for stride 1 and the same dilation along both sides, with tiles of 2 × 2 and
 * 4 × 4 outputs, take 2.25 and 4 times fewer multiplications for kernels of 3 × 3, 'winograd2' 2.8 times fewer for 5 × 5;
 * 'polyphase', for kernels of 3 × 3 with stride 2 and dilation 1, 1.8 times fewer. Their rounding errors are a few times
 * as large. 'auto' takes what a model of their costs finds cheapest.
 */
export type ConvAlgorithm = 'auto' | 'direct' | 'polyphase' | 'winograd2' | 'winograd4';

/**
 * 2-D convolution (cross-correlation, as the field calls it): y[n, i, j, k] = bias[k] + Σ_{u,v,c}
 * x[n, i·stride + u·dilation − padding, j·stride + v·dilation − padding, c]·weight[u, v, c, k], plus `residual` where
 * given, and max(0, ·) of that with `relu`.
 *
 * While nothing writes to the weight, it is packed or transformed for its algorithm once: from its second use on a copy
 * as large as the weight, or with Winograd's up to four times as large, stays in memory beside it.
 *
 * @param x images [N, H, W, C]
 * @param weight kernels [KH, KW, C/groups, K]
 * @param bias [K], or null
 * @returns [N, OH, OW, K] with OH = ⌊(H + padding − dilation·(KH − 1) − 1)/stride⌋ + 1, and OW likewise
 * @throws RangeError where shapes do not fit or the kernel does not fit into the padded image
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv2dOptions = {},
): Tensor {
  const { residual, relu = false, moments = false, algorithm = 'auto' } = options;
  const moves = convMoves(weight, options);
  const added = [handleOrNull(bias), handleOrNull(residual)] as const;
  const y = new Tensor(
    native.conv2d(handleOf(x), handleOf(weight), ...added, ...moves, relu, moments, algorithm),
    'f32',
  );
  const inputs = [x, weight, ...(bias ? [bias] : []), ...(residual ? [residual] : [])];
  if (!inputs.some((input) => input.requiresGrad)) return y;
  const [xShape, weightShape] = [x.shape, weight.shape];
  const saved = relu ? ([x, weight, y] as const) : ([x, weight] as const);
  return record('conv2d', y, inputs, saved, (g, [image, kernels, out], [needX, needWeight, ...needAdded]) => {
    const needBias = bias ? needAdded.shift() : false;
    const [dy, byBias] = reluBiasGradients(g, out, needBias);
    // By the weight first: the image is not needed any more when memory for its gradient is taken.
    const byWeight = needWeight
      ? new Tensor(native.conv2dByWeight(dy.handle, image.handle, weightShape, ...moves, algorithm), 'f32')
      : null;
    const byX = needX
      ? new Tensor(native.conv2dByInput(dy.handle, kernels.handle, xShape, ...moves, algorithm), 'f32')
      : null;
    return [byX, byWeight, ...(bias ? [byBias] : []), ...(residual ? [dy] : [])];
  });
}
