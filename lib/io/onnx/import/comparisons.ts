import { equal, greater, greaterEqual, less, lessEqual, notEqual, where } from '../../../ops/elementwise.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { dtypeOf } from '../elements.js';
import { allowBroadcast } from './arithmetic.js';
import { combined } from './hosts.js';
import type { Operator, Operators } from './operator.js';
import { sameExtent, type Extent } from './value.js';

type Bytes = Tensor<'u8'>;

/** Two tensors of one type, to bytes that are 0 or 1. */
function comparing(
  f: (a: Tensor, b: Tensor) => Bytes,
  numbers: (a: number, b: number) => boolean,
  otherwise?: (a: Extent, b: Extent) => Extent,
): Operator {
  return {
    layout: 'any',
    build(node) {
      const [a, b] = [node.input(0), node.input(1)];
      if (dtypeOf(a.type) !== dtypeOf(b.type)) node.fail(`input 1 is ${b.type}, wants ${a.type}`);
      const { inputs, shape, order, flatChannels, same } = node.aligned([a, b]);
      return node.emit(inputs, { shape, order, flatChannels, type: 'bool' }, ([u, v], run) => {
        if (!same) allowBroadcast(run, [u!, v!]);
        return f(u!, v!) as Tensor<DType> as Tensor;
      });
    },
    host: (node, [a, b]) =>
      a && b ? combined(node, 'bool', [a, b], (x, y) => Number(numbers(x, y)), otherwise) : null,
  };
}

/** The same of bytes that are 0 or 1. */
function ofBits(f: (a: Bytes, b: Bytes) => Bytes, numbers: (a: boolean, b: boolean) => boolean): Operator {
  const own = comparing(
    (a, b) => scope(() => f(a as Tensor<DType> as Bytes, b as Tensor<DType> as Bytes)),
    (a, b) => numbers(a !== 0, b !== 0),
  );
  return {
    ...own,
    build(node) {
      for (const i of [0, 1]) {
        if (node.input(i).type !== 'bool') node.fail(`input ${i} is ${node.input(i).type}, wants bool`);
      }
      return own.build(node);
    },
  };
}

const not: Operator = {
  layout: 'any',
  since: 1,
  build(node) {
    const x = node.input(0);
    if (x.type !== 'bool') node.fail(`input 0 is ${x.type}, wants bool`);
    return node.elementwise(x, ([u]) => equal(u as Tensor<DType> as Bytes, 0) as Tensor<DType> as Tensor);
  },
  host: (node, [x]) => (x ? combined(node, 'bool', [x], (v) => Number(v === 0)) : null),
};

const choice: Operator = {
  layout: 'any',
  build(node) {
    const [c, a, b] = [node.input(0), node.input(1), node.input(2)];
    if (c.type !== 'bool') node.fail(`input 0 is ${c.type}, wants bool`);
    if (dtypeOf(a.type) !== dtypeOf(b.type)) node.fail(`input 2 is ${b.type}, wants ${a.type}`);
    const { inputs, shape, order, flatChannels, same } = node.aligned([c, a, b]);
    return node.emit(inputs, { shape, order, flatChannels, type: a.type }, ([u, v, w], run) => {
      if (!same) allowBroadcast(run, [u!, v!, w!]);
      return where(u as Tensor<DType> as Bytes, v!, w!);
    });
  },
  host(node, [c, a, b]) {
    if (!c || !a || !b) return null;
    const pick = (condition: Extent, x: Extent, y: Extent): Extent => {
      if (typeof condition === 'number') return condition === 0 ? y : x;
      return sameExtent(x, y) ? x : undefined;
    };
    return combined(node, a.type, [c, a, b], (condition, x, y) => (condition === 0 ? y : x), pick);
  },
};

export const comparisons: Operators = {
  Equal: comparing(
    equal,
    (a, b) => a === b,
    (a, b) => (sameExtent(a, b) ? 1 : undefined),
  ),
  Less: comparing(less, (a, b) => a < b),
  LessOrEqual: comparing(lessEqual, (a, b) => a <= b),
  Greater: comparing(greater, (a, b) => a > b),
  GreaterOrEqual: comparing(greaterEqual, (a, b) => a >= b),
  And: ofBits(
    (a, b) => where(a, b, 0),
    (a, b) => a && b,
  ),
  Or: ofBits(
    (a, b) => where(a, 1, b),
    (a, b) => a || b,
  ),
  Xor: ofBits(notEqual, (a, b) => a !== b),
  Not: not,
  Where: choice,
};
