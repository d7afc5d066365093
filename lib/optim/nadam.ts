import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireBetas, requireFlag, requireNumber, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 2e-3, weightDecay 0. */
export interface NAdamOptions extends CommonOptions {
  /**
   * β₁ and β₂: how much of the running means of gradients and of their squares stays; β₁ at most 0.99999. Default:
   * [0.9, 0.999].
   */
  readonly betas?: readonly [number, number];
  /** Added to the root of the mean square. Default: 1e-8. */
  readonly eps?: number;
  /** ψ: how fast the momentum rises, from about β₁/2 towards β₁. Default: 4e-3. */
  readonly momentumDecay?: number;
  /** Whether weight decay shrinks parameters by itself rather than through the gradient. Default: false. */
  readonly decoupledWeightDecay?: boolean;
}

const defaults: Required<NAdamOptions> = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  ...unclipped,
};

/** @inline */
type State = 'mean' | 'variance';

/**
 * Adam with Nesterov's momentum (Dozat, 2016), in PyTorch's form. Where g is a parameter's gradient, t the number of the
 * step and μₜ = β₁·(1 − 0.96^(t·momentumDecay)/2),
 *
 *     g ← g + weightDecay·p                   (with decoupledWeightDecay p ← p − lr·weightDecay·p)
 *     m ← β₁·m + (1 − β₁)·g
 *     v ← β₂·v + (1 − β₂)·g²
 *     d = g·(1 − μₜ)/(1 − μ₁·…·μₜ) + m·μₜ₊₁/(1 − μ₁·…·μₜ₊₁)
 *     p ← p − lr·d / (√(v / (1 − β₂ᵗ)) + eps)
 *
 * The products are of the options as they are in this step.
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class NAdam extends Optimizer<Required<NAdamOptions>, State> {
  constructor(parameters: OptimizedParameters<NAdamOptions>, options: NAdamOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<NAdamOptions>): void {
    requireBetas(`${name}: betas`, options.betas);
    const [beta1] = options.betas;
    if (beta1 > 0.99999) throw new RangeError(`${name}: betas[0] is ${beta1}, wants at most 0.99999`);
    requireNumber(`${name}: eps`, options.eps, 0);
    requireNumber(`${name}: momentumDecay`, options.momentumDecay, 0);
    requireFlag(`${name}: decoupledWeightDecay`, options.decoupledWeightDecay);
  }

  protected override stateNames(): readonly State[] {
    return ['mean', 'variance'];
  }

  protected override update(step: Step<State>, options: Required<NAdamOptions>): void {
    native.nadam(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'mean'),
      handlesOf(step, 'variance'),
      step.steps,
      options.lr,
      ...options.betas,
      options.eps,
      options.weightDecay,
      options.decoupledWeightDecay,
      options.momentumDecay,
      ...clippingOf(step, options),
    );
  }
}
