import {
  clamp,
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  mish,
  prelu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
} from '../../../ops/activation.js';
import { greater, maximum, minimum, mul, relu, where } from '../../../ops/elementwise.js';
import { reshape } from '../../../ops/movement.js';
import { scope, type Tensor } from '../../../tensor.js';
import { dtypeOf, isFloat, within32Bits } from '../elements.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operator, Operators } from './operator.js';
import type { Kind } from './step.js';
import type { TensorValue, Value } from './value.js';

/** A function of single elements; `make` is given the node for its attributes. */
function activation(make: (node: NodeBuilder) => (x: Tensor) => Tensor, kind?: Kind): Operator {
  return {
    layout: 'any',
    since: 1,
    build(node) {
      const x = node.input(0);
      node.requireFloat('input 0', x);
      const f = make(node);
      return node.elementwise(x, ([u]) => f(u!), kind ? { kind } : {});
    },
  };
}

/** Whether two numbers are one f32. */
function sameFloat(a: number, b: number): boolean {
  return Math.fround(a) === Math.fround(b);
}

/** An alpha that is not negative, as elu() wants it. */
function alphaOf(node: NodeBuilder, fallback: number): number {
  const alpha = node.float('alpha', fallback);
  return alpha >= 0 ? alpha : node.fail(`alpha is ${alpha}, which is supported from 0 on`);
}

function seluOf(node: NodeBuilder): (x: Tensor) => Tensor {
  const [usualAlpha, usualGamma] = [1.6732632423543772, 1.0507009873554805];
  const alpha = alphaOf(node, usualAlpha);
  const gamma = node.float('gamma', usualGamma);
  if (sameFloat(alpha, usualAlpha) && sameFloat(gamma, usualGamma)) return selu;
  return (x) => scope(() => mul(elu(x, alpha), gamma));
}

/** max(0, x) + min(0, alpha·(e^(x/alpha) − 1)) */
function celuOf(node: NodeBuilder): (x: Tensor) => Tensor {
  const alpha = alphaOf(node, 1);
  if (alpha === 0) node.fail('alpha is 0, wants a number above 0');
  return (x) => scope(() => mul(elu(mul(x, 1 / alpha)), alpha));
}

function hardsigmoidOf(node: NodeBuilder): (x: Tensor) => Tensor {
  const [alpha, beta] = [node.float('alpha', 0.2), node.float('beta', 0.5)];
  // What is written as 1/6 comes as a float.
  if (sameFloat(alpha, 1 / 6) && beta === 0.5) return (x) => hardsigmoid(x);
  return (x) => hardsigmoid(x, { alpha, beta });
}

/** x/(1 + e^(−alpha·x)) */
function swishOf(node: NodeBuilder): (x: Tensor) => Tensor {
  const alpha = node.float('alpha', 1);
  return alpha === 1 ? silu : (x) => scope(() => mul(x, sigmoid(mul(x, alpha))));
}

function geluOf(node: NodeBuilder): (x: Tensor) => Tensor {
  const approximate = node.string('approximate', 'none');
  if (approximate === 'none' || approximate === 'tanh') return (x) => gelu(x, { approximate });
  return node.fail(`approximate is ${JSON.stringify(approximate)}, wants "none" or "tanh"`);
}

/** A bound of Clip: a number, a tensor that is there when the network runs, or none. */
function boundOf(node: NodeBuilder, name: 'min' | 'max'): number | Value | null {
  if (node.opset < 11) return node.has(name) ? node.float(name) : null;
  const value = node.optional(name === 'min' ? 1 : 2);
  if (!value) return null;
  const known = node.known(value);
  if (known ? known.length === 1 : value.shape.every((extent) => extent === 1)) return known?.[0] ?? value;
  return node.fail(`${name} has shape [${value.shape.join(', ')}], wants one element`);
}

/** Clip of floats between numbers. */
function clip(low: number, high: number): { f: (x: Tensor) => Tensor; kind?: Kind } {
  const open = (bound: number) => bound >= Math.fround(3.4e38);
  if (low === 0 && open(high)) return { f: relu, kind: { is: 'relu' } };
  if (low === 0 && high === 6) return { f: relu6 };
  return { f: (x) => clamp(x, low, high) };
}

function buildClip(node: NodeBuilder): Value {
  const x = node.input(0);
  const [low, high] = [boundOf(node, 'min'), boundOf(node, 'max')];
  const numeric = (bound: number | Value | null): bound is number | null =>
    bound === null || typeof bound === 'number';
  if (numeric(low) && numeric(high) && isFloat(x.type)) {
    const { f, kind } = clip(low ?? -Infinity, high ?? Infinity);
    return node.elementwise(x, ([u]) => f(u!), kind ? { kind } : {});
  }
  if (dtypeOf(x.type) === 'u8') node.fail(`input 0 is ${x.type}, which is not supported`);
  let y = node.stored(x, { flat: true });
  for (const [bound, f] of [[low, maximum], [high, minimum]] as const) {
    if (bound !== null) y = bounded(node, y, bound, f);
  } // prettier-ignore
  return y;
}

/** f(x, bound), whose bound is one element. */
function bounded(
  node: NodeBuilder,
  x: TensorValue,
  bound: number | Value,
  f: (x: Tensor, bound: Tensor | number) => Tensor,
): TensorValue {
  const { shape, order, flatChannels, type } = x;
  const inputs = typeof bound === 'number' ? [x] : [x, node.stored(bound)];
  const nearest = typeof bound === 'number' && !isFloat(type) ? within32Bits(bound) : bound;
  return node.emit(inputs, { shape, order, flatChannels, type }, ([u, v]) => {
    if (typeof nearest === 'number') return f(u!, nearest);
    return scope(() => f(u!, reshape(v!, [])));
  });
}

/** Slopes that are one, or one for each place of the last axis, are what prelu() knows. */
function buildPrelu(node: NodeBuilder): Value {
  const [x, slope] = [node.input(0), node.input(1)];
  node.requireFloat('input 0', x);
  const { inputs, shape, order, flatChannels } = node.aligned([x, slope]);
  if (shape.length !== x.shape.length) {
    node.fail(`the slope has ${shape.length} axes, wants at most the ${x.shape.length} of the input`);
  }
  return node.emit(inputs, { shape, order, flatChannels, type: x.type }, ([u, v]) => {
    const channels = v!.shape.at(-1) ?? 1;
    if (v!.size === 1 || (v!.size === channels && u!.shape.at(-1) === channels)) {
      return scope(() => prelu(u!, reshape(v!, [v!.size])));
    }
    return scope(() => where(greater(u!, 0), u!, mul(u!, v!)));
  });
}

function buildThresholdedRelu(node: NodeBuilder): Value {
  const x = node.input(0);
  node.requireFloat('input 0', x);
  const alpha = node.float('alpha', 1);
  return node.elementwise(x, ([u]) => scope(() => where(greater(u!, alpha), u!, 0)));
}

export const activations: Operators = {
  Relu: activation(() => relu, { is: 'relu' }),
  LeakyRelu: activation((node) => {
    const slope = node.float('alpha', 0.01);
    return (x) => leakyRelu(x, slope);
  }),
  PRelu: { layout: 'any', build: buildPrelu },
  Elu: activation((node) => {
    const alpha = alphaOf(node, 1);
    return (x) => elu(x, alpha);
  }),
  // Before, alpha and gamma had fewer digits where they were left out.
  Selu: { ...activation(seluOf), since: 6 },
  Celu: activation(celuOf),
  Sigmoid: activation(() => sigmoid),
  Tanh: activation(() => tanh),
  HardSigmoid: activation(hardsigmoidOf),
  HardSwish: activation(() => hardswish),
  Softplus: activation(() => (x) => softplus(x)),
  Softsign: activation(() => softsign),
  Gelu: activation(geluOf),
  Mish: activation(() => mish),
  Swish: activation(swishOf),
  ThresholdedRelu: { layout: 'any', build: buildThresholdedRelu },
  Clip: { layout: 'any', since: 1, build: buildClip },
};
