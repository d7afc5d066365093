import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireNumber, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 1e-2, weightDecay 0. */
export interface AdagradOptions extends CommonOptions {
  /** In the t-th step, the learning rate is lr/(1 + (t − 1)·lrDecay). Default: 0. */
  readonly lrDecay?: number;
  /** What the sums of squares start at. Default: 0. */
  readonly initialAccumulatorValue?: number;
  /** Added to the root of the sum of squares. Default: 1e-10. */
  readonly eps?: number;
}

const defaults: Required<AdagradOptions> = {
  lr: 1e-2,
  lrDecay: 0,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  eps: 1e-10,
  ...unclipped,
};

/**
 * AdaGrad (Duchi et al., 2011). Where g is a parameter's gradient and t the number of the step,
 *
 *     g ← g + weightDecay·p
 *     s ← s + g²                              (s is initialAccumulatorValue before the first step)
 *     p ← p − lr/(1 + (t − 1)·lrDecay) · g / (√s + eps)
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class Adagrad extends Optimizer<Required<AdagradOptions>, 'sum'> {
  constructor(parameters: OptimizedParameters<AdagradOptions>, options: AdagradOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<AdagradOptions>): void {
    requireNumber(`${name}: lrDecay`, options.lrDecay, 0);
    requireNumber(`${name}: initialAccumulatorValue`, options.initialAccumulatorValue, 0);
    requireNumber(`${name}: eps`, options.eps, 0);
  }

  protected override stateNames(): readonly ['sum'] {
    return ['sum'];
  }

  protected override initialState(_name: 'sum', options: Required<AdagradOptions>): number {
    return options.initialAccumulatorValue;
  }

  protected override update(step: Step<'sum'>, options: Required<AdagradOptions>): void {
    native.adagrad(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'sum'),
      step.steps,
      options.lr,
      options.lrDecay,
      options.eps,
      options.weightDecay,
      ...clippingOf(step, options),
    );
  }
}
