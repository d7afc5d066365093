import { describe } from '../describe.js';
import { requireLive, type Tensor } from '../tensor.js';
import { adaptiveAvgPool2d, adaptiveMaxPool2d } from './adaptivePool.js';
import { reshape } from './movement.js';

export interface GlobalPoolOptions {
  /** Whether height and width stay, with extent 1. Default: false. */
  keepDims?: boolean | undefined;
}

/** Pools whole images, and takes off height and width where they are not to stay. */
function wholeImages(
  operation: string,
  x: Tensor,
  { keepDims = false }: GlobalPoolOptions,
  pool: (x: Tensor) => Tensor,
): Tensor {
  const { shape, dtype } = requireLive(operation, 'input', x);
  if (dtype !== 'f32') throw new TypeError(`${operation}: input is ${String(dtype)}, wants dtype f32`);
  if (typeof keepDims !== 'boolean') {
    throw new TypeError(`${operation}: keepDims is ${describe(keepDims)}, wants true or false`);
  }
  const [images = 0, height, width, channels = 0] = shape;
  if (shape.length !== 4 || height === 0 || width === 0) {
    throw new RangeError(
      `${operation}: input is [${shape.join(', ')}], wants [N, H, W, C] with H and W above 0`,
    );
  }
  if (keepDims) return pool(x);
  using pooled = pool(x);
  return reshape(pooled, [images, channels]);
}

/**
 * The mean of each image (Lin, Chen and Yan, 2013, section 3.2): y[n, c] = Σ x[n, i, j, c] / (H·W).
 *
 * [N, H, W, C] → [N, C], or [N, 1, 1, C] with `keepDims`
 *
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and images of nothing.
 */
export function globalAvgPool2d(x: Tensor, options: GlobalPoolOptions = {}): Tensor {
  return wholeImages('globalAvgPool2d', x, options, (images) => adaptiveAvgPool2d(images, 1));
}

/**
 * The largest value of each image: y[n, c] = max x[n, i, j, c]. What is no number wins over every number; the gradient
 * goes to the first of the largest values.
 *
 * [N, H, W, C] → [N, C], or [N, 1, 1, C] with `keepDims`
 *
 * @throws TypeError for what is no f32 tensor, RangeError for another rank and images of nothing.
 */
export function globalMaxPool2d(x: Tensor, options: GlobalPoolOptions = {}): Tensor {
  return wholeImages('globalMaxPool2d', x, options, (images) => adaptiveMaxPool2d(images, 1));
}
