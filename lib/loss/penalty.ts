import type { Handle } from '../../binding.js';
import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, requireLive, Tensor } from '../tensor.js';

export interface PenaltyOptions {
  /**
   * Whether parameters with fewer than two axes count: biases, and the weights of norms. Regularization mostly leaves them
   * out. Default: true.
   */
  readonly biases?: boolean | undefined;
}

function penalty(
  operation: 'l1Penalty' | 'l2Penalty',
  backward: (gradient: Handle, parameter: Handle, lambda: number) => Handle,
  parameters: Iterable<Tensor>,
  lambda: number,
  { biases = true }: PenaltyOptions,
): Tensor {
  const given: unknown = parameters;
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    throw new TypeError(
      `${operation}: parameters is no list of tensors, wants one, as of model.parameters()`,
    );
  }
  const list = Array.from(parameters, (p, i) => requireLive(operation, `parameters[${i}]`, p)).filter(
    (p) => biases || p.rank > 1,
  );
  const loss = new Tensor(native[operation](list.map(handleOf), lambda), 'f32');
  return record(operation, loss, list, list, (g, saved, needs) =>
    saved.map((w, i) => (needs[i] ? new Tensor(backward(g.handle, w.handle, lambda), 'f32') : null)),
  );
}

/**
 * lambda·Σ|w| over all parameters, to be added to a loss: it drives weights to 0, so that few are left (lasso: Tibshirani,
 * 1996). The gradient is lambda·sign(w), 0 at 0.
 *
 * ```ts
 * loss: (output, labels) => loss.crossEntropy(output, labels).add(loss.l1Penalty(model.parameters(), 1e-5))
 * ```
 *
 * @returns a scalar; 0 for no parameters.
 * @throws RangeError for lambda below 0 or not finite; TypeError for what is no list of f32 tensors.
 */
export function l1Penalty(
  parameters: Iterable<Tensor>,
  lambda: number,
  options: PenaltyOptions = {},
): Tensor {
  return penalty('l1Penalty', (...given) => native.l1PenaltyBackward(...given), parameters, lambda, options);
}

/**
 * lambda/2·Σw² over all parameters, to be added to a loss: it shrinks weights (ridge: Hoerl and Kennard, 1970). The
 * gradient, lambda·w, is that of an optimizer's `weightDecay: lambda`, which costs no pass over memory, for SGD, Adam and
 * the others alike. AdamW's decay is another: it bypasses the scaling by past gradients (Loshchilov and Hutter, 2019).
 *
 * @returns a scalar; 0 for no parameters.
 * @throws RangeError for lambda below 0 or not finite; TypeError for what is no list of f32 tensors.
 */
export function l2Penalty(
  parameters: Iterable<Tensor>,
  lambda: number,
  options: PenaltyOptions = {},
): Tensor {
  return penalty('l2Penalty', (...given) => native.l2PenaltyBackward(...given), parameters, lambda, options);
}
