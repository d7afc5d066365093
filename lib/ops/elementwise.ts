import { record } from '../autograd.js';
import { native } from '../native.js';
import { handleOf, Tensor, type DType, type Shape } from '../tensor.js';

/** A tensor, or a number that stands for a scalar of the other operand's dtype. */
export type Operand<D extends DType = 'f32'> = Tensor<D> | number;

/** Both operands as tensors. A tensor made of a number is disposed by scope(), or collected: it holds one element. */
function operands<D extends DType>(a: Operand<D>, b: Operand<D>): [Tensor<D>, Tensor<D>] {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : ('f32' as D);
  const asTensor = (x: Operand<D>) => (typeof x === 'number' ? new Tensor(native.full([], x, dtype), dtype) : x);
  return [asTensor(a), asTensor(b)];
}

/** Sums a gradient over the axes along which `shape` was broadcast. */
function unbroadcast(gradient: Tensor, shape: Shape): Tensor {
  const extra = gradient.rank - shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    axis < extra || (shape[axis - extra] === 1 && extent !== 1) ? [axis] : [],
  );
  if (axes.length === 0) return gradient;
  const sum = new Tensor(native.sum(gradient.handle, axes, false), 'f32');
  return new Tensor(native.reshape(sum.handle, shape), 'f32');
}

type Operation = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum';

/**
 * y = a ⊕ b with broadcasting. `derivative` gives dy/da·g and dy/db·g, as functions called where wanted, from what
 * `saves` picks of a, b and y.
 */
function binary<D extends DType, const Saved extends readonly Tensor<DType>[]>(
  operation: Operation,
  left: Operand<D>,
  right: Operand<D>,
  saves: (a: Tensor, b: Tensor, y: Tensor) => Saved,
  derivative: (g: Tensor, saved: Saved) => [byA: () => Tensor, byB: () => Tensor],
): Tensor<D> {
  const [a, b] = operands(left, right);
  const y = new Tensor(native[operation](handleOf(a), handleOf(b)), a.dtype);
  const [u, v, out] = [a, b, y] as Tensor<DType>[] as [Tensor, Tensor, Tensor];
  if (u.requiresGrad || v.requiresGrad) {
    const [aShape, bShape] = [u.shape, v.shape];
    record(operation, y, [u, v], saves(u, v, out), (g, saved, [needA, needB]) => {
      const [byA, byB] = derivative(g, saved);
      return [needA ? unbroadcast(byA(), aShape) : null, needB ? unbroadcast(byB(), bShape) : null];
    });
  }
  if (typeof left === 'number') a.dispose();
  if (typeof right === 'number') b.dispose();
  return y;
}

/** a + b, elementwise with broadcasting; f32 or i32 (which wraps). */
export function add<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  const nothing = () => [] as const;
  return binary('add', a, b, nothing, (g) => [() => g, () => g]);
}

/** a − b, elementwise with broadcasting; f32 or i32 (which wraps). */
export function sub<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  const nothing = () => [] as const;
  return binary('sub', a, b, nothing, (g) => [() => g, () => neg(g)]);
}

/** a·b, elementwise with broadcasting; f32 or i32 (which wraps). */
export function mul<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  const both = (u: Tensor, v: Tensor) => [u, v] as const;
  return binary('mul', a, b, both, (g, [u, v]) => [() => mul(g, v), () => mul(g, u)]);
}

/** a / b, elementwise with broadcasting. */
export function div(a: Operand, b: Operand): Tensor {
  const divisorAndQuotient = (_: Tensor, v: Tensor, y: Tensor) => [v, y] as const;
  return binary('div', a, b, divisorAndQuotient, (g, [v, y]) => [() => div(g, v), () => neg(div(mul(g, y), v))]);
}

/** a to the power b, elementwise with broadcasting. */
export function pow(a: Operand, b: Operand): Tensor {
  const all = (u: Tensor, v: Tensor, y: Tensor) => [u, v, y] as const;
  return binary('pow', a, b, all, (g, [u, v, y]) => [
    () => mul(g, mul(v, pow(u, sub(v, 1)))),
    // 0ᵇ is constant in b > 0, where y·ln 0 would be no number.
    () => mul(g, where(equal(u, 0), mul(y, 0), mul(y, log(u)))),
  ]);
}

/** The larger of a and b, elementwise with broadcasting; equal ones share the gradient. */
export function maximum<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  return binary('maximum', a, b, (u, v) => [u, v] as const, (g, [u, v]) => shares(g, u, v));
}

/** The smaller of a and b, elementwise with broadcasting; equal ones share the gradient. */
export function minimum<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  return binary('minimum', a, b, (u, v) => [u, v] as const, (g, [u, v]) => shares(g, v, u));
}
