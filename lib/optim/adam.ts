import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireBetas, requireFlag, requireNumber, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 1e-3, weightDecay 0, or 0.01 in AdamW. */
export interface AdamOptions extends CommonOptions {
  /** β₁ and β₂: how much of the running means of gradients and of their squares stays. Default: [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the mean square. Default: 1e-8. */
  readonly eps?: number;
  /** Whether weight decay shrinks parameters by itself rather than through the gradient. Default: false; true in AdamW. */
  readonly decoupledWeightDecay?: boolean;
  /**
   * Whether the running means, which start at 0, are divided by 1 − βᵗ, their weight after t steps. Default: true. Without,
   * the first steps are of about lr·(1 − β₁)/√(1 − β₂): 3 lr.
   */
  readonly biasCorrection?: boolean;
  /** Whether gradients are divided by the largest mean square so far (Reddi et al., 2018). Default: false. */
  readonly amsgrad?: boolean;
}

const defaults: Required<AdamOptions> = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  decoupledWeightDecay: false,
  biasCorrection: true,
  amsgrad: false,
  ...unclipped,
};

/** @inline */
type State = 'mean' | 'variance' | 'highest';

/**
 * Adam (Kingma and Ba, 2015). Where g is a parameter's gradient and t the number of the step,
 *
 *     g ← g + weightDecay·p                   (with decoupledWeightDecay p ← p − lr·weightDecay·p)
 *     m ← β₁·m + (1 − β₁)·g
 *     v ← β₂·v + (1 − β₂)·g²
 *     w = v                                   (with amsgrad w ← max(w, v))
 *     p ← p − lr·(m / (1 − β₁ᵗ)) / (√(w / (1 − β₂ᵗ)) + eps)
 *
 * and without biasCorrection p ← p − lr·m / (√w + eps).
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class Adam extends Optimizer<Required<AdamOptions>, State> {
  constructor(parameters: OptimizedParameters<AdamOptions>, options: AdamOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<AdamOptions>): void {
    requireBetas(`${name}: betas`, options.betas);
    requireNumber(`${name}: eps`, options.eps, 0);
    for (const flag of ['decoupledWeightDecay', 'biasCorrection', 'amsgrad'] as const) {
      requireFlag(`${name}: ${flag}`, options[flag]);
    }
  }

  protected override stateNames({ amsgrad }: Required<AdamOptions>): readonly State[] {
    return amsgrad ? ['mean', 'variance', 'highest'] : ['mean', 'variance'];
  }

  protected override update(step: Step<State>, options: Required<AdamOptions>): void {
    native.adam(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'mean'),
      handlesOf(step, 'variance'),
      handlesOf(step, 'highest'),
      step.steps,
      options.lr,
      ...options.betas,
      options.eps,
      options.weightDecay,
      options.decoupledWeightDecay,
      options.biasCorrection,
      ...clippingOf(step, options),
    );
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019) of 0.01 by default; see Adam. */
export class AdamW extends Adam {
  constructor(
    parameters: OptimizedParameters<AdamOptions>,
    { weightDecay = 0.01, decoupledWeightDecay = true, ...options }: AdamOptions = {},
  ) {
    super(parameters, { ...options, weightDecay, decoupledWeightDecay });
  }
}
