import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';
import { nextStream } from './creation.js';

/**
 * Draws of 0 and 1: 1 with the probability that stands at each place of p, else 0. Below 0 is as 0, above 1 as 1; NaN
 * stays NaN. Not followed by autograd: a draw has no derivative.
 *
 * @param p f32, of any shape.
 */
export function bernoulli(p: Tensor): Tensor {
  return new Tensor(native.bernoulli(handleOf(p), ...nextStream()), 'f32');
}
