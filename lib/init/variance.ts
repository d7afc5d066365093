import { describe } from '../describe.js';
import { normal, uniform } from '../ops/creation.js';
import type { Tensor } from '../tensor.js';
import { calculateGain, fans, type Fans, type Nonlinearity } from './fans.js';
import { fillWith, requireNumber, requireTarget } from './fill.js';

/** Draws from a distribution of mean 0 with the standard deviation that `deviation` makes of the fans. */
function scaled<T extends Tensor>(
  caller: string,
  tensor: T,
  distribution: 'uniform' | 'normal',
  deviation: (of: Fans) => number,
): T {
  requireTarget(caller, tensor);
  const { shape } = tensor;
  if (shape.length < 2) {
    throw new RangeError(`${caller}: tensor has shape ${describe(shape)}, wants at least 2 axes`);
  }
  if (tensor.size === 0) return tensor;
  const std = deviation(fans(shape));
  const bound = Math.sqrt(3) * std;
  return fillWith(tensor, distribution === 'uniform' ? uniform(shape, -bound, bound) : normal(shape, 0, std));
}

export interface XavierOptions {
  /** As calculateGain gives it, from 0 on. Default: 1. */
  gain?: number;
}

function xavierStd(caller: string, gain: number): (of: Fans) => number {
  requireNumber(caller, 'gain', gain, 0);
  return ({ fanIn, fanOut }) => gain * Math.sqrt(2 / (fanIn + fanOut));
}

/**
 * Draws uniformly from ±gain·√(6/(fanIn + fanOut)) (Glorot and Bengio, "Understanding the difficulty of training deep
 * feedforward neural networks", 2010): for layers followed by tanh, sigmoid or nothing. See fans.
 *
 * @throws RangeError for fewer than 2 axes
 */
export function xavierUniform<T extends Tensor>(tensor: T, { gain = 1 }: XavierOptions = {}): T {
  return scaled('xavierUniform', tensor, 'uniform', xavierStd('xavierUniform', gain));
}

/** Draws from the normal distribution with deviation gain·√(2/(fanIn + fanOut)); see xavierUniform. */
export function xavierNormal<T extends Tensor>(tensor: T, { gain = 1 }: XavierOptions = {}): T {
  return scaled('xavierNormal', tensor, 'normal', xavierStd('xavierNormal', gain));
}

export interface KaimingOptions {
  /** Slope below 0 of the leakyRelu that follows; 0 is ReLU. Default: 0. */
  a?: number;
  /** 'fanIn' keeps the variance of values in the forward pass, 'fanOut' that of gradients. Default: 'fanIn'. */
  mode?: 'fanIn' | 'fanOut';
  /** What follows; see calculateGain. Default: 'leakyRelu'. */
  nonlinearity?: Nonlinearity;
}

function kaimingStd(
  caller: string,
  { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' }: KaimingOptions,
): (of: Fans) => number {
  requireNumber(caller, 'a', a);
  if (!['fanIn', 'fanOut'].includes(mode)) {
    throw new RangeError(`${caller}: mode is ${describe(mode)}, wants 'fanIn' or 'fanOut'`);
  }
  const gain = calculateGain(nonlinearity, a);
  return (of) => gain / Math.sqrt(of[mode]);
}

/**
 * Draws uniformly from ±gain·√(3/fan) (He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015), with the gain of the
 * nonlinearity: √2 for ReLU. See fans.
 *
 * @throws RangeError for fewer than 2 axes, and another mode or nonlinearity
 */
export function kaimingUniform<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  return scaled('kaimingUniform', tensor, 'uniform', kaimingStd('kaimingUniform', options));
}

/** Draws from the normal distribution with deviation gain/√fan; see kaimingUniform. */
export function kaimingNormal<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  return scaled('kaimingNormal', tensor, 'normal', kaimingStd('kaimingNormal', options));
}

const lecunStd = ({ fanIn }: Fans): number => 1 / Math.sqrt(fanIn);

/**
 * Draws uniformly from ±√(3/fanIn) (LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998); what SELU wants, see
 * lecunNormal too.
 *
 * @throws RangeError for fewer than 2 axes
 */
export function lecunUniform<T extends Tensor>(tensor: T): T {
  return scaled('lecunUniform', tensor, 'uniform', lecunStd);
}

/** Draws from the normal distribution with deviation 1/√fanIn; see lecunUniform. */
export function lecunNormal<T extends Tensor>(tensor: T): T {
  return scaled('lecunNormal', tensor, 'normal', lecunStd);
}
