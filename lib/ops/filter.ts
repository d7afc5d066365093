import { tensor } from './creation.js';
import { conv2d } from './conv.js';
import { broadcastTo, reshape } from './movement.js';
import { requireLive, scope, Tensor } from '../tensor.js';

function requireSize(operation: string, size: number): void {
  if (!Number.isInteger(size) || size < 1 || size % 2 === 0 || size > 1001) {
    throw new RangeError(`${operation}: size is ${size}, wants an odd number from 1 to 1001`);
  }
}

/** A kernel [size, size] that takes the mean of what it covers. */
export function meanKernel(size = 3): Tensor {
  requireSize('meanKernel', size);
  return tensor(new Float32Array(size * size).fill(1 / size ** 2), [size, size]);
}

/**
 * A kernel [size, size] of the normal distribution, e^(−(u² + v²)/2σ²) at distance (u, v) from its centre, scaled to the
 * sum 1: it blurs without the edges that a mean leaves.
 *
 * @param sigma in pixels. Default: 0.3·((size − 1)/2 − 1) + 0.8, as in OpenCV.
 */
export function gaussianKernel(size = 5, sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8): Tensor {
  requireSize('gaussianKernel', size);
  if (!(sigma > 0 && sigma < Infinity)) {
    throw new RangeError(`gaussianKernel: sigma is ${sigma}, wants a number above 0`);
  }
  const middle = (size - 1) / 2;
  const row = Array.from({ length: size }, (_, i) => Math.exp(-((i - middle) ** 2) / (2 * sigma ** 2)));
  const sum = row.reduce((total, v) => total + v, 0);
  return tensor(Float32Array.from(row.flatMap((v) => row.map((u) => (u * v) / sum ** 2))), [size, size]);
}

/**
 * Sobel's kernel (1968): the slope along an axis, smoothed across it. [[−1, 0, 1], [−2, 0, 2], [−1, 0, 1]] along 'x', from
 * left to right; its transpose along 'y', downwards.
 */
export function sobelKernel(axis: 'x' | 'y'): Tensor {
  if (axis !== 'x' && axis !== 'y') {
    throw new RangeError(`sobelKernel: axis is ${String(axis)}, wants 'x' or 'y'`);
  }
  const across = [-1, 0, 1, -2, 0, 2, -1, 0, 1];
  const down = [-1, -2, -1, 0, 0, 0, 1, 2, 1];
  return tensor(Float32Array.from(axis === 'x' ? across : down), [3, 3]);
}

/** The Laplacian ∂²/∂x² + ∂²/∂y²: [[0, 1, 0], [1, −4, 1], [0, 1, 0]], or of all eight neighbours, with −8. */
export function laplacianKernel({ diagonals = false }: { diagonals?: boolean } = {}): Tensor {
  const neighbours = diagonals ? [1, 1, 1, 1, -8, 1, 1, 1, 1] : [0, 1, 0, 1, -4, 1, 0, 1, 0];
  return tensor(Float32Array.from(neighbours), [3, 3]);
}

/** The image minus its Laplacian: [[0, −1, 0], [−1, 5, −1], [0, −1, 0]]. */
export function sharpenKernel(): Tensor {
  return tensor(Float32Array.from([0, -1, 0, -1, 5, -1, 0, -1, 0]), [3, 3]);
}

/**
 * Each channel of images [N, H, W, C] through the same kernel [KH, KW]: y[n, i, j, c] = Σ_{u,v} x[n, i + u − KH/2, …, c]·
 * kernel[u, v]. A correlation, as in a network's convolution: the kernel is not turned over.
 *
 * @param padding 'same' keeps the size, with zeros around; 'valid' takes whole windows alone. Default: 'same'.
 * @throws TypeError, RangeError for tensors of other ranks or dtypes
 */
export function filter2d(
  x: Tensor,
  kernel: Tensor,
  { padding = 'same' }: { padding?: 'same' | 'valid' } = {},
): Tensor {
  const { shape } = requireLive('filter2d', 'input', x);
  const size = requireLive('filter2d', 'kernel', kernel).shape;
  if (shape.length !== 4) {
    throw new RangeError(`filter2d: input [${shape.join(', ')}] has ${shape.length} axes, wants 4`);
  }
  if (size.length !== 2) {
    throw new RangeError(`filter2d: kernel [${size.join(', ')}] has ${size.length} axes, wants 2`);
  }
  const channels = shape[3]!;
  return scope(() => {
    const each = broadcastTo(reshape(kernel, [...size, 1, 1]), [...size, 1, channels]);
    return conv2d(x, each, null, { padding, groups: Math.max(1, channels) });
  });
}
