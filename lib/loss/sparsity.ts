import { cast } from '../ops/creation.js';
import { add, div, equal, log, maximum, minimum, mul, reciprocal, sub } from '../ops/elementwise.js';
import { mean, sum } from '../ops/reduce.js';
import { requireLive, scope, type Tensor } from '../tensor.js';
import { describe } from '../describe.js';

export interface SparsityOptions {
  /** ρ, the mean activation that is wanted of each unit, between 0 and 1. Default: 0.05. */
  readonly rho?: number | undefined;
  /** β, the weight of the penalty, from 0 on. Default: 3. */
  readonly beta?: number | undefined;
}

export interface SparsityPenaltyOptions extends SparsityOptions {
  /**
   * ρ̂ as measured over the whole training set, or a large sample of it, in a pass before this one: f32 [units]. Default:
   * null, the means of these activations.
   */
  readonly means?: Tensor | null | undefined;
}

/** What mean activations are held away from 0 and 1 by: about a unit in the last place of 1. */
const margin = 1e-7;

/** @throws RangeError for options out of range */
export function requireSparsity(caller: string, rho: unknown, beta: unknown): void {
  if (typeof rho !== 'number' || !(rho > 0 && rho < 1)) {
    throw new RangeError(`${caller}: rho is ${describe(rho)}, wants a number between 0 and 1`);
  }
  if (typeof beta !== 'number' || !(beta >= 0 && beta < Infinity)) {
    throw new RangeError(`${caller}: beta is ${describe(beta)}, wants a finite number from 0 on`);
  }
}

/** Within (0, 1), as far as a float tells. */
function held(rates: Tensor): Tensor {
  return minimum(maximum(rates, margin), 1 - margin);
}

/** Σⱼ KL(ρ ‖ ρ̂ⱼ) of rates that are held. */
function divergence(rho: number, rates: Tensor): Tensor {
  const active = mul(log(mul(reciprocal(rates), rho)), rho);
  const still = mul(log(div(1 - rho, sub(1, rates))), 1 - rho);
  return sum(add(active, still));
}

/** Σⱼ KL(ρ ‖ ρ̂ⱼ) of measured means, with its derivative by them as that by `rates`. */
function linearized(rho: number, means: Tensor, rates: Tensor): Tensor {
  const inside = held(means);
  const slope = sub(div(1 - rho, sub(1, inside)), mul(reciprocal(inside), rho));
  const passed = mul(slope, cast(equal(inside, means), 'f32'));
  return add(divergence(rho, inside), sum(mul(passed, sub(rates, rates.detach()))));
}

/**
 * The penalty of a sparse autoencoder (Ng, "Sparse autoencoder", CS294A lecture notes, 2011), to be added to its loss:
 * β·Σⱼ KL(ρ ‖ ρ̂ⱼ) = β·Σⱼ ρ·ln(ρ/ρ̂ⱼ) + (1 − ρ)·ln((1 − ρ)/(1 − ρ̂ⱼ)), where ρ̂ⱼ is the mean activation of unit j over all
 * axes but the last.
 *
 * A small batch tells little of means as low as ρ. The lecture notes measure ρ̂ over all training data in a first pass:
 * with these as `means` the value is theirs, and the gradient by an activation β·((1 − ρ)/(1 − ρ̂ⱼ) − ρ/ρ̂ⱼ)/n for n rows,
 * so that gradients of batches add up to that of the penalty over all data. See nn.Sparsity and pretrain.TwoPassSparsity.
 *
 * It is meant for activations between 0 and 1, as sigmoid gives. A mean that is not between 1e-7 and 1 − 1e-7 is taken for
 * the nearer of the two, and passes no gradient on.
 *
 * @param activations f32 [..., units].
 * @returns a scalar.
 * @throws RangeError for options out of range, and activations that are a scalar.
 */
export function sparsityPenalty(
  activations: Tensor,
  { rho = 0.05, beta = 3, means }: SparsityPenaltyOptions = {},
): Tensor {
  requireSparsity('sparsityPenalty', rho, beta);
  const { rank, shape } = requireLive('sparsityPenalty', 'activations', activations);
  if (rank === 0) throw new RangeError('sparsityPenalty: activations is a scalar, wants [..., units]');
  const units = shape.at(-1);
  if (means != null && requireLive('sparsityPenalty', 'means', means).shape.join() !== String(units)) {
    throw new RangeError(
      `sparsityPenalty: means is [${means.shape.join(', ')}], wants [${units}], one of each unit`,
    );
  }
  const batch = Array.from({ length: rank - 1 }, (_, axis) => axis);
  return scope(() => {
    const rates = batch.length === 0 ? activations : mean(activations, batch);
    const value = means ? linearized(rho, means.detach(), rates) : divergence(rho, held(rates));
    return mul(value, beta);
  });
}
