import {
  add,
  div,
  floor,
  maximum,
  minimum,
  mul,
  pow,
  reciprocal,
  sqrt,
  square,
  sub,
} from '../../../ops/elementwise.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { dtypeOf, isFloat } from '../elements.js';
import { combined, differenceOf, productOf, quotientOf, sumOf } from './hosts.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operator, Operators } from './operator.js';
import type { Compute, Run } from './step.js';
import type { Extent, Host, TensorValue, Value } from './value.js';

type Pair<T> = (a: T, b: T) => T;

/** Refuses results beyond what the run allows, where tensors of different shapes make a larger one. */
export function allowBroadcast(run: Run, inputs: readonly Tensor<DType>[]): void {
  const rank = Math.max(...inputs.map((x) => x.rank));
  run.allow(
    Array.from({ length: rank }, (_, axis) =>
      Math.max(...inputs.map(({ shape }) => shape[axis - (rank - shape.length)] ?? 1)),
    ),
  );
}

/** The element type that all values have. */
function typeOf(node: NodeBuilder, values: readonly Value[]): Value['type'] {
  const [first] = values;
  const type = first?.type ?? node.fail('there are no inputs');
  if (type === 'bool') node.fail('input 0 is bool, wants numbers');
  for (const [i, other] of values.entries()) {
    if (dtypeOf(other.type) !== dtypeOf(type)) node.fail(`input ${i} is ${other.type}, wants ${type}`);
  }
  return type;
}

/** f of bytes, whose results wrap. */
function ofBytes(f: Pair<Tensor>): Pair<Tensor> {
  return (a, b) => {
    const real = (x: Tensor): Tensor => (x as Tensor<DType>).cast('f32');
    const y = f(real(a), real(b));
    const wrapped = sub(y, mul(floor(mul(y, 1 / 256)), 256));
    return wrapped.cast('u8') as Tensor<DType> as Tensor;
  };
}

/** f of all inputs, one after the other. */
function folded(node: NodeBuilder, f: Pair<Tensor>, last?: (y: Tensor) => Tensor): TensorValue {
  const values = node.inputs.map((_, i) => node.input(i));
  const type = typeOf(node, values);
  const g = dtypeOf(type) === 'u8' ? ofBytes(f) : f;
  const { inputs, shape, order, flatChannels, same } = node.aligned(values);
  if (inputs.length === 1) return inputs[0]!;
  const compute: Compute = (given, run) => {
    if (!same) allowBroadcast(run, given);
    return scope(() => {
      const y = given.reduce((a, b) => g(a, b));
      return last ? last(y) : y;
    });
  };
  const sums = same && f === add && !last && inputs.length === 2 && isFloat(type);
  return node.emit(
    inputs,
    { shape, order, flatChannels, type },
    compute,
    sums ? { kind: { is: 'add' } } : {},
  );
}

/** Add, Sub, Mul, Max, Min and the like; any number of inputs where ONNX takes them. */
function variadic(f: Pair<Tensor>, numbers: Pair<number>, otherwise?: Pair<Extent>): Operator {
  return {
    layout: 'any',
    build: (node) => folded(node, f),
    host: (node, inputs) => {
      const [first, ...rest] = inputs.map((host, i) => host ?? node.fail(`input ${i} is missing`));
      return rest.reduce<Host | null>(
        (a, b) => a && combined(node, a.type, [a, b], numbers, otherwise),
        first ?? null,
      );
    },
  };
}

/** As ONNX has it of whole numbers: cut off towards 0. */
function quotient(node: NodeBuilder, a: Host, b: Host): Host | null {
  const divided = (x: number, y: number) => (y === 0 && !isFloat(a.type) ? node.fail('divides by 0') : x / y);
  return combined(node, a.type, [a, b], divided, quotientOf);
}

function buildDiv(node: NodeBuilder): Value {
  const cut = (a: Tensor, b: Tensor) => div(a, b, { roundingMode: 'trunc' });
  return folded(node, isFloat(node.input(0).type) ? (a, b) => div(a, b) : cut);
}

/** x to a power that is known: squares and roots take a small part of the time that powers do. */
function poweredBy(exponent: number): (x: Tensor) => Tensor {
  switch (exponent) {
    case 2:
      return square;
    case 3:
      return (x) => scope(() => mul(square(x), x));
    case 0.5:
      return sqrt;
    case -1:
      return reciprocal;
    default:
      return (x) => pow(x, exponent);
  }
}

function buildPow(node: NodeBuilder): Value {
  const [x, exponent] = [node.input(0), node.input(1)];
  const { type } = x;
  const real = (t: Tensor<DType>): Tensor => t.cast('f32');
  const back = (y: Tensor): Tensor =>
    isFloat(type) ? y : (y.cast(dtypeOf(type)) as Tensor<DType> as Tensor);
  if (
    exponent.kind !== 'tensor' &&
    exponent.shape.every((extent) => extent === 1) &&
    exponent.shape.length <= x.shape.length
  ) {
    const [known] = (exponent.kind === 'constant' && exponent.trainable ? null : node.known(exponent)) ?? [];
    if (known !== undefined) {
      const f = poweredBy(known);
      return node.elementwise(x, ([u]) => (isFloat(type) ? f(u!) : scope(() => back(f(real(u!))))));
    }
  }
  const { inputs, shape, order, flatChannels, same } = node.aligned([x, exponent]);
  return node.emit(inputs, { shape, order, flatChannels, type }, ([u, v], run) => {
    if (!same) allowBroadcast(run, [u!, v!]);
    return scope(() => back(pow(real(u!), real(v!))));
  });
}

function remainder(node: NodeBuilder, a: Host, b: Host): Host | null {
  const truncated = node.flag('fmod', false);
  return combined(node, a.type, [a, b], (x, y) => {
    if (y === 0) return node.fail('divides by 0');
    return truncated ? x % y : x - y * Math.floor(x / y);
  });
}

/** Of two arrays on the JavaScript side. */
function ofPair(f: (node: NodeBuilder, a: Host, b: Host) => Host | null): NonNullable<Operator['host']> {
  return (node, [a, b]) => (a && b ? f(node, a, b) : null);
}

export const arithmetic: Operators = {
  Add: variadic(add, (a, b) => a + b, sumOf),
  Sub: variadic(sub, (a, b) => a - b, differenceOf),
  Mul: variadic(mul, (a, b) => a * b, productOf),
  Div: { layout: 'any', build: buildDiv, host: ofPair(quotient) },
  Pow: {
    layout: 'any',
    build: buildPow,
    host: ofPair((node, a, b) => combined(node, a.type, [a, b], (x, y) => x ** y)),
  },
  Mod: {
    layout: 'any',
    build: (node) => node.fail('the remainder of tensors is not supported'),
    host: ofPair(remainder),
  },
  Sum: { ...variadic(add, (a, b) => a + b, sumOf), since: 6 },
  Max: { ...variadic(maximum, (a, b) => Math.max(a, b)), since: 6 },
  Min: { ...variadic(minimum, (a, b) => Math.min(a, b)), since: 6 },
  Mean: {
    layout: 'any',
    since: 6,
    build(node) {
      node.requireFloat('input 0', node.input(0));
      const count = node.inputs.length;
      return folded(node, add, (y) => mul(y, 1 / count));
    },
  },
};
