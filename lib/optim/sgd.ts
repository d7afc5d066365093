import { native } from '../native.js';
import { handleOf } from '../tensor.js';
import type { OptimizedParameters } from './group.js';
import { clippingOf, handlesOf, Optimizer, type Step } from './optimizer.js';
import { requireFlag, requireNumber, unclipped, type CommonOptions } from './options.js';

/** Defaults: lr 1e-3, weightDecay 0. */
export interface SGDOptions extends CommonOptions {
  /** How much of the velocity stays from step to step. Default: 0, which needs no velocity. */
  readonly momentum?: number;
  /** How much of the gradient does not go into the velocity. Default: 0. */
  readonly dampening?: number;
  /** Whether the gradient is followed beyond the velocity's next move; wants momentum, no dampening. Default: false. */
  readonly nesterov?: boolean;
}

const defaults: Required<SGDOptions> = {
  lr: 1e-3,
  momentum: 0,
  dampening: 0,
  weightDecay: 0,
  nesterov: false,
  ...unclipped,
};

/**
 * Stochastic gradient descent, with momentum after Sutskever et al., "On the importance of initialization and momentum
 * in deep learning" (2013), in PyTorch's form. Where g is a parameter's gradient,
 *
 *     g ← g + weightDecay·p
 *     v ← momentum·v + (1 − dampening)·g      (v ← g in the first step)
 *     p ← p − lr·v                            (p − lr·(g + momentum·v) with nesterov)
 *
 * @throws TypeError or RangeError for options unknown or out of range, and parameters that are no f32 tensors, the results
 *   of operations, none, or one twice
 */
export class SGD extends Optimizer<Required<SGDOptions>, 'velocity'> {
  constructor(parameters: OptimizedParameters<SGDOptions>, options: SGDOptions = {}) {
    super(parameters, defaults, options);
  }

  protected override checkOptions(name: string, options: Required<SGDOptions>): void {
    const { momentum, dampening, nesterov } = options;
    requireNumber(`${name}: momentum`, momentum, 0);
    requireNumber(`${name}: dampening`, dampening);
    requireFlag(`${name}: nesterov`, nesterov);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new RangeError(
        `${name}: nesterov wants momentum above 0 and dampening 0, got ${momentum} and ${dampening}`,
      );
    }
  }

  protected override stateNames({ momentum }: Required<SGDOptions>): readonly 'velocity'[] {
    return momentum === 0 ? [] : ['velocity'];
  }

  protected override update(step: Step<'velocity'>, options: Required<SGDOptions>): void {
    const { lr, momentum, dampening, weightDecay, nesterov } = options;
    native.sgd(
      step.parameters.map(handleOf),
      step.gradients.map(handleOf),
      handlesOf(step, 'velocity'),
      step.steps,
      lr,
      momentum,
      dampening,
      weightDecay,
      nesterov,
      ...clippingOf(step, options),
    );
  }
}
