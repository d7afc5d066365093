import type { Handle } from '../../binding.js';
import { record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { defineMethods, handleOf, Tensor, type DType } from '../tensor.js';

/** y = f(x), whose derivative needs x. `backward` is given the gradient, which it disposes, and x. */
function ofInput(
  operation: string,
  x: Tensor,
  y: Handle,
  backward: (gradient: Handle, input: Handle) => Handle,
): Tensor {
  return record(operation, new Tensor(y, 'f32'), [x], [x], (g, [input]) => [
    new Tensor(backward(g.giveUp(), input.handle), 'f32'),
  ]);
}

/** y = f(x), whose derivative needs y. `backward` is given the gradient, which it disposes, and y. */
function ofOutput(
  operation: string,
  x: Tensor,
  handle: Handle,
  backward: (gradient: Handle, output: Handle) => Handle,
): Tensor {
  const y = new Tensor(handle, 'f32');
  return record(operation, y, [x], [y], (g, [output]) => [
    new Tensor(backward(g.giveUp(), output.handle), 'f32'),
  ]);
}

/** 1/(1 + e⁻ˣ) */
export function sigmoid(x: Tensor): Tensor {
  return ofOutput('sigmoid', x, native.sigmoid(handleOf(x)), (g, y) => native.sigmoidBackward(g, y));
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return ofOutput('tanh', x, native.tanh(handleOf(x)), (g, y) => native.tanhBackward(g, y));
}

/** The error function 2/√π · ∫₀ˣ e^(−t²) dt, to about one unit in the last place. */
export function erf(x: Tensor): Tensor {
  return ofInput('erf', x, native.erf(handleOf(x)), (g, u) => native.erfBackward(g, u));
}

/**
 * x where x > 0, else negativeSlope·x (Maas, Hannun and Ng, 2013); the gradient at 0 is that of below.
 *
 * @param negativeSlope Default: 0.01.
 * @throws RangeError for a slope that is not finite.
 */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return ofInput('leakyRelu', x, native.leakyRelu(handleOf(x), negativeSlope), (g, u) =>
    native.leakyReluBackward(g, u, negativeSlope),
  );
}

/**
 * x where x > 0, else weight·x, with a learnt slope (He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015); the
 * gradient at 0 is that of below.
 *
 * @param weight slopes: [1], or [C] for the C channels of the last axis.
 * @throws RangeError for another number of slopes.
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const y = new Tensor(native.prelu(handleOf(x), handleOf(weight)), 'f32');
  return record('prelu', y, [x, weight], [x, weight], (g, [input, slopes]) =>
    native.preluBackward(g.giveUp(), input.handle, slopes.handle).map((handle) => new Tensor(handle, 'f32')),
  );
}

/** min(max(0, x), 6) (Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010); the gradient is 0 at 0 and 6. */
export function relu6(x: Tensor): Tensor {
  return ofOutput('relu6', x, native.relu6(handleOf(x)), (g, y) => native.relu6Backward(g, y));
}

/**
 * x where x > 0, else alpha·(eˣ − 1) (Clevert, Unterthiner and Hochreiter, 2016).
 *
 * @param alpha from 0 on. Default: 1.
 * @throws RangeError for another alpha.
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  return ofOutput('elu', x, native.elu(handleOf(x), alpha), (g, y) => native.eluBackward(g, y, alpha));
}

/**
 * λ·x where x > 0, else λ·α·(eˣ − 1), with λ = 1.0507 and α = 1.6733, which keep mean 0 and variance 1 from layer to layer
 * (Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", 2017).
 */
export function selu(x: Tensor): Tensor {
  return ofOutput('selu', x, native.selu(handleOf(x)), (g, y) => native.seluBackward(g, y));
}

export interface GeluOptions {
  /**
   * 'none' for Φ as it is, 'tanh' for x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), which differs by 5e-4 at most. Default:
   * 'none'.
   */
  approximate?: 'none' | 'tanh';
}

/**
 * x·Φ(x), where Φ is the standard normal distribution's function (Hendrycks and Gimpel, 2016). Near −∞ it goes to 0.
 *
 * @throws RangeError for another approximation than the two.
 */
export function gelu(x: Tensor, { approximate = 'none' }: GeluOptions = {}): Tensor {
  switch (approximate) {
    case 'none':
      return ofInput('gelu', x, native.gelu(handleOf(x)), (g, u) => native.geluBackward(g, u));
    case 'tanh':
      return ofInput('gelu', x, native.geluTanh(handleOf(x)), (g, u) => native.geluTanhBackward(g, u));
    default:
      throw new RangeError(`gelu: approximate is ${describe(approximate)}, wants 'none' or 'tanh'`);
  }
}

/** x/(1 + e⁻ˣ), also called swish (Elfwing, Uchibe and Doya, 2017; Ramachandran, Zoph and Le, 2017). */
export function silu(x: Tensor): Tensor {
  return ofInput('silu', x, native.silu(handleOf(x)), (g, u) => native.siluBackward(g, u));
}

/** x·min(max(0, x + 3), 6)/6 (Howard et al., "Searching for MobileNetV3", 2019). */
export function hardswish(x: Tensor): Tensor {
  return ofInput('hardswish', x, native.hardswish(handleOf(x)), (g, u) => native.hardswishBackward(g, u));
}

export interface HardsigmoidOptions {
  /** The slope between; not 0. Default: 1/6. */
  alpha?: number;
  /** The value at 0. Default: 1/2. */
  beta?: number;
}

/**
 * min(max(0, alpha·x + beta), 1), by default min(max(0, x + 3), 6)/6 as in MobileNetV3; the gradient is 0 where it bends.
 *
 * @throws RangeError for a slope of 0, and numbers that are not finite.
 */
export function hardsigmoid(x: Tensor, { alpha = 1 / 6, beta = 0.5 }: HardsigmoidOptions = {}): Tensor {
  return ofOutput('hardsigmoid', x, native.hardsigmoid(handleOf(x), alpha, beta), (g, y) =>
    native.hardsigmoidBackward(g, y, alpha, beta),
  );
}

/**
 * min(max(min, x), max): x where it lies between, else the nearer bound; `max` where `min` is above it. The gradient is 1
 * from bound to bound, else 0.
 *
 * @param min Default: −Infinity.
 * @param max Default: Infinity.
 * @throws RangeError for NaN.
 */
export function clamp(x: Tensor, min = -Infinity, max = Infinity): Tensor {
  return ofInput('clamp', x, native.clamp(handleOf(x), min, max), (g, u) =>
    native.clampBackward(g, u, min, max),
  );
}

/** x·tanh(ln(1 + eˣ)) (Misra, "Mish: a self regularized non-monotonic activation function", 2019). */
export function mish(x: Tensor): Tensor {
  return ofInput('mish', x, native.mish(handleOf(x)), (g, u) => native.mishBackward(g, u));
}

export interface SoftplusOptions {
  /** How sharp the bend is; above 0. Default: 1. */
  beta?: number;
  /** x where beta·x is above it, which the formula differs from by less than a float shows. Default: 20. */
  threshold?: number;
}

/**
 * ln(1 + e^(beta·x))/beta, a smooth max(0, x) (Dugas et al., 2001).
 *
 * @throws RangeError for a beta that is not above 0, and numbers that are not finite.
 */
export function softplus(x: Tensor, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Tensor {
  return ofInput('softplus', x, native.softplus(handleOf(x), beta, threshold), (g, u) =>
    native.softplusBackward(g, u, beta, threshold),
  );
}

/** ln(1/(1 + e⁻ˣ)), finite where sigmoid itself would be 0. */
export function logSigmoid(x: Tensor): Tensor {
  return ofInput('logSigmoid', x, native.logSigmoid(handleOf(x)), (g, u) => native.logSigmoidBackward(g, u));
}

/** x/(1 + |x|) (Turian, Bergstra and Bengio, 2009); ±1 at ±∞. */
export function softsign(x: Tensor): Tensor {
  return ofOutput('softsign', x, native.softsign(handleOf(x)), (g, y) => native.softsignBackward(g, y));
}

declare module '../tensor.js' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- the parameters of a merged interface must agree
  interface Tensor<D extends DType = 'f32'> {
    /** {@link sigmoid} as a method. */
    sigmoid(this: Tensor): Tensor;
    /** {@link tanh} as a method. */
    tanh(this: Tensor): Tensor;
    /** {@link clamp} as a method. */
    clamp(this: Tensor, min?: number, max?: number): Tensor;
  }
}

defineMethods({ sigmoid, tanh, clamp });
