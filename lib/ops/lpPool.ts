import { noGrad, record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { requireLive, scope, Tensor } from '../tensor.js';
import { div, equal, mul, pow, sqrt, square, where } from './elementwise.js';
import { pair, type Pair } from './pair.js';
import { avgPool2d } from './pool.js';
import { alone, asRow, asSequence } from './sequences.js';

export interface LpPoolOptions {
  /** Steps from window to window. Default: the kernel's size. */
  stride?: Pair | undefined;
  /** Whether a last window that is cut off counts, if it starts in the image. Default: false. */
  ceilMode?: boolean | undefined;
}

export interface LpPool1dOptions {
  /** Steps from window to window. Default: the kernel's size. */
  stride?: number | undefined;
  /** Whether a last window that is cut off counts, if it starts in the sequence. Default: false. */
  ceilMode?: boolean | undefined;
}

/** @throws where the exponent of Lp pooling is none */
export function requireNormType(operation: string, normType: unknown): void {
  if (typeof normType !== 'number') {
    throw new TypeError(`${operation}: normType is ${describe(normType)}, wants a number`);
  }
  if (!(normType > 0 && normType < Infinity)) {
    throw new RangeError(
      `${operation}: normType is ${normType}, wants a finite number above 0; max pooling is its limit at infinity`,
    );
  }
}

/** x to a power, which is mostly 1 or 2. */
function powered(x: Tensor, exponent: number): Tensor {
  if (exponent === 1) return x;
  return exponent === 2 ? square(x) : exponent === 0.5 ? sqrt(x) : pow(x, exponent);
}

/**
 * Power-average pooling (Sermanet, Chintala and LeCun, 2012): y[n, i, j, c] = (Σ x[n, i·stride + u, …, c]^p)^(1/p) over
 * the places (u, v) of a window, with p = normType: the sum for 1, the Euclidean norm for 2. As in PyTorch, signs stay
 * for odd p, and the sum over a window that `ceilMode` cuts off is enlarged to a whole window's number of places.
 *
 * [N, H, W, C] → [N, OH, OW, C] with OH = ⌊(H − kernelSize) / stride⌋ + 1, rounded up with `ceilMode`. The gradient of
 * a window whose result is 0 is 0.
 *
 * @param normType p, above 0 and finite
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and windows that do not fit.
 */
export function lpPool2d(x: Tensor, normType: number, kernelSize: Pair, options: LpPoolOptions = {}): Tensor {
  const name = 'lpPool2d';
  requireNormType(name, normType);
  const [height, width] = pair(name, 'kernelSize', kernelSize);
  const stride = pair(name, 'stride', options.stride ?? [height, width]);
  const { ceilMode = false } = options;
  const { shape } = requireLive(name, 'input', x);
  const places = height * width;
  const y = noGrad(() =>
    scope(() => {
      const means = avgPool2d(powered(x, normType), [height, width], { stride, ceilMode });
      return powered(mul(means, places), 1 / normType);
    }),
  );
  return record(name, y, [x], [x, y], (g, [input, output]) => {
    // dy/dx = (x / y)^(p − 1), times what a window that is cut off is enlarged by.
    const nearby = (by: Tensor) =>
      new Tensor(
        native.avgPool2dBackward(by.handle, shape, [height, width], stride, [0, 0, 0, 0], true),
        'f32',
      );
    const scaled = mul(g, places);
    if (normType === 1) return [nearby(where(equal(output, 0), 0, scaled))];
    const share = normType === 2 ? div(scaled, output) : mul(scaled, pow(output, 1 - normType));
    return [mul(nearby(where(equal(output, 0), 0, share)), powered(input, normType - 1))];
  });
}

/**
 * lpPool2d of sequences: y[n, i, c] = (Σ x[n, i·stride + u, c]^p)^(1/p) over the places u of a window, with p =
 * normType.
 *
 * [N, L, C] → [N, OL, C] with OL = ⌊(L − kernelSize) / stride⌋ + 1, rounded up with `ceilMode`
 *
 * @throws as lpPool2d.
 */
export function lpPool1d(
  x: Tensor,
  normType: number,
  kernelSize: number,
  { stride, ceilMode }: LpPool1dOptions = {},
): Tensor {
  const name = 'lpPool1d';
  requireNormType(name, normType);
  const kernel = alone(name, 'kernelSize', kernelSize);
  const steps = [1, alone(name, 'stride', stride ?? kernel)] as const;
  using row = asRow(name, 'input', x);
  return asSequence(lpPool2d(row, normType, [1, kernel], { stride: steps, ceilMode }));
}
