import { gradEnabled, record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { handleOf, Tensor, type DType } from '../tensor.js';
import { pair, sides, type Pair } from './pair.js';

export interface PoolOptions {
  /** Steps from window to window. Default: the kernel's size. */
  stride?: Pair | undefined;
  /** Places added on both sides of the image, or [top, bottom, left, right]; at most half the kernel. Default: 0. */
  padding?: Pair | readonly [number, number, number, number] | undefined;
  /** Whether a last window that is cut off counts, if it starts inside the image or the padding before it. Default: false. */
  ceilMode?: boolean | undefined;
}

export interface MaxPoolOptions extends PoolOptions {
  /** Steps from place to place within a window. Default: 1. */
  dilation?: Pair | undefined;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether the mean counts padding, as zeros. Default: true. */
  countIncludePad?: boolean | undefined;
}

/** Kernel, stride and padding as the native side takes them. */
function windows(operation: string, kernelSize: Pair, { stride, padding = 0 }: PoolOptions) {
  const kernel = pair(operation, 'kernelSize', kernelSize);
  return {
    kernel,
    steps: pair(operation, 'stride', stride ?? kernel),
    margins: sides(operation, padding),
  };
}

/** What max pooling gives with `returnIndices`. */
export interface PooledWithIndices {
  output: Tensor;
  /** Of the output's shape: where in its image, counted as row·W + column, each value was; −1 for nowhere. */
  indices: Tensor<'i32'>;
}

/** Whether indices are asked for. */
export function wantsIndices(operation: string, options: { returnIndices?: unknown }): boolean {
  const { returnIndices = false } = options;
  if (typeof returnIndices === 'boolean') return returnIndices;
  throw new TypeError(`${operation}: returnIndices is ${describe(returnIndices)}, wants true or false`);
}

/**
 * The largest value of each window: y[n, i, j, c] = max x[n, i·stride − padding + u·dilation, …, c] over the places
 * (u, v) of a window that lie in the image. What is no number wins over every number.
 *
 * [N, H, W, C] → [N, OH, OW, C] with OH = ⌊(H + 2·padding − dilation·(kernelSize − 1) − 1) / stride⌋ + 1, rounded up
 * with `ceilMode`. The gradient of a window goes to the first of its largest values.
 *
 * @param options `returnIndices` asks for the places of the largest values as well, for maxUnpool2d
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and windows that do not fit.
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPoolOptions & { returnIndices: true },
): PooledWithIndices;
export function maxPool2d(x: Tensor, kernelSize: Pair, options?: MaxPoolOptions): Tensor;
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPoolOptions & { returnIndices?: true } = {},
): Tensor | PooledWithIndices {
  const { kernel, steps, margins } = windows('maxPool2d', kernelSize, options);
  const dilation = pair('maxPool2d', 'dilation', options.dilation ?? 1);
  const { ceilMode = false } = options;
  const returned = wantsIndices('maxPool2d', options);
  const recorded = gradEnabled() && x instanceof Tensor && x.requiresGrad;
  const given = [kernel, steps, margins, dilation] as const;
  const [output, inWindows] = native.maxPool2d(handleOf(x), ...given, ceilMode, returned || recorded);
  const y = new Tensor(output, 'f32');
  if (inWindows === null) return y;
  using chosen = new Tensor<DType>(inWindows, native.dtype(inWindows));
  const { shape } = x;
  record('maxPool2d', y, [x], [chosen], (g, [places]) => [
    new Tensor(native.maxPool2dBackward(g.handle, places.handle, shape, ...given), 'f32'),
  ]);
  if (!returned) return y;
  const indices = new Tensor(native.maxPool2dPlaces(inWindows, shape, ...given, ceilMode), 'i32');
  return { output: y, indices };
}

/**
 * The mean of each window: y[n, i, j, c] = Σ x[n, i·stride − padding + u, …, c] / count over the places (u, v) of a
 * window that lie in the image, where count is that of these places or, with `countIncludePad`, of those in the padding
 * as well.
 *
 * [N, H, W, C] → [N, OH, OW, C] with OH = ⌊(H + 2·padding − kernelSize) / stride⌋ + 1, rounded up with `ceilMode`.
 *
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and windows that do not fit.
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPoolOptions = {}): Tensor {
  const { kernel, steps, margins } = windows('avgPool2d', kernelSize, options);
  const { ceilMode = false, countIncludePad = true } = options;
  const y = new Tensor(
    native.avgPool2d(handleOf(x), kernel, steps, margins, ceilMode, countIncludePad),
    'f32',
  );
  const { shape } = x;
  return record('avgPool2d', y, [x], [], (g) => [
    new Tensor(native.avgPool2dBackward(g.handle, shape, kernel, steps, margins, countIncludePad), 'f32'),
  ]);
}
