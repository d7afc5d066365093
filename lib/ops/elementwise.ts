import { noGrad, record } from '../autograd.js';
import { describe } from '../describe.js';
import { native } from '../native.js';
import { defineMethods, handleOf, scope, Tensor, type DType } from '../tensor.js';
import { unbroadcast } from './movement.js';

/** A tensor, or a number that stands for a scalar of the other operand's dtype. */
export type Operand<D extends DType = 'f32'> = Tensor<D> | number;

/** Both operands as tensors. A tensor made of a number is disposed by scope(), or collected: it holds one element. */
function operands<D extends DType>(a: Operand<D>, b: Operand<D>): [Tensor<D>, Tensor<D>] {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : ('f32' as D);
  const asTensor = (x: Operand<D>) =>
    typeof x === 'number' ? new Tensor(native.full([], x, dtype), dtype) : x;
  return [asTensor(a), asTensor(b)];
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

export interface DivOptions {
  /** 'trunc' cuts fractions off, towards 0. Default: quotients as they are. */
  roundingMode?: 'trunc' | undefined;
}

/**
 * a / b, elementwise with broadcasting. With roundingMode 'trunc' also of i32, where a quotient by 0 is 0; it has no
 * gradient then.
 */
export function div(a: Operand, b: Operand): Tensor;
export function div<D extends 'f32' | 'i32'>(
  a: Operand<D>,
  b: Operand<D>,
  options: DivOptions & { roundingMode: 'trunc' },
): Tensor<D>;
export function div(a: Operand<DType>, b: Operand<DType>, { roundingMode }: DivOptions = {}): Tensor<DType> {
  if (roundingMode === undefined) return quotient(a as Operand, b as Operand);
  const given: unknown = roundingMode;
  if (given !== 'trunc') throw new RangeError(`div: roundingMode is ${describe(given)}, wants 'trunc'`);
  const [u, v] = operands(a, b);
  try {
    if (u.dtype !== 'f32') return new Tensor(native.divTruncated(handleOf(u), handleOf(v)), 'i32');
    return noGrad(() => scope(() => truncated(quotient(u as Tensor, v as Tensor))));
  } finally {
    if (typeof a === 'number') u.dispose();
    if (typeof b === 'number') v.dispose();
  }
}

function truncated(x: Tensor): Tensor {
  return where(less(x, 0), ceil(x), floor(x));
}

function quotient(a: Operand, b: Operand): Tensor {
  const divisorAndQuotient = (_: Tensor, v: Tensor, y: Tensor) => [v, y] as const;
  return binary('div', a, b, divisorAndQuotient, (g, [v, y]) => [
    () => quotient(g, v),
    () => neg(quotient(mul(g, y), v)),
  ]);
}

/** a to the power b, elementwise with broadcasting. The gradient by b is that of positive bases; 0 where a = 0. */
export function pow(a: Operand, b: Operand): Tensor {
  const all = (u: Tensor, v: Tensor, y: Tensor) => [u, v, y] as const;
  return binary('pow', a, b, all, (g, [u, v, y]) => [
    () => mul(g, mul(v, pow(u, sub(v, 1)))),
    () => mul(g, where(equal(u, 0), 0, mul(y, log(u)))),
  ]);
}

/** The larger of a and b, elementwise with broadcasting, NaN where either is; equal ones share the gradient. */
export function maximum<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  const both = (u: Tensor, v: Tensor) => [u, v] as const;
  return binary('maximum', a, b, both, (g, [u, v]) => [() => mul(g, share(u, v)), () => mul(g, share(v, u))]);
}

/** The smaller of a and b, elementwise with broadcasting, NaN where either is; equal ones share the gradient. */
export function minimum<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  const both = (u: Tensor, v: Tensor) => [u, v] as const;
  return binary('minimum', a, b, both, (g, [u, v]) => [() => mul(g, share(v, u)), () => mul(g, share(u, v))]);
}

/** 1 where u > v, ½ where they are equal, else 0. */
function share(u: Tensor, v: Tensor): Tensor {
  return mul(add(toF32(less(v, u)), toF32(lessEqual(v, u))), 0.5);
}

function toF32(x: Tensor<DType>): Tensor {
  return new Tensor(native.cast(x.handle, 'f32'), 'f32');
}

type UnaryOperation =
  | 'neg'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'abs'
  | 'sign'
  | 'square'
  | 'reciprocal'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'relu';

/** y = f(x), whose derivative needs x. */
function ofInput(operation: UnaryOperation, x: Tensor, derivative: (g: Tensor, x: Tensor) => Tensor): Tensor {
  const y = new Tensor(native[operation](handleOf(x)), 'f32');
  return record(operation, y, [x], [x], (g, [input]) => [derivative(g, input)]);
}

/** y = f(x), whose derivative needs y. */
function ofOutput(
  operation: UnaryOperation,
  x: Tensor,
  derivative: (g: Tensor, y: Tensor) => Tensor,
): Tensor {
  const y = new Tensor(native[operation](handleOf(x)), 'f32');
  return record(operation, y, [x], [y], (g, [output]) => [derivative(g, output)]);
}

/** −x */
export function neg(x: Tensor): Tensor {
  return ofInput('neg', x, (g) => neg(g));
}

/** eˣ */
export function exp(x: Tensor): Tensor {
  return ofOutput('exp', x, (g, y) => mul(g, y));
}

/** The natural logarithm: −∞ at 0, NaN below. */
export function log(x: Tensor): Tensor {
  return ofInput('log', x, (g, u) => div(g, u));
}

/** The square root: NaN below 0. */
export function sqrt(x: Tensor): Tensor {
  return ofOutput('sqrt', x, (g, y) => div(mul(g, 0.5), y));
}

/** |x|; the gradient at 0 is 0. */
export function abs(x: Tensor): Tensor {
  return ofInput('abs', x, (g, u) => mul(g, sign(u)));
}

/** −1, 0 or 1; the gradient is 0. */
export function sign(x: Tensor): Tensor {
  return ofInput('sign', x, (g) => mul(g, 0));
}

/** x² */
export function square(x: Tensor): Tensor {
  return ofInput('square', x, (g, u) => mul(mul(g, 2), u));
}

/** 1/x */
export function reciprocal(x: Tensor): Tensor {
  return ofOutput('reciprocal', x, (g, y) => neg(mul(g, square(y))));
}

/** The greatest whole number that is not above x; the gradient is 0. */
export function floor(x: Tensor): Tensor {
  return ofInput('floor', x, (g) => mul(g, 0));
}

/** The least whole number that is not below x; the gradient is 0. */
export function ceil(x: Tensor): Tensor {
  return ofInput('ceil', x, (g) => mul(g, 0));
}

/** The whole number nearest to x, of two the even one; the gradient is 0. */
export function round(x: Tensor): Tensor {
  return ofInput('round', x, (g) => mul(g, 0));
}

/** max(0, x) (Nair and Hinton, 2010); the gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  return ofOutput('relu', x, (g, y) => new Tensor(native.reluBackward(g.giveUp(), y.handle), 'f32'));
}

type ComparisonOperation = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual';

function comparison<D extends DType>(
  operation: ComparisonOperation,
  left: Operand<D>,
  right: Operand<D>,
): Tensor<'u8'> {
  const [a, b] = operands(left, right);
  const y = new Tensor(native[operation](handleOf(a), handleOf(b)), 'u8');
  if (typeof left === 'number') a.dispose();
  if (typeof right === 'number') b.dispose();
  return y;
}

/** 1 where a = b, else 0, with broadcasting; any dtype. */
export function equal<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<'u8'> {
  return comparison('equal', a, b);
}

/** 1 where a ≠ b, else 0, with broadcasting; any dtype. */
export function notEqual<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<'u8'> {
  return comparison('notEqual', a, b);
}

/** 1 where a < b, else 0, with broadcasting; any dtype. */
export function less<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<'u8'> {
  return comparison('less', a, b);
}

/** 1 where a ≤ b, else 0, with broadcasting; any dtype. */
export function lessEqual<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<'u8'> {
  return comparison('lessEqual', a, b);
}

/** 1 where a > b, else 0, with broadcasting; any dtype. */
export function greater<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<'u8'> {
  return comparison('greater', a, b);
}

/** 1 where a ≥ b, else 0, with broadcasting; any dtype. */
export function greaterEqual<D extends DType = 'f32'>(a: Operand<D>, b: Operand<D>): Tensor<'u8'> {
  return comparison('greaterEqual', a, b);
}

/** a where the condition (u8) is not 0, else b, of one dtype; the three broadcast to one shape. */
export function where<D extends DType = 'f32'>(
  condition: Tensor<'u8'>,
  a: Operand<D>,
  b: Operand<D>,
): Tensor<D> {
  const [u, v] = operands(a, b);
  const y = new Tensor(native.where(handleOf(condition), handleOf(u), handleOf(v)), u.dtype);
  if (u.requiresGrad || v.requiresGrad) {
    const [uShape, vShape] = [u.shape, v.shape];
    record('where', y, [u, v], [condition], (g, [c], [needU, needV]) => [
      needU ? unbroadcast(where(c, g, 0), uShape) : null,
      needV ? unbroadcast(where(c, 0, g), vShape) : null,
    ]);
  }
  if (typeof a === 'number') u.dispose();
  if (typeof b === 'number') v.dispose();
  return y;
}

declare module '../tensor.js' {
  interface Tensor<D extends DType = 'f32'> {
    /** {@link add} as a method. */
    add(other: Operand<D>): Tensor<D>;
    /** {@link sub} as a method. */
    sub(other: Operand<D>): Tensor<D>;
    /** {@link mul} as a method. */
    mul(other: Operand<D>): Tensor<D>;
    /** {@link div} as a method. */
    div(this: Tensor, other: Operand): Tensor;
    /** {@link div} as a method. */
    div<E extends 'f32' | 'i32'>(
      this: Tensor<E>,
      other: Operand<E>,
      options: DivOptions & { roundingMode: 'trunc' },
    ): Tensor<E>;
    /** {@link pow} as a method. */
    pow(this: Tensor, exponent: Operand): Tensor;
    /** {@link maximum} as a method. */
    maximum(other: Operand<D>): Tensor<D>;
    /** {@link minimum} as a method. */
    minimum(other: Operand<D>): Tensor<D>;
    /** {@link neg} as a method. */
    neg(this: Tensor): Tensor;
    /** {@link exp} as a method. */
    exp(this: Tensor): Tensor;
    /** {@link log} as a method. */
    log(this: Tensor): Tensor;
    /** {@link sqrt} as a method. */
    sqrt(this: Tensor): Tensor;
    /** {@link abs} as a method. */
    abs(this: Tensor): Tensor;
    /** {@link sign} as a method. */
    sign(this: Tensor): Tensor;
    /** {@link square} as a method. */
    square(this: Tensor): Tensor;
    /** {@link reciprocal} as a method. */
    reciprocal(this: Tensor): Tensor;
    /** {@link floor} as a method. */
    floor(this: Tensor): Tensor;
    /** {@link ceil} as a method. */
    ceil(this: Tensor): Tensor;
    /** {@link round} as a method. */
    round(this: Tensor): Tensor;
    /** {@link relu} as a method. */
    relu(this: Tensor): Tensor;
    /** {@link equal} as a method. */
    equal(other: Operand<D>): Tensor<'u8'>;
    /** {@link notEqual} as a method. */
    notEqual(other: Operand<D>): Tensor<'u8'>;
    /** {@link less} as a method. */
    less(other: Operand<D>): Tensor<'u8'>;
    /** {@link lessEqual} as a method. */
    lessEqual(other: Operand<D>): Tensor<'u8'>;
    /** {@link greater} as a method. */
    greater(other: Operand<D>): Tensor<'u8'>;
    /** {@link greaterEqual} as a method. */
    greaterEqual(other: Operand<D>): Tensor<'u8'>;
  }
}

defineMethods({
  add,
  sub,
  mul,
  div,
  pow,
  maximum,
  minimum,
  neg,
  exp,
  log,
  sqrt,
  abs,
  sign,
  square,
  reciprocal,
  floor,
  ceil,
  round,
  relu,
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual,
});
