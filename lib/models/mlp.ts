import { describe } from '../describe.js';
import * as nn from '../nn/index.js';

export interface MLPOptions {
  /** Scores. Default: 10. */
  classes?: number;
  /** Outputs of the layers between. Default: [64, 64]. */
  widths?: readonly number[];
}

/**
 * A multilayer perceptron: linear layers with ReLU between them, for rows of numbers. [N, inputs], or [N, …] of as many
 * numbers, to scores [N, classes].
 *
 * @param inputs numbers of a sample
 */
export function mlp(inputs: number, { classes = 10, widths = [64, 64] }: MLPOptions = {}): nn.Sequential {
  if (!Array.isArray(widths)) throw new TypeError(`mlp: widths is ${describe(widths)}, wants a list`);
  const sizes = [inputs, ...(widths as readonly number[])];
  const between = widths.flatMap((width: number, i: number) => [
    new nn.Linear(sizes[i]!, width),
    new nn.ReLU(),
  ]);
  return new nn.Sequential(new nn.Flatten(), ...between, new nn.Linear(sizes.at(-1)!, classes));
}
