import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireNumber, requireShare, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 1, weightDecay 0. */
export interface AdadeltaOptions extends CommonOptions {
  /** How much of the running means of squares stays from step to step, from 0 to 1. Default: 0.9. */
  readonly rho?: number;
  /** Added to the mean squares under the roots. Default: 1e-6. */
  readonly eps?: number;
}

const defaults: Required<AdadeltaOptions> = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, ...unclipped };

/** @inline */
type State = 'square' | 'change';

/**
 * Adadelta (Zeiler, 2012), whose steps have the parameters' unit and need no learning rate. Where g is a parameter's
 * gradient,
 *
 *     g ← g + weightDecay·p
 *     s ← rho·s + (1 − rho)·g²
 *     d = √(a + eps) / √(s + eps) · g
 *     a ← rho·a + (1 − rho)·d²
 *     p ← p − lr·d
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class Adadelta extends Optimizer<Required<AdadeltaOptions>, State> {
  constructor(parameters: OptimizedParameters<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<AdadeltaOptions>): void {
    requireShare(`${name}: rho`, options.rho);
    requireNumber(`${name}: eps`, options.eps, 0);
  }

  protected override stateNames(): readonly State[] {
    return ['square', 'change'];
  }

  protected override update(step: Step<State>, options: Required<AdadeltaOptions>): void {
    native.adadelta(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'square'),
      handlesOf(step, 'change'),
      options.lr,
      options.rho,
      options.eps,
      options.weightDecay,
      ...clippingOf(step, options),
    );
  }
}
