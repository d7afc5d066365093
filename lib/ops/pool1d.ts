import type { Tensor } from '../tensor.js';
import { adaptiveAvgPool2d, adaptiveMaxPool2d } from './adaptivePool.js';
import { avgPool2d, maxPool2d, wantsIndices, type PooledWithIndices } from './pool.js';
import { alone, asRow, asSequence } from './sequences.js';

export interface Pool1dOptions {
  /** Steps from window to window. Default: the kernel's size. */
  stride?: number | undefined;
  /** Places added at both ends, at most half the kernel. Default: 0. */
  padding?: number | undefined;
  /** Whether a last window that is cut off counts, if it starts in the sequence or the padding before it. Default: false. */
  ceilMode?: boolean | undefined;
}

export interface MaxPool1dOptions extends Pool1dOptions {
  /** Steps from place to place within a window. Default: 1. */
  dilation?: number | undefined;
}

export interface AvgPool1dOptions extends Pool1dOptions {
  /** Whether the mean counts padding, as zeros. Default: true. */
  countIncludePad?: boolean | undefined;
}

/** The windows of a sequence as those of an image of one row. */
function inRow(operation: string, kernelSize: number, { stride, padding = 0, ceilMode }: Pool1dOptions) {
  const kernel = alone(operation, 'kernelSize', kernelSize);
  return {
    kernel: [1, kernel] as const,
    options: {
      stride: [1, alone(operation, 'stride', stride ?? kernel)],
      padding: [0, alone(operation, 'padding', padding)],
      ceilMode,
    } as const,
  };
}

/** The same with the indices of a row's columns. */
function withIndices({ output, indices }: PooledWithIndices): PooledWithIndices {
  return { output: asSequence(output), indices: asSequence(indices) };
}

/**
 * The largest value of each window: y[n, i, c] = max x[n, i·stride − padding + u·dilation, c] over the places u of a
 * window that lie in the sequence; see maxPool2d, whose errors name the width.
 *
 * [N, L, C] → [N, OL, C] with OL = ⌊(L + 2·padding − dilation·(kernelSize − 1) − 1) / stride⌋ + 1, rounded up with
 * `ceilMode`
 *
 * @param options `returnIndices` asks for the places in the sequence as well, for maxUnpool1d
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and windows that do not fit.
 */
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options: MaxPool1dOptions & { returnIndices: true },
): PooledWithIndices;
export function maxPool1d(x: Tensor, kernelSize: number, options?: MaxPool1dOptions): Tensor;
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options: MaxPool1dOptions & { returnIndices?: true } = {},
): Tensor | PooledWithIndices {
  const windows = inRow('maxPool1d', kernelSize, options);
  const dilation = [1, alone('maxPool1d', 'dilation', options.dilation ?? 1)] as const;
  const given = { ...windows.options, dilation };
  const returned = wantsIndices('maxPool1d', options);
  using row = asRow('maxPool1d', 'input', x);
  if (returned) return withIndices(maxPool2d(row, windows.kernel, { ...given, returnIndices: true }));
  return asSequence(maxPool2d(row, windows.kernel, given));
}

/**
 * The mean of each window: y[n, i, c] = Σ x[n, i·stride − padding + u, c] / count; see avgPool2d, whose errors name the
 * width.
 *
 * [N, L, C] → [N, OL, C] with OL = ⌊(L + 2·padding − kernelSize) / stride⌋ + 1, rounded up with `ceilMode`
 *
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and windows that do not fit.
 */
export function avgPool1d(x: Tensor, kernelSize: number, options: AvgPool1dOptions = {}): Tensor {
  const { kernel, options: given } = inRow('avgPool1d', kernelSize, options);
  const { countIncludePad } = options;
  using row = asRow('avgPool1d', 'input', x);
  return asSequence(avgPool2d(row, kernel, { ...given, countIncludePad }));
}

/**
 * The mean of each of outputSize windows, spread evenly over the sequence; see adaptiveAvgPool2d.
 *
 * [N, L, C] → [N, outputSize, C]
 *
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and sizes below 1.
 */
export function adaptiveAvgPool1d(x: Tensor, outputSize: number): Tensor {
  const length = alone('adaptiveAvgPool1d', 'outputSize', outputSize);
  using row = asRow('adaptiveAvgPool1d', 'input', x);
  return asSequence(adaptiveAvgPool2d(row, [1, length]));
}

/**
 * The largest value of each of outputSize windows, spread evenly over the sequence; see adaptiveMaxPool2d.
 *
 * [N, L, C] → [N, outputSize, C]
 *
 * @param options `returnIndices` asks for the places in the sequence as well, for maxUnpool1d
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and sizes below 1.
 */
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: number,
  options: { returnIndices: true },
): PooledWithIndices;
export function adaptiveMaxPool1d(x: Tensor, outputSize: number): Tensor;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: number,
  options: { returnIndices?: true } = {},
): Tensor | PooledWithIndices {
  const size = [1, alone('adaptiveMaxPool1d', 'outputSize', outputSize)] as const;
  const returned = wantsIndices('adaptiveMaxPool1d', options);
  using row = asRow('adaptiveMaxPool1d', 'input', x);
  if (returned) return withIndices(adaptiveMaxPool2d(row, size, { returnIndices: true }));
  return asSequence(adaptiveMaxPool2d(row, size));
}
