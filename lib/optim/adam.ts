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

/** Defaults: lr 1e-3, weightDecay 0, or 0.01 in AdamW. */
export interface AdamOptions extends CommonOptions {
  /** β₁ and β₂: how much of the running means of gradients and of their squares stays. Default: [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the mean square. Default: 1e-8. */
  readonly eps?: number;
  /** Whether weight decay shrinks parameters by itself rather than through the gradient. Default: false; true in AdamW. */
  readonly decoupledWeightDecay?: boolean;
}

/**
 * Adam (Kingma and Ba, 2015). Where g is a parameter's gradient and t the number of the step,
 *
 *     g ← g + weightDecay·p                   (with decoupledWeightDecay p ← p − lr·weightDecay·p)
 *     m ← β₁·m + (1 − β₁)·g
 *     v ← β₂·v + (1 − β₂)·g²
 *     p ← p − lr·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + eps)
 *
 * @throws TypeError or RangeError for options out of range, and parameters that are no f32 tensors, the results of
 *   operations, none, or one twice
 */
export class Adam extends Optimizer<Required<AdamOptions>, 'mean' | 'variance'> {
  constructor(
    parameters: Iterable<Tensor>,
    {
      lr = 1e-3,
      betas = [0.9, 0.999],
      eps = 1e-8,
      weightDecay = 0,
      decoupledWeightDecay = false,
      clipValue = null,
      clipNorm = null,
      maxNorm = null,
    }: AdamOptions = {},
  ) {
    const clipping = { clipValue, clipNorm, maxNorm };
    super(parameters, { lr, betas, eps, weightDecay, decoupledWeightDecay, ...clipping });
  }

  protected override checkOptions(options: Required<AdamOptions>): void {
    const { name } = this.constructor;
    const betas: unknown = options.betas;
    if (!Array.isArray(betas) || betas.length !== 2) throw new TypeError(`${name}: betas wants two numbers`);
    requireNumber(`${name}: betas[0]`, betas[0], 0, 1);
    requireNumber(`${name}: betas[1]`, betas[1], 0, 1);
    requireNumber(`${name}: eps`, options.eps, 0);
    requireFlag(`${name}: decoupledWeightDecay`, options.decoupledWeightDecay);
  }

  protected override stateNames(): readonly ['mean', 'variance'] {
    return ['mean', 'variance'];
  }

  protected override update(step: Step<'mean' | 'variance'>, options: Required<AdamOptions>): void {
    native.adam(
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
      ...clippingOf(options),
    );
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019) of 0.01 by default; see Adam. */
export class AdamW extends Adam {
  constructor(
    parameters: Iterable<Tensor>,
    { weightDecay = 0.01, decoupledWeightDecay = true, ...options }: AdamOptions = {},
  ) {
    super(parameters, { ...options, weightDecay, decoupledWeightDecay });
  }
}
