import { native } from '../native.js';
import { handleOf, requireLive, scope, Tensor } from '../tensor.js';
import { tensor } from './creation.js';
import { linear } from './matmul.js';
import { broadcastTo } from './movement.js';

/** Refuses what has no three channels. */
function requireColors(operation: string, x: Tensor): void {
  const { shape } = requireLive(operation, 'input', x);
  if (shape.at(-1) !== 3) {
    throw new RangeError(
      `${operation}: input [${shape.join(', ')}] has ${shape.at(-1) ?? 'no'} channels, wants 3`,
    );
  }
}

/** x·matrix + offset for every pixel. */
function mapped(
  operation: string,
  x: Tensor,
  matrix: readonly number[][],
  offset?: readonly number[],
): Tensor {
  requireColors(operation, x);
  return scope(() => linear(x, tensor(matrix), offset ? tensor([...offset]) : null));
}

/** The inverse of a matrix [3, 3]. */
function inverse(m: readonly number[][]): number[][] {
  const at = (i: number, j: number) => m[i % 3]![j % 3]!;
  const minor = (i: number, j: number) =>
    at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1);
  const determinant = [0, 1, 2].reduce((sum, j) => sum + at(0, j) * minor(0, j), 0);
  return [0, 1, 2].map((i) => [0, 1, 2].map((j) => minor(j, i) / determinant));
}

/** ITU-R BT.601: the shares of red, green and blue in luminance. */
const [red, green, blue] = [0.299, 0.587, 0.114];

/** Luminance and scaled differences to it, of blue and of red, as columns. */
function differences(ofBlue: number, ofRed: number): number[][] {
  return [
    [red, -red * ofBlue, (1 - red) * ofRed],
    [green, -green * ofBlue, -green * ofRed],
    [blue, (1 - blue) * ofBlue, -blue * ofRed],
  ];
}

const yuv = differences(0.492, 0.877);
const ycbcr = differences(1 / 1.772, 1 / 1.402);
const middle = [0, 0.5, 0.5];

/**
 * Red, green, blue [..., 3] in [0, 1] as hue (red 0, green ⅓, blue ⅔), saturation and value, all in [0, 1] (Smith,
 * "Color gamut transform pairs", 1978). The hue of grey is 0. Not followed by autograd.
 */
export function rgbToHsv(x: Tensor): Tensor {
  return new Tensor(native.rgbToHsv(handleOf(x)), 'f32');
}

/** The way back from rgbToHsv; hues count modulo 1. */
export function hsvToRgb(x: Tensor): Tensor {
  return new Tensor(native.hsvToRgb(handleOf(x)), 'f32');
}

/** Y = 0.299·R + 0.587·G + 0.114·B, U = 0.492·(B − Y), V = 0.877·(R − Y) of [..., 3], as in PAL. */
export function rgbToYuv(x: Tensor): Tensor {
  return mapped('rgbToYuv', x, yuv);
}

/** The way back from rgbToYuv. */
export function yuvToRgb(x: Tensor): Tensor {
  return mapped('yuvToRgb', x, inverse(yuv));
}

/**
 * Y as in rgbToYuv, Cb = ½ + (B − Y)/1.772, Cr = ½ + (R − Y)/1.402 of [..., 3], as in JPEG files (ITU-T T.871): all in
 * [0, 1].
 */
export function rgbToYcbcr(x: Tensor): Tensor {
  return mapped('rgbToYcbcr', x, ycbcr, middle);
}

/** The way back from rgbToYcbcr. */
export function ycbcrToRgb(x: Tensor): Tensor {
  const back = inverse(ycbcr);
  const offset = back[0]!.map((_, j) => -middle.reduce((sum, value, i) => sum + value * back[i]![j]!, 0));
  return mapped('ycbcrToRgb', x, back, offset);
}

/** The shares of colours in grey that torchvision takes. */
const greyShares = [[0.2989], [0.587], [0.114]];

/**
 * 0.2989·R + 0.587·G + 0.114·B of [..., 3].
 *
 * @param channels 1, or 3 for the same value three times. Default: 1.
 */
export function rgbToGrayscale(x: Tensor, channels: 1 | 3 = 1): Tensor {
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`rgbToGrayscale: channels is ${String(channels)}, wants 1 or 3`);
  }
  const grey = mapped('rgbToGrayscale', x, greyShares);
  if (channels === 1) return grey;
  using one = grey;
  return broadcastTo(one, x.shape);
}

/**
 * Images [N, H, W, 1 or 3] in [0, 1] changed in four ways, each by a factor of its own and in an order of its own; what
 * comes out is held within [0, 1]. Not followed by autograd.
 *
 * - 0, brightness: v·f
 * - 1, contrast: f·v + (1 − f)·(the image's mean grey)
 * - 2, saturation: f·v + (1 − f)·(the pixel's grey), of three channels
 * - 3, hue: moved by f, in turns, of three channels
 *
 * @param factors [N, 4]: f of each
 * @param order i32 [N, 4]: which of them comes first, second, …; 4 for none
 */
export function adjustColors(x: Tensor, factors: Tensor, order: Tensor<'i32'>): Tensor {
  return new Tensor(native.adjustColors(handleOf(x), handleOf(factors), handleOf(order)), 'f32');
}
