import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireFlag, requireNumber, requireShare, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 1e-2, weightDecay 0. */
export interface RMSpropOptions extends CommonOptions {
  /** How much of the running mean of squares stays from step to step, from 0 to 1. Default: 0.99. */
  readonly alpha?: number;
  /** Added to the root of the mean square. Default: 1e-8. */
  readonly eps?: number;
  /** How much of the velocity stays from step to step. Default: 0, which needs no velocity. */
  readonly momentum?: number;
  /** Whether gradients are divided by their deviation rather than by the root of their mean square. Default: false. */
  readonly centered?: boolean;
}

const defaults: Required<RMSpropOptions> = {
  lr: 1e-2,
  alpha: 0.99,
  eps: 1e-8,
  weightDecay: 0,
  momentum: 0,
  centered: false,
  ...unclipped,
};

/** @inline */
type State = 'square' | 'mean' | 'velocity';

/**
 * RMSProp (Hinton, "Neural Networks for Machine Learning", lecture 6, 2012; centered: Graves, 2013), in PyTorch's form.
 * Where g is a parameter's gradient,
 *
 *     g ← g + weightDecay·p
 *     v ← alpha·v + (1 − alpha)·g²
 *     w = v                                   (with centered m ← alpha·m + (1 − alpha)·g, w = v − m²)
 *     d = g / (√w + eps)
 *     p ← p − lr·d                            (with momentum b ← momentum·b + d, p ← p − lr·b)
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class RMSprop extends Optimizer<Required<RMSpropOptions>, State> {
  constructor(parameters: OptimizedParameters<RMSpropOptions>, options: RMSpropOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<RMSpropOptions>): void {
    requireShare(`${name}: alpha`, options.alpha);
    requireNumber(`${name}: eps`, options.eps, 0);
    requireNumber(`${name}: momentum`, options.momentum, 0);
    requireFlag(`${name}: centered`, options.centered);
  }

  protected override stateNames({ momentum, centered }: Required<RMSpropOptions>): readonly State[] {
    return [
      'square',
      ...(centered ? (['mean'] as const) : []),
      ...(momentum > 0 ? (['velocity'] as const) : []),
    ];
  }

  protected override update(step: Step<State>, options: Required<RMSpropOptions>): void {
    native.rmsProp(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'square'),
      handlesOf(step, 'mean'),
      handlesOf(step, 'velocity'),
      options.lr,
      options.alpha,
      options.eps,
      options.weightDecay,
      options.momentum,
      ...clippingOf(step, options),
    );
  }
}
