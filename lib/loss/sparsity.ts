import { add, div, log, maximum, minimum, mul, reciprocal, sub } from '../ops/elementwise.js';
import { mean, sum } from '../ops/reduce.js';
import { requireLive, scope, type Tensor } from '../tensor.js';
import { describe } from '../describe.js';

export interface SparsityOptions {
  /** ρ, the mean activation that is wanted of each unit, between 0 and 1. Default: 0.05. */
  readonly rho?: number | undefined;
  /** β, the weight of the penalty, from 0 on. Default: 3. */
  readonly beta?: number | undefined;
}

/** What mean activations are held away from 0 and 1 by: about a unit in the last place of 1. */
const margin = 1e-7;

/**
 * The penalty of a sparse autoencoder (Ng, "Sparse autoencoder", CS294A lecture notes, 2011), to be added to its loss:
 * β·Σⱼ KL(ρ ‖ ρ̂ⱼ) = β·Σⱼ ρ·ln(ρ/ρ̂ⱼ) + (1 − ρ)·ln((1 − ρ)/(1 − ρ̂ⱼ)), where ρ̂ⱼ is the mean activation of unit j over all
 * axes but the last.
 *
 * It is meant for activations between 0 and 1, as sigmoid gives. A mean that is not between 1e-7 and 1 − 1e-7 is taken for
 * the nearer of the two, and passes no gradient on.
 *
 * @param activations f32 [..., units].
 * @returns a scalar.
 * @throws RangeError for options out of range, and activations that are a scalar.
 */
export function sparsityPenalty(activations: Tensor, { rho = 0.05, beta = 3 }: SparsityOptions = {}): Tensor {
  if (typeof rho !== 'number' || !(rho > 0 && rho < 1)) {
    throw new RangeError(`sparsityPenalty: rho is ${describe(rho)}, wants a number between 0 and 1`);
  }
  if (typeof beta !== 'number' || !(beta >= 0 && beta < Infinity)) {
    throw new RangeError(`sparsityPenalty: beta is ${describe(beta)}, wants a finite number from 0 on`);
  }
  const { rank } = requireLive('sparsityPenalty', 'activations', activations);
  if (rank === 0) throw new RangeError('sparsityPenalty: activations is a scalar, wants [..., units]');
  const batch = Array.from({ length: rank - 1 }, (_, axis) => axis);
  return scope(() => {
    const rates = batch.length === 0 ? activations : mean(activations, batch);
    const held = minimum(maximum(rates, margin), 1 - margin);
    const active = mul(log(mul(reciprocal(held), rho)), rho);
    const still = mul(log(div(1 - rho, sub(1, held))), 1 - rho);
    return mul(sum(add(active, still)), beta);
  });
}
