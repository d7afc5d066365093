import { native } from '../native.js';
import { neg } from '../ops/elementwise.js';
import type { DType, Tensor } from '../tensor.js';
import type { LossOptions } from './options.js';
import { pointLoss } from './pointLoss.js';

/**
 * The squared error, (input − target)² of each element; half its sum is what many courses call the quadratic cost. The
 * gradient goes to both.
 *
 * @param input f32 of any shape.
 * @param target of the same shape; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others.
 */
export function mse(input: Tensor, target: Tensor<DType>, options: LossOptions = {}): Tensor {
  return pointLoss('mse', input, target, options, {
    forward: (given) => native.mse(...given),
    backward: (g, given) => native.mseBackward(g, ...given),
    byTarget: neg,
  });
}

/**
 * The absolute error, |input − target| of each element. Its gradient is ±1, and 0 where they are equal. It goes to both.
 *
 * @param input f32 of any shape.
 * @param target of the same shape; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others.
 */
export function l1(input: Tensor, target: Tensor<DType>, options: LossOptions = {}): Tensor {
  return pointLoss('l1', input, target, options, {
    forward: (given) => native.l1(...given),
    backward: (g, given) => native.l1Backward(g, ...given),
    byTarget: neg,
  });
}

export interface HuberOptions extends LossOptions {
  /** Where the parabola becomes a line; above 0. Default: 1. */
  readonly delta?: number | undefined;
}

/**
 * Huber's loss (1964): with d = input − target, d²/2 where |d| ≤ delta, else delta·(|d| − delta/2). Outliers pull no
 * stronger than delta. The gradient goes to both.
 *
 * @param input f32 of any shape.
 * @param target of the same shape; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others.
 */
export function huber(
  input: Tensor,
  target: Tensor<DType>,
  { delta = 1, ...options }: HuberOptions = {},
): Tensor {
  return pointLoss('huber', input, target, options, {
    forward: (given) => native.huber(...given, delta),
    backward: (g, given) => native.huberBackward(g, ...given, delta),
    byTarget: neg,
  });
}

export interface SmoothL1Options extends LossOptions {
  /** Where the parabola becomes a line; 0 makes it the absolute error. Default: 1. */
  readonly beta?: number | undefined;
}

/**
 * The smooth absolute error (Girshick, "Fast R-CNN", 2015): with d = input − target, d²/(2·beta) where |d| < beta, else
 * |d| − beta/2: Huber's loss divided by its delta. The gradient goes to both.
 *
 * @param input f32 of any shape.
 * @param target of the same shape; whole numbers are taken for what they are.
 * @throws TypeError, RangeError where dtypes, shapes or options are others.
 */
export function smoothL1(
  input: Tensor,
  target: Tensor<DType>,
  { beta = 1, ...options }: SmoothL1Options = {},
): Tensor {
  return pointLoss('smoothL1', input, target, options, {
    forward: (given) => native.smoothL1(...given, beta),
    backward: (g, given) => native.smoothL1Backward(g, ...given, beta),
    byTarget: neg,
  });
}
