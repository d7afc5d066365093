import { native } from '../native.js';
import * as creation from '../ops/creation.js';
import { Tensor } from '../tensor.js';
import { fillWith, requireNumber, requireTarget } from './fill.js';

function fillConstant<T extends Tensor>(caller: string, tensor: T, value: number): T {
  requireTarget(caller, tensor);
  return fillWith(tensor, creation.full(tensor.shape, requireNumber(caller, 'value', value)));
}

/**
 * Sets all elements to `value`.
 *
 * @returns the tensor
 */
export function constant<T extends Tensor>(tensor: T, value: number): T {
  return fillConstant('constant', tensor, value);
}

/** Sets all elements to 0. */
export function zeros<T extends Tensor>(tensor: T): T {
  return fillConstant('zeros', tensor, 0);
}

/** Sets all elements to 1. */
export function ones<T extends Tensor>(tensor: T): T {
  return fillConstant('ones', tensor, 1);
}

export interface UniformOptions {
  /** Default: 0. */
  a?: number;
  /** Not below a. Default: 1. */
  b?: number;
}

/**
 * Draws each element uniformly from [a, b).
 *
 * @throws RangeError where b is below a
 */
export function uniform<T extends Tensor>(tensor: T, { a = 0, b = 1 }: UniformOptions = {}): T {
  requireTarget('uniform', tensor);
  requireNumber('uniform', 'a', a);
  return fillWith(tensor, creation.uniform(tensor.shape, a, requireNumber('uniform', 'b', b, a)));
}

export interface NormalOptions {
  /** Default: 0. */
  mean?: number;
  /** The standard deviation, from 0 on. Default: 1. */
  std?: number;
}

/** Draws each element from the normal distribution. */
export function normal<T extends Tensor>(tensor: T, { mean = 0, std = 1 }: NormalOptions = {}): T {
  requireTarget('normal', tensor);
  requireNumber('normal', 'mean', mean);
  return fillWith(tensor, creation.normal(tensor.shape, mean, requireNumber('normal', 'std', std, 0)));
}

export interface TruncatedNormalOptions {
  /** Of the distribution before it is cut. Default: 0. */
  mean?: number;
  /** Of the distribution before it is cut; above 0. Default: 1. */
  std?: number;
  /** The least value. Default: −2. */
  a?: number;
  /** The largest value. Default: 2. */
  b?: number;
}

/**
 * Draws each element from the normal distribution cut off below a and above b, by the inverse of its distribution function
 * (Wichura's algorithm AS 241, 1988). a and b are values, not numbers of deviations, as in PyTorch.
 *
 * @throws RangeError where b is not above a, or no probability lies between them
 */
export function truncatedNormal<T extends Tensor>(
  tensor: T,
  { mean = 0, std = 1, a = -2, b = 2 }: TruncatedNormalOptions = {},
): T {
  requireTarget('truncatedNormal', tensor);
  const drawn = native.truncatedNormal(tensor.shape, mean, std, a, b, ...creation.nextStream());
  return fillWith(tensor, new Tensor(drawn, 'f32'));
}
