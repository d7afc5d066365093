import type { Tensor } from '../tensor.js';
import type { Conv2dOptions, Padding } from './conv.js';
import { pair, sides } from './pair.js';

/** How the kernel moves over the image, as the native side takes it; padding is [top, bottom, left, right]. */
export type ConvMoves = readonly [stride: number[], padding: number[], dilation: number[], groups: number];

export function convMoves(weight: Tensor, options: Conv2dOptions): ConvMoves {
  const stride = pair('conv2d', 'stride', options.stride ?? 1);
  const dilation = pair('conv2d', 'dilation', options.dilation ?? 1);
  const given = options.padding ?? 0;
  const kernel = given === 'same' ? weight.shape : [];
  return [stride, paddingOf(given, kernel, stride, dilation), dilation, options.groups ?? 1];
}

/** [top, bottom, left, right] */
function paddingOf(
  padding: Padding,
  kernel: readonly number[],
  stride: number[],
  dilation: number[],
): number[] {
  if (padding === 'valid') return [0, 0, 0, 0];
  if (padding === 'same') {
    if (stride.some((step) => step !== 1)) {
      throw new RangeError(`conv2d: padding 'same' wants stride 1, got [${stride.join(', ')}]`);
    }
    return [0, 1].flatMap((axis) => {
      const total = (dilation[axis] ?? 1) * ((kernel[axis] ?? 1) - 1);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
  }
  return sides('conv2d', padding);
}
