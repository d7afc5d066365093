import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireBetas, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 1e-4, weightDecay 0, which is decoupled: p ← p − lr·weightDecay·p. */
export interface LionOptions extends CommonOptions {
  /** β₁ and β₂: how much of the momentum goes into the step, and how much of it stays. Default: [0.9, 0.99]. */
  readonly betas?: readonly [number, number];
}

const defaults: Required<LionOptions> = { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, ...unclipped };

/**
 * Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023), which moves every element by lr one way or the
 * other. Where g is a parameter's gradient,
 *
 *     p ← p − lr·(sign(β₁·m + (1 − β₁)·g) + weightDecay·p)
 *     m ← β₂·m + (1 − β₂)·g
 *
 * Its lr is to be 3 to 10 times less than AdamW's, and its weight decay as much more.
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class Lion extends Optimizer<Required<LionOptions>, 'mean'> {
  constructor(parameters: OptimizedParameters<LionOptions>, options: LionOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<LionOptions>): void {
    requireBetas(`${name}: betas`, options.betas);
  }

  protected override stateNames(): readonly ['mean'] {
    return ['mean'];
  }

  protected override update(step: Step<'mean'>, options: Required<LionOptions>): void {
    native.lion(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'mean'),
      options.lr,
      ...options.betas,
      options.weightDecay,
      ...clippingOf(step, options),
    );
  }
}
