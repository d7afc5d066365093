import { record, recording } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';

/**
 * Maxout (Goodfellow, Warde-Farley, Mirza, Courville and Bengio, 2013): the largest of each `pieces` neighbouring
 * channels, y[…, c] = max x[…, c·pieces + p] over p from 0 to pieces − 1. What is no number wins over every number.
 *
 * [..., C·pieces] → [..., C]. The gradient goes to the first of the largest.
 *
 * @param pieces from 1 to 256; divides the channels of x
 * @throws RangeError for a scalar, and pieces that do not divide the channels; TypeError for what is no f32 tensor
 */
export function maxout(x: Tensor, pieces: number): Tensor {
  // Only the gradient asks which of the pieces were the largest.
  const wantsPlaces = x instanceof Tensor && recording([x]);
  const [output, places] = native.maxout(handleOf(x), pieces, wantsPlaces);
  const y = new Tensor(output, 'f32');
  if (places === null) return y;
  using chosen = new Tensor(places, 'u8');
  return record('maxout', y, [x], [chosen], (g, [largest]) => [
    new Tensor(native.maxoutBackward(g.handle, largest.handle, pieces), 'f32'),
  ]);
}
