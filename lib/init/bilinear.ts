import { describe } from '../describe.js';
import { tensor as tensorOf } from '../ops/creation.js';
import type { Tensor } from '../tensor.js';
import { fillWith, requireTarget } from './fill.js';

export interface BilinearOptions {
  /** Groups of the transposed convolution; each passes its own channels on. Default: 1. */
  groups?: number;
}

/** How much each place of a kernel of `size` places counts: 1 in the middle, in equal steps down to the border. */
function slope(size: number): number[] {
  const reach = Math.ceil(size / 2);
  const centre = size % 2 === 1 ? reach - 1 : reach - 0.5;
  return Array.from({ length: size }, (_, i) => 1 - Math.abs(i - centre) / reach);
}

/**
 * Weights with which a transposed convolution [KH, KW, K/groups, C] enlarges each channel bilinearly (Long, Shelhamer and
 * Darrell, 2015): (1 − |u − m|/r)·(1 − |v − m|/r) from each input channel to the output channel of the same number (of each
 * group), else 0, with r = ⌈size/2⌉ and m in the middle of the kernel. For s times the size: a kernel of 2s, stride s,
 * padding s/2.
 *
 * @throws RangeError for another number of axes than 4, and groups that do not divide the inputs
 */
export function bilinear<T extends Tensor>(tensor: T, { groups = 1 }: BilinearOptions = {}): T {
  const { shape } = requireTarget('bilinear', tensor);
  const [height, width, outputs, inputs] = shape as [number, number, number, number];
  if (shape.length !== 4) throw new RangeError(`bilinear: tensor has shape ${describe(shape)}, wants 4 axes`);
  if (!Number.isInteger(groups) || groups < 1 || inputs % groups !== 0) {
    throw new RangeError(`bilinear: groups is ${describe(groups)}, wants a divisor of the ${inputs} inputs`);
  }
  const values = new Float32Array(tensor.size);
  const each = inputs / groups;
  const across = slope(width);
  for (const [u, down] of slope(height).entries()) {
    for (const [v, factor] of across.entries()) {
      const place = (u * width + v) * outputs;
      for (let c = 0; c < inputs; c++) {
        const k = c % each;
        if (k < outputs) values[(place + k) * inputs + c] = down * factor;
      }
    }
  }
  return fillWith(tensor, tensorOf(values, shape));
}
