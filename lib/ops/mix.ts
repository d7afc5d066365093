import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor } from '../tensor.js';
import { add, mul, sub } from './elementwise.js';
import { reshape } from './movement.js';

/**
 * Samples mixed with others of their batch: y[n] = (1 − share[n])·x[n] + share[n]·x[partners[n]] for x [N, …],
 * partners i32 [N] and share [N]. A negative share goes away from the partner. With derivative by x.
 *
 * @throws StriateError, at the next read, for a partner that is no sample
 */
export function mix(x: Tensor, partners: Tensor<'i32'>, share: Tensor): Tensor {
  const y = new Tensor(native.mix(handleOf(x), handleOf(partners), handleOf(share)), 'f32');
  return record('mix', y, [x], [partners, share], (g, [places, shares]) => {
    const [samples = 0, ...rest] = g.shape;
    const its = reshape(shares, [samples, ...rest.map(() => 1)]);
    const given = native.gatherBackward(mul(g, its).handle, places.handle, samples, 0);
    return [add(mul(g, sub(1, its)), new Tensor(given, 'f32'))];
  });
}

/**
 * For each of labels i32 [N] the number of another sample that has it, the one at place ⌊uniform[n]·k⌋ of the k others;
 * its own where there is none. i32 [N].
 *
 * @param uniform [N], numbers in [0, 1)
 */
export function sameClassPartners(labels: Tensor<'i32'>, uniform: Tensor): Tensor<'i32'> {
  return new Tensor(native.sameClassPartners(handleOf(labels), handleOf(uniform)), 'i32');
}

/**
 * x [N, …], unchanged, where all its values are finite.
 *
 * @param indices the samples' numbers, i32 [N], for the error
 * @throws at the next read of the result or of what depends on it, StriateError that tells the number of the first sample
 *   that has NaN or an infinity, and where
 */
export function checkFinite(x: Tensor, indices: Tensor<'i32'>): Tensor {
  const y = new Tensor(native.checkFinite(handleOf(x), handleOf(indices)), 'f32');
  return record('checkFinite', y, [x], [], (g) => [g]);
}
