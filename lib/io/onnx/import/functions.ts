import { erf } from '../../../ops/activation.js';
import {
  abs,
  ceil,
  exp,
  floor,
  log,
  maximum,
  mul,
  neg,
  notEqual,
  reciprocal,
  round,
  sign,
  sqrt,
} from '../../../ops/elementwise.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { dtypeOf } from '../elements.js';
import { combined } from './hosts.js';
import type { Operator, Operators } from './operator.js';

/** A function of single elements. `whole` is the same of i32, where there is such. */
function ofElements(
  f: (x: Tensor) => Tensor,
  numbers?: (x: number) => number,
  whole?: (x: Tensor) => Tensor,
): Operator {
  return {
    layout: 'any',
    since: 1,
    build(node) {
      const x = node.input(0);
      if (dtypeOf(x.type) === 'i32' && whole) return node.elementwise(x, ([u]) => scope(() => whole(u!)));
      node.requireFloat('input 0', x);
      return node.elementwise(x, ([u]) => f(u!));
    },
    ...(numbers && { host: (node, [x]) => (x ? combined(node, x.type, [x], numbers) : null) }),
  };
}

/** Rounded to the nearest whole number, of two to the even one. */
function nearest(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** Whether elements are so, as bytes. */
function asking(f: (x: Tensor) => Tensor<'u8'>): Operator {
  return {
    layout: 'any',
    build(node) {
      const x = node.input(0);
      node.requireFloat('input 0', x);
      return node.elementwise(x, ([u]) => scope(() => f(u!) as Tensor<DType> as Tensor), { type: 'bool' });
    },
  };
}

export const functions: Operators = {
  Sqrt: ofElements(sqrt, Math.sqrt),
  Exp: ofElements(exp),
  Log: ofElements(log),
  Neg: ofElements(
    neg,
    (x) => -x,
    (x) => mul(x, -1),
  ),
  Abs: ofElements(abs, Math.abs, (x) => maximum(x, mul(x, -1))),
  Sign: ofElements(sign, Math.sign),
  Reciprocal: ofElements(reciprocal, (x) => 1 / x),
  Floor: ofElements(floor, Math.floor),
  Ceil: ofElements(ceil, Math.ceil),
  Round: ofElements(round, nearest),
  Erf: ofElements(erf),
  IsNaN: asking((x) => notEqual(x, x)),
};
