import { describe } from '../describe.js';
import { requireLive, type DType, type Tensor } from '../tensor.js';

/** A tensor that can be filled: f32, and not disposed. */
export function requireTarget(caller: string, tensor: Tensor): Tensor {
  const given: Tensor<DType> = requireLive(caller, 'tensor', tensor);
  if (given.dtype !== 'f32') throw new TypeError(`${caller}: tensor is ${given.dtype}, wants f32`);
  return tensor;
}

/** A number that is finite, and at least `least`. */
export function requireNumber(caller: string, argument: string, value: number, least = -Infinity): number {
  if (Number.isFinite(value) && value >= least) return value;
  const error = typeof value === 'number' ? RangeError : TypeError;
  const wanted = least === -Infinity ? 'a finite number' : `a finite number from ${least} on`;
  throw new error(`${caller}: ${argument} is ${describe(value)}, wants ${wanted}`);
}

/** Copies `values`, which it disposes, into the tensor. */
export function fillWith<T extends Tensor>(tensor: T, values: Tensor): T {
  using made = values;
  tensor.assign(made);
  return tensor;
}
