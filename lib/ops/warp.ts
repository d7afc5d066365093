import { describe } from '../describe.js';
import { native } from '../native.js';
import { handleOf, handleOrNull, Tensor } from '../tensor.js';
import { perChannel, type PerChannel } from './channels.js';
import { imageShape } from './crop.js';
import { pair, type Pair } from './pair.js';

/** The pixel that is nearest, or what lies between four. */
export type ImageInterpolation = 'nearest' | 'bilinear';

/** Refuses what is none. */
export function requireInterpolation(operation: string, interpolation: unknown): void {
  if (interpolation === 'nearest' || interpolation === 'bilinear') return;
  throw new TypeError(
    `${operation}: interpolation is ${describe(interpolation)}, wants 'nearest' or 'bilinear'`,
  );
}

export interface AffineOptions {
  /** [height, width] of the result, or one number for both. Default: that of the images. */
  size?: Pair | undefined;
  /** Default: 'nearest'. */
  interpolation?: ImageInterpolation | undefined;
  /** What lies beyond an image: `fill`, or the pixel at its border. Default: 'constant'. */
  paddingMode?: 'constant' | 'edge' | undefined;
  /** For all channels, or one for each. Default: 0. */
  fill?: PerChannel | undefined;
}

/**
 * Images [N, H, W, C] seen through affine maps, matrices [N, 2, 3] = [[a, b, c], [d, e, f]]: pixel (x, y) of result n
 * shows what image n has at (a·x + b·y + c, d·x + e·y + f). Places are counted from the centre of the first pixel; between
 * pixels and what lies beyond the image, 'bilinear' goes over evenly. Not followed by autograd.
 *
 * @throws TypeError, RangeError for tensors and options that do not fit
 */
export function affine(
  x: Tensor,
  matrices: Tensor,
  { size, interpolation = 'nearest', paddingMode = 'constant', fill = 0 }: AffineOptions = {},
): Tensor {
  const [, height, width, channels] = imageShape('affine', x);
  requireInterpolation('affine', interpolation);
  if (paddingMode !== 'constant' && paddingMode !== 'edge') {
    throw new TypeError(`affine: paddingMode is ${describe(paddingMode)}, wants 'constant' or 'edge'`);
  }
  const output = size === undefined ? [height, width] : pair('affine', 'size', size);
  using fills = paddingMode === 'edge' ? null : perChannel('affine', 'fill', fill, channels);
  const bilinear = interpolation === 'bilinear';
  return new Tensor(
    native.affine(x.handle, handleOf(matrices), output, bilinear, handleOrNull(fills)),
    'f32',
  );
}

export interface ResizedCropOptions {
  /** [height, width] of the result, or one number for both. */
  size: Pair;
  /** Default: 'bilinear'. */
  interpolation?: ImageInterpolation | undefined;
  /**
   * Whether 'bilinear', where it makes images smaller, takes in all the pixels that one of the result covers, by a
   * triangle of that width; else the two next to its centre. Default: true.
   */
  antialias?: boolean | undefined;
}

/**
 * Parts of images brought to one size: [N, H, W, C] → [N, *size, C]. Row n of `boxes`, i32 [N, 4], is the part's top,
 * left, bottom and right in image n, the last two outside of it; null for the whole images. Not followed by autograd:
 * `interpolate` is.
 *
 * @throws TypeError, RangeError for tensors and options that do not fit; StriateError, at the next read, for a box that
 *   is empty or reaches beyond its image
 */
export function resizedCrop(
  x: Tensor,
  boxes: Tensor<'i32'> | null,
  { size, interpolation = 'bilinear', antialias = true }: ResizedCropOptions,
): Tensor {
  requireInterpolation('resizedCrop', interpolation);
  if (typeof antialias !== 'boolean') {
    throw new TypeError(`resizedCrop: antialias is ${describe(antialias)}, wants true or false`);
  }
  const how = interpolation === 'bilinear' && antialias ? 'bilinear, antialiased' : interpolation;
  const places = boxes === null ? null : handleOf(boxes);
  return new Tensor(native.resizedCrop(handleOf(x), places, pair('resizedCrop', 'size', size), how), 'f32');
}

/**
 * Each image of x [N, H, W, C] through filters of its own, one along columns and one along rows:
 * y[n, i, j, c] = Σ_u Σ_v vertical[n, u]·horizontal[n, v]·x[n, i + u − ⌊U/2⌋, j + v − ⌊V/2⌋, c], with vertical [N, U],
 * horizontal [N, V] and images mirrored at their border pixels. Not followed by autograd: `filter2d` is.
 *
 * @throws RangeError for filters of even size, or half of which is not smaller than the image
 */
export function separableFilter(x: Tensor, vertical: Tensor, horizontal: Tensor): Tensor {
  return new Tensor(native.blur(handleOf(x), handleOf(vertical), handleOf(horizontal)), 'f32');
}
