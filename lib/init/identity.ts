import { describe } from '../describe.js';
import { eye, tensor as tensorOf } from '../ops/creation.js';
import type { Tensor } from '../tensor.js';
import { fillWith, requireTarget } from './fill.js';

/**
 * The identity matrix: a linear layer [in, out] then gives its input, as far as it has outputs.
 *
 * @throws RangeError for another number of axes than 2
 */
export function identity<T extends Tensor>(tensor: T): T {
  const { shape } = requireTarget('identity', tensor);
  const [inputs, outputs] = shape;
  if (shape.length !== 2 || inputs === undefined || outputs === undefined) {
    throw new RangeError(`identity: tensor has shape ${describe(shape)}, wants 2 axes`);
  }
  if (inputs === outputs) return fillWith(tensor, eye(inputs));
  const values = new Float32Array(inputs * outputs);
  for (let i = 0; i < Math.min(inputs, outputs); i++) values[i * outputs + i] = 1;
  return fillWith(tensor, tensorOf(values, shape));
}

export interface DiracOptions {
  /** Groups of the convolution; each passes its own channels on. Default: 1. */
  groups?: number;
}

/**
 * Weights with which a convolution [..., C/groups, K] passes its input channels on: 1 in the middle of the kernel from
 * each input channel to the output channel of the same number (of each group), else 0. With padding 'same', channels come
 * out as they went in, as far as there are outputs (Zagoruyko and Komodakis, "DiracNets", 2017).
 *
 * @throws RangeError for other numbers of axes than 3 and 4 (5 for volumes), and groups that do not divide the outputs
 */
export function dirac<T extends Tensor>(tensor: T, { groups = 1 }: DiracOptions = {}): T {
  const { shape } = requireTarget('dirac', tensor);
  if (shape.length < 3 || shape.length > 5) {
    throw new RangeError(`dirac: tensor has shape ${describe(shape)}, wants 3, 4 or 5 axes`);
  }
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  if (!Number.isInteger(groups) || groups < 1 || outputs % groups !== 0) {
    throw new RangeError(`dirac: groups is ${describe(groups)}, wants a divisor of the ${outputs} outputs`);
  }
  const kernel = shape.slice(0, -2);
  const middle = kernel.reduce((place, extent) => place * extent + Math.floor(extent / 2), 0);
  const values = new Float32Array(tensor.size);
  const each = outputs / groups;
  for (let group = 0; values.length > 0 && group < groups; group++) {
    for (let c = 0; c < Math.min(inputs, each); c++) {
      values[(middle * inputs + c) * outputs + group * each + c] = 1;
    }
  }
  return fillWith(tensor, tensorOf(values, shape));
}
