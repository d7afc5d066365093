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

/**
 * Brings the elements of the parameters' gradients into [−clipValue, clipValue], in place. Parameters without a gradient
 * are passed over. The option `clipValue` of an optimizer does the same on the way, without a pass over memory.
 *
 * @throws RangeError for clipValue below 0 or NaN
 */
export function clipGradValue(parameters: Iterable<Tensor>, clipValue: number): void {
  const gradients = [...parameters].flatMap(({ grad }) => grad ?? []);
  native.clipGradValue(gradients.map(handleOf), clipValue);
  for (const gradient of gradients) gradient.versions.changes++;
}

/**
 * Scales the weights of each unit, w[…, unit] of a parameter with two or more axes, in place so that their norm is at most
 * `maxNorm` (Srivastava et al., 2014): what the option `maxNorm` of an optimizer does after each step. Others stay.
 *
 * @throws RangeError for maxNorm that is not above 0
 */
export function clipMaxNorm(parameters: Iterable<Tensor>, maxNorm: number): void {
  const list = [...parameters];
  native.clipMaxNorm(list.map(handleOf), maxNorm);
  for (const parameter of list) parameter.versions.changes++;
}
