import { native } from '../native.js';
import { handleOf, type Tensor } from '../tensor.js';
import {
  clippingOf,
  handlesOf,
  Optimizer,
  requireNumber,
  type CommonOptions,
  type Step,
} from './optimizer.js';

/** Defaults: lr 1e-2, weightDecay 0. */
export interface AdagradOptions extends CommonOptions {
  /** In the t-th step, the learning rate is lr/(1 + (t − 1)·lrDecay). Default: 0. */
  readonly lrDecay?: number;
  /** What the sums of squares start at. Default: 0. */
  readonly initialAccumulatorValue?: number;
  /** Added to the root of the sum of squares. Default: 1e-10. */
  readonly eps?: number;
}

/**
 * AdaGrad (Duchi et al., 2011). Where g is a parameter's gradient and t the number of the step,
 *
 *     g ← g + weightDecay·p
 *     s ← s + g²                              (s is initialAccumulatorValue before the first step)
 *     p ← p − lr/(1 + (t − 1)·lrDecay) · g / (√s + eps)
 *
 * @throws TypeError or RangeError for options out of range, and parameters that are no f32 tensors, the results of
 *   operations, none, or one twice
 */
export class Adagrad extends Optimizer<Required<AdagradOptions>, 'sum'> {
  constructor(
    parameters: Iterable<Tensor>,
    {
      lr = 1e-2,
      lrDecay = 0,
      weightDecay = 0,
      initialAccumulatorValue = 0,
      eps = 1e-10,
      clipValue = null,
      clipNorm = null,
      maxNorm = null,
    }: AdagradOptions = {},
  ) {
    const clipping = { clipValue, clipNorm, maxNorm };
    super(parameters, { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, ...clipping });
  }

  protected override checkOptions(options: Required<AdagradOptions>): void {
    requireNumber('Adagrad: lrDecay', options.lrDecay, 0);
    requireNumber('Adagrad: initialAccumulatorValue', options.initialAccumulatorValue, 0);
    requireNumber('Adagrad: eps', options.eps, 0);
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
      ...clippingOf(options),
    );
  }
}
