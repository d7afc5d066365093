import { describe } from '../describe.js';
import type { Shape } from '../tensor.js';
import { requireNumber } from './fill.js';

/** How many inputs each output of a layer sums up, and how many outputs each input goes into. */
export interface Fans {
  fanIn: number;
  fanOut: number;
}

/**
 * The fans of weights in striate's layouts: of a linear layer [in, out], in and out; of a convolution
 * [..., C/groups, K], whose kernel has R places, R·C/groups and R·K. They are what PyTorch counts for the same layer, also
 * for transposed convolutions [..., outChannels/groups, inChannels].
 *
 * @throws RangeError for fewer than 2 axes
 */
export function fans(shape: Shape): Fans {
  const [inputs, outputs] = shape.slice(-2);
  if (inputs === undefined || outputs === undefined) {
    throw new RangeError(`fans: shape ${describe(shape)} has ${shape.length} axes, wants at least 2`);
  }
  const places = shape.slice(0, -2).reduce((n, extent) => n * extent, 1);
  return { fanIn: places * inputs, fanOut: places * outputs };
}

/** What follows a layer; 'linear' for nothing. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/**
 * The factor by which weights in front of a nonlinearity are to be larger, so that values neither grow nor shrink from
 * layer to layer: 1 for 'linear' and 'sigmoid', 5/3 for 'tanh', √2 for 'relu', √(2/(1 + slope²)) for 'leakyRelu', ¾ for
 * 'selu', as in PyTorch.
 *
 * @param slope of leakyRelu below 0. Default: 0.01.
 * @throws RangeError for another nonlinearity
 */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + requireNumber('calculateGain', 'slope', slope) ** 2));
    case 'selu':
      return 3 / 4;
    default:
      throw new RangeError(
        `calculateGain: nonlinearity is ${describe(nonlinearity)}, ` +
          `wants 'linear', 'sigmoid', 'tanh', 'relu', 'leakyRelu' or 'selu'`,
      );
  }
}
