import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';

export interface LocalResponseNormOptions {
  /** How much neighbours count. Default: 1e-4. */
  alpha?: number | undefined;
  /** The exponent; 0.75 is computed faster than others. Default: 0.75. */
  beta?: number | undefined;
  /** What is added to the neighbours' energy. Default: 1. */
  k?: number | undefined;
}

/**
 * Local response normalization (Krizhevsky et al., 2012, section 3.3) of [..., C], in PyTorch's form: each channel c is
 * divided by a power of the energy of `size` channels around it,
 *
 *     y[c] = x[c] / (k + alpha/size · Σⱼ x[j]²)^beta,   j from c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋, within [0, C).
 *
 * @throws RangeError for a scalar, size below 1, alpha or beta below 0, and k that is not above 0; TypeError for what is no
 * f32 tensor.
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
): Tensor {
  const y = new Tensor(native.localResponseNorm(handleOf(x), size, alpha, beta, k), 'f32');
  return record('localResponseNorm', y, [x], [x], (g, [input]) => [
    new Tensor(native.localResponseNormBackward(g.handle, input.handle, size, alpha, beta, k), 'f32'),
  ]);
}
