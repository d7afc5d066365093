import { native } from '../native.js';
import { handleOf, type Tensor } from '../tensor.js';
import {
  clippingOf,
  handlesOf,
  Optimizer,
  requireFlag,
  requireNumber,
  type CommonOptions,
  type Step,
} from './optimizer.js';

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
 * @throws TypeError or RangeError for options out of range, and parameters that are no f32 tensors, the results of
 *   operations, none, or one twice
 */
export class RMSprop extends Optimizer<Required<RMSpropOptions>, State> {
  constructor(
    parameters: Iterable<Tensor>,
    {
      lr = 1e-2,
      alpha = 0.99,
      eps = 1e-8,
      weightDecay = 0,
      momentum = 0,
      centered = false,
      clipValue = null,
      clipNorm = null,
      maxNorm = null,
    }: RMSpropOptions = {},
  ) {
    const clipping = { clipValue, clipNorm, maxNorm };
    super(parameters, { lr, alpha, eps, weightDecay, momentum, centered, ...clipping });
  }

  protected override checkOptions(options: Required<RMSpropOptions>): void {
    requireNumber('RMSprop: alpha', options.alpha, 0);
    if (options.alpha > 1) throw new RangeError(`RMSprop: alpha is ${options.alpha}, wants at most 1`);
    requireNumber('RMSprop: eps', options.eps, 0);
    requireNumber('RMSprop: momentum', options.momentum, 0);
    requireFlag('RMSprop: centered', options.centered);
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
      ...clippingOf(options),
    );
  }
}
