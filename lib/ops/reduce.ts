import { record } from '../autograd.js';
import { native } from '../native.js';
import { defineMethods, handleOf, scope, Tensor, type Shape, requireLive } from '../tensor.js';
import { div, mul, square, sub } from './elementwise.js';

/** The axes to reduce: one, or several, counted from the back where negative; all of them where none are given. */
export type Axes = number | readonly number[];

/** The dtypes that can be added up and compared. */
export type Numeric = 'f32' | 'i32';

function listOf(axes: Axes | undefined): readonly number[] | null {
  return axes === undefined ? null : typeof axes === 'number' ? [axes] : axes;
}

/** Axes that the native side has accepted, as a set of numbers from 0. */
function setOf(axes: readonly number[] | null, rank: number): Set<number> {
  return new Set(
    axes?.map((axis) => (axis < 0 ? axis + rank : axis)) ?? Array.from({ length: rank }, (_, i) => i),
  );
}

/** `reduced` with the axes of `set` as 1: it broadcasts against a tensor of `shape`. */
function withAxes(reduced: Tensor, shape: Shape, set: ReadonlySet<number>): Tensor {
  const kept = shape.map((extent, axis) => (set.has(axis) ? 1 : extent));
  return new Tensor(native.reshape(reduced.handle, kept), 'f32');
}

/** Number of elements that one result is made of. */
function countOf(shape: Shape, set: ReadonlySet<number>): number {
  return shape.reduce((n, extent, axis) => (set.has(axis) ? n * extent : n), 1);
}

/**
 * The sum over `axes`, f32 or i32 (which wraps); 0 where there is nothing to add.
 *
 * @param axes those to reduce. Default: all.
 * @param keepDims keep the reduced axes, as 1. Default: false.
 * @throws RangeError for an axis that the tensor does not have, or one given twice.
 */
export function sum<D extends Numeric = 'f32'>(x: Tensor<D>, axes?: Axes, keepDims = false): Tensor<D> {
  const list = listOf(axes);
  const y = new Tensor(native.sum(handleOf(x), list, keepDims), x.dtype);
  const shape = x.requiresGrad ? x.shape : [];
  return record('sum', y, [x], [], (g) => {
    const unreduced = withAxes(g, shape, setOf(list, shape.length));
    return [new Tensor(native.broadcastTo(unreduced.handle, shape), 'f32')];
  });
}

/**
 * The mean over `axes`; NaN where there is nothing to add.
 *
 * @param axes those to reduce. Default: all.
 * @param keepDims keep the reduced axes, as 1. Default: false.
 * @throws RangeError for an axis that the tensor does not have, or one given twice.
 */
export function mean(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  const list = listOf(axes);
  const y = new Tensor(native.mean(handleOf(x), list, keepDims), 'f32');
  const shape = x.requiresGrad ? x.shape : [];
  return record('mean', y, [x], [], (g) => {
    const set = setOf(list, shape.length);
    const each = div(withAxes(g, shape, set), countOf(shape, set));
    return [new Tensor(native.broadcastTo(each.handle, shape), 'f32')];
  });
}

/**
 * The variance over `axes`: Σ(x − mean)² / (n − correction), n being the number of elements of each result; NaN where n
 * is not above the correction.
 *
 * @param axes those to reduce. Default: all.
 * @param keepDims keep the reduced axes, as 1. Default: false.
 * @param correction 1 for the unbiased estimate (Bessel), 0 for the variance of the elements themselves. Default: 1.
 * @throws RangeError for an axis that the tensor does not have, or one given twice.
 */
export function variance(x: Tensor, axes?: Axes, keepDims = false, correction = 1): Tensor {
  requireLive('variance', 'input', x);
  return scope(() => {
    const squares = sum(square(sub(x, mean(x, axes, true))), axes, keepDims);
    const freedom = countOf(x.shape, setOf(listOf(axes), x.rank)) - correction;
    return div(squares, Math.max(0, freedom));
  });
}

function extremum<D extends Numeric>(
  operation: 'max' | 'min',
  x: Tensor<D>,
  axes: Axes | undefined,
  keepDims: boolean,
): Tensor<D> {
  const list = listOf(axes);
  const y = new Tensor(native[operation](handleOf(x), list, keepDims), x.dtype);
  const [input, output] = [x, y] as Tensor<Numeric>[] as [Tensor, Tensor];
  return record(operation, y, [x], [input, output], (g, [u, v]) => {
    const { shape } = u;
    const set = setOf(list, shape.length);
    const equals = new Tensor(native.equal(u.handle, withAxes(v, shape, set).handle), 'u8');
    const mask = new Tensor(native.cast(equals.handle, 'f32'), 'f32');
    const count = new Tensor(native.sum(mask.handle, [...set], true), 'f32');
    const share = div(withAxes(g, shape, set), count);
    return [new Tensor(native.mul(mask.handle, share.handle), 'f32')];
  });
}

/**
 * The largest element over `axes`, f32 or i32; NaN where one is. Equal ones share the gradient.
 *
 * @param axes those to reduce. Default: all.
 * @param keepDims keep the reduced axes, as 1. Default: false.
 * @throws RangeError for an axis that the tensor does not have, one given twice, or one without elements.
 */
export function max<D extends Numeric = 'f32'>(x: Tensor<D>, axes?: Axes, keepDims = false): Tensor<D> {
  return extremum('max', x, axes, keepDims);
}

/**
 * The smallest element over `axes`, f32 or i32; NaN where one is. Equal ones share the gradient.
 *
 * @param axes those to reduce. Default: all.
 * @param keepDims keep the reduced axes, as 1. Default: false.
 * @throws RangeError for an axis that the tensor does not have, one given twice, or one without elements.
 */
export function min<D extends Numeric = 'f32'>(x: Tensor<D>, axes?: Axes, keepDims = false): Tensor<D> {
  return extremum('min', x, axes, keepDims);
}

/**
 * Where along an axis the largest element is: the first of equal ones; NaN counts as larger than all numbers. No
 * gradient.
 *
 * @param axis counted from the back where negative. Default: the last.
 * @param keepDims keep the axis, as 1. Default: false.
 * @throws RangeError for an axis that the tensor does not have, or one without elements.
 */
export function argMax(x: Tensor<Numeric>, axis = -1, keepDims = false): Tensor<'i32'> {
  return new Tensor(native.argMax(handleOf(x), axis, keepDims), 'i32');
}

/**
 * Where along an axis the smallest element is: the first of equal ones; NaN counts as smaller than all numbers. No
 * gradient.
 *
 * @param axis counted from the back where negative. Default: the last.
 * @param keepDims keep the axis, as 1. Default: false.
 * @throws RangeError for an axis that the tensor does not have, or one without elements.
 */
export function argMin<D extends Numeric>(x: Tensor<D>, axis = -1, keepDims = false): Tensor<'i32'> {
  requireLive('argMin', 'input', x);
  // The least i32 has no opposite: −x − 1 turns the order without one.
  return scope(() => argMax(x.dtype === 'i32' ? sub(mul(x, -1), 1) : mul(x, -1), axis, keepDims));
}

declare module '../tensor.js' {
  interface Tensor {
    /** {@link sum} as a method. */
    sum<N extends Numeric>(this: Tensor<N>, axes?: Axes, keepDims?: boolean): Tensor<N>;
    /** {@link mean} as a method. */
    mean(this: Tensor, axes?: Axes, keepDims?: boolean): Tensor;
    /** {@link variance} as a method. */
    variance(this: Tensor, axes?: Axes, keepDims?: boolean, correction?: number): Tensor;
    /** {@link max} as a method. */
    max<N extends Numeric>(this: Tensor<N>, axes?: Axes, keepDims?: boolean): Tensor<N>;
    /** {@link min} as a method. */
    min<N extends Numeric>(this: Tensor<N>, axes?: Axes, keepDims?: boolean): Tensor<N>;
    /** {@link argMax} as a method. */
    argMax(this: Tensor<Numeric>, axis?: number, keepDims?: boolean): Tensor<'i32'>;
    /** {@link argMin} as a method. */
    argMin(this: Tensor<Numeric>, axis?: number, keepDims?: boolean): Tensor<'i32'>;
  }
}

defineMethods({ sum, mean, variance, max, min, argMax, argMin });
