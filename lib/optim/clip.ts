import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';

/**
 * Scales the gradients of the parameters in place so that their norm, of all of them as one vector, is at most `maxNorm`
 * (Pascanu et al., 2013): by min(1, maxNorm/(norm + 1e-6)). Parameters without a gradient are passed over.
 *
 * Gives the norm before, a scalar; `Infinity` for maxNorm only measures it. The option `clipNorm` of an optimizer does
 * the same with one pass over memory fewer.
 *
 * @throws RangeError for maxNorm below 0 or NaN
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): Tensor {
  const gradients = [...parameters].flatMap(({ grad }) => grad ?? []);
  const norm = new Tensor(native.clipGradNorm(gradients.map(handleOf), maxNorm), 'f32');
  for (const gradient of gradients) gradient.versions.changes++;
  return norm;
}
