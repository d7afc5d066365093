import { describe } from '../describe.js';
import { mul, square, sub } from '../ops/elementwise.js';
import { mean, sum } from '../ops/reduce.js';
import { requireLive, scope, type Tensor } from '../tensor.js';

export interface ContractiveOptions {
  /** λ, the weight of the penalty, from 0 on. Default: 0.1. */
  readonly lambda?: number | undefined;
}

/**
 * The penalty of a contractive autoencoder whose code is h = sigmoid(x·weight + bias), to be added to its loss (Rifai,
 * Vincent, Muller, Glorot and Bengio, "Contractive auto-encoders", 2011): λ times the mean over samples of ‖∂h/∂x‖²,
 * which is Σⱼ (hⱼ·(1 − hⱼ))²·Σᵢ weight[i, j]². The gradient goes to both.
 *
 * @param code h, f32 [N, units].
 * @param weight that of the layer which gave it, f32 [inputs, units].
 * @returns a scalar.
 * @throws RangeError for lambda out of range, and shapes that do not fit
 */
export function contractivePenalty(
  code: Tensor,
  weight: Tensor,
  { lambda = 0.1 }: ContractiveOptions = {},
): Tensor {
  if (typeof lambda !== 'number' || !(lambda >= 0 && lambda < Infinity)) {
    throw new RangeError(
      `contractivePenalty: lambda is ${describe(lambda)}, wants a finite number from 0 on`,
    );
  }
  const given = [
    requireLive('contractivePenalty', 'code', code).shape,
    requireLive('contractivePenalty', 'weight', weight).shape,
  ] as const;
  if (given.some((shape) => shape.length !== 2) || given[0][1] !== given[1][1]) {
    const [codes, weights] = given.map((shape) => `[${shape.join(', ')}]`);
    throw new RangeError(
      `contractivePenalty: code is ${codes} and weight ${weights}, wants [N, units] and [inputs, units]`,
    );
  }
  return scope(() => {
    const slopes = mean(square(mul(code, sub(1, code))), 0);
    return mul(sum(mul(slopes, sum(square(weight), 0))), lambda);
  });
}
