import { describe } from '../describe.js';
import type { Tensor } from '../tensor.js';
import { conv2d, type Conv2dOptions } from './conv.js';
import { convTranspose2d, type ConvTranspose2dOptions } from './convTranspose.js';
import { reshape } from './movement.js';
import { alone, threeAxes } from './sequences.js';

export interface Conv1dOptions {
  /** Step of the kernel. Default: 1. */
  stride?: number;
  /** Zeros on both sides, [before, after], 'same' or 'valid'; see Conv2dOptions. Default: 0. */
  padding?: number | readonly [number, number] | 'same' | 'valid';
  /** Distance between the kernel's taps. Default: 1. */
  dilation?: number;
  /** Parts into which channels are divided, each with kernels of its own. Default: 1. */
  groups?: number;
  /** Applies ReLU in the same pass. Default: false. */
  relu?: boolean;
}

export interface ConvTranspose1dOptions extends Omit<Conv1dOptions, 'padding'> {
  /** Taken off the output on both sides, or [before, after]. Default: 0. */
  padding?: number | readonly [number, number];
  /** Places added at the end, fewer than the stride. Default: 0. */
  outputPadding?: number;
}

/**
 * 1-D convolution (cross-correlation): y[n, i, k] = bias[k] + Σ_{u,c} x[n, i·stride + u·dilation − padding, c]·weight[u,
 * c, k].
 *
 * @param x sequences [N, L, C]
 * @param weight kernels [KL, C/groups, K]
 * @param bias [K], or null
 * @returns [N, OL, K] with OL = ⌊(L + padding − dilation·(KL − 1) − 1)/stride⌋ + 1, where padding is that of both sides
 * @throws RangeError where shapes do not fit or the kernel does not fit into the padded sequence
 */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv1dOptions = {},
): Tensor {
  const { padding = 0, groups = 1, relu = false } = options;
  const flat: Conv2dOptions = {
    stride: [1, alone('conv1d', 'stride', options.stride ?? 1)],
    dilation: [1, alone('conv1d', 'dilation', options.dilation ?? 1)],
    padding: typeof padding === 'string' ? padding : ends('conv1d', padding),
    groups,
    relu,
  };
  return asRows('conv1d', x, weight, '[KL, C/groups, K]', (rows, kernels) =>
    conv2d(rows, kernels, bias, flat),
  );
}

/**
 * 1-D transposed convolution, the gradient of a convolution by its input: y[n, i·stride + u·dilation − padding, k] =
 * bias[k] + Σ_{i,u,c} x[n, i, c]·weight[u, k, c]; see convTranspose2d.
 *
 * @param x sequences [N, L, C]
 * @param weight kernels [KL, K/groups, C]; PyTorch's [C, K/groups, KL] reversed
 * @param bias [K], or null
 * @returns [N, OL, K] with OL = (L − 1)·stride − padding + dilation·(KL − 1) + outputPadding + 1, where padding is that
 * of both sides
 * @throws RangeError where shapes do not fit or nothing is left of the output
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTranspose1dOptions = {},
): Tensor {
  const name = 'convTranspose1d';
  const { groups = 1, relu = false } = options;
  const flat: ConvTranspose2dOptions = {
    stride: [1, alone(name, 'stride', options.stride ?? 1)],
    dilation: [1, alone(name, 'dilation', options.dilation ?? 1)],
    padding: ends(name, options.padding ?? 0),
    outputPadding: [0, alone(name, 'outputPadding', options.outputPadding ?? 0)],
    groups,
    relu,
  };
  return asRows(name, x, weight, '[KL, K/groups, C]', (rows, kernels) =>
    convTranspose2d(rows, kernels, bias, flat),
  );
}

/** [top, bottom, left, right] of a row. */
function ends(
  operation: string,
  padding: number | readonly [number, number],
): [number, number, number, number] {
  const given: readonly unknown[] = Array.isArray(padding) ? padding : [padding, padding];
  const [before, after] = given;
  if (given.length === 2 && typeof before === 'number' && typeof after === 'number')
    return [0, 0, before, after];
  throw new TypeError(`${operation}: padding is ${describe(padding)}, wants a number or [before, after]`);
}

/** Calls `work` with sequences as images of one row and kernels as theirs, over the same storage. */
function asRows(
  operation: string,
  x: Tensor,
  weight: Tensor,
  weightAxes: string,
  work: (x: Tensor, weight: Tensor) => Tensor,
): Tensor {
  const [images, length, channels] = threeAxes(operation, 'input', x, '[N, L, C]');
  using rows = reshape(x, [images, 1, length, channels]);
  using kernels = reshape(weight, [1, ...threeAxes(operation, 'weight', weight, weightAxes)]);
  using y = work(rows, kernels);
  const [, , points = 0, outputs = 0] = y.shape;
  return reshape(y, [images, points, outputs]);
}
