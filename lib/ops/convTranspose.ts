import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';
import { pair, sides, type Pair } from './pair.js';
import { reluBiasGradients } from './reluBias.js';

export interface ConvTranspose2dOptions {
  /** Step of the kernel in the output; a number or [height, width]. Default: 1. */
  stride?: Pair;
  /** Taken off the output: on all sides the same, [height, width] or [top, bottom, left, right]. Default: 0. */
  padding?: Pair | readonly [number, number, number, number];
  /** Rows and columns added at the bottom and at the right, fewer than the stride. Default: 0. */
  outputPadding?: Pair;
  /** Distance between the kernel's taps. Default: 1. */
  dilation?: Pair;
  /** Parts into which channels are divided, each with kernels of its own. Default: 1. */
  groups?: number;
  /** Applies ReLU in the same pass. Default: false. */
  relu?: boolean;
}

/**
 * 2-D transposed convolution, the gradient of a convolution by its input: each pixel lays a copy of the kernel, scaled
 * by its values, on the output. y[n, i·stride + u·dilation − padding, j·stride + v·dilation − padding, k] = bias[k] +
 * Σ_{i,u,j,v,c} x[n, i, j, c]·weight[u, v, k, c] (Zeiler et al., Deconvolutional Networks, 2010).
 *
 * @param x images [N, H, W, C]
 * @param weight kernels [KH, KW, K/groups, C], those of the convolution from K channels to C that this one transposes;
 * PyTorch's [C, K/groups, KH, KW] permuted by (2, 3, 1, 0)
 * @param bias [K], or null
 * @returns [N, OH, OW, K] with OH = (H − 1)·stride − padding + dilation·(KH − 1) + outputPadding + 1, where padding is
 * that of both sides, and OW likewise
 * @throws RangeError where shapes do not fit or nothing is left of the output
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTranspose2dOptions = {},
): Tensor {
  const { groups = 1, relu = false, padding = 0 } = options;
  const stride = pair('convTranspose2d', 'stride', options.stride ?? 1);
  const dilation = pair('convTranspose2d', 'dilation', options.dilation ?? 1);
  const more = pair('convTranspose2d', 'outputPadding', options.outputPadding ?? 0);
  const moves = [stride, sides('convTranspose2d', padding), dilation] as const;
  const biasHandle = bias === null ? null : handleOf(bias);
  const y = new Tensor(
    native.convTranspose2d(handleOf(x), handleOf(weight), biasHandle, ...moves, more, groups, relu),
    'f32',
  );
  const inputs = bias ? [x, weight, bias] : [x, weight];
  if (!inputs.some((input) => input.requiresGrad)) return y;
  const weightShape = weight.shape;
  const saved = relu ? ([x, weight, y] as const) : ([x, weight] as const);
  return record(
    'convTranspose2d',
    y,
    inputs,
    saved,
    (g, [image, kernels, out], [needX, needWeight, needBias]) => {
      const [dy, byBias] = reluBiasGradients(g, out, needBias);
      const byX = () =>
        native.conv2d(dy.handle, kernels.handle, null, null, ...moves, groups, false, false, 'auto');
      const byWeight = () =>
        native.conv2dByWeight(image.handle, dy.handle, weightShape, ...moves, groups, 'auto');
      return [
        needX ? new Tensor(byX(), 'f32') : null,
        needWeight ? new Tensor(byWeight(), 'f32') : null,
        byBias,
      ];
    },
  );
}
