import { notEqual } from '../../../ops/elementwise.js';
import type { DType, Tensor } from '../../../tensor.js';
import { dtypeOf, elementTypeOf, isFloat } from '../elements.js';
import type { ElementType } from '../schema.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operator, Operators } from './operator.js';
import type { Extent, Host, Value } from './value.js';

/** A value as another type. Floats of all lengths are f32 here, and whole numbers of all lengths i32. */
function cast(node: NodeBuilder, value: Value, to: ElementType): Value {
  if (to === 'bool' && value.type !== 'bool') {
    return node.elementwise(value, ([x]) => notEqual(x!, 0) as Tensor<DType> as Tensor, { type: to });
  }
  const dtype = dtypeOf(to);
  if (dtypeOf(value.type) === dtype) return { ...node.stored(value, { flat: true }), type: to };
  return node.elementwise(value, ([x]) => x!.cast(dtype) as Tensor<DType> as Tensor, { type: to });
}

function castHost(host: Host, to: ElementType): Host {
  const element = (value: Extent): Extent => {
    if (typeof value !== 'number') return to === 'bool' ? undefined : value;
    if (to === 'bool') return value === 0 ? 0 : 1;
    if (isFloat(to)) return to === 'float64' ? value : Math.fround(value);
    // What a float has that no whole number has is anything in ONNX.
    return Number.isFinite(value) ? Math.trunc(value) : 0;
  };
  return { type: to, shape: host.shape, elements: host.elements.map(element) };
}

function operator(target: (node: NodeBuilder) => ElementType): Operator {
  return {
    layout: 'any',
    since: 6,
    build: (node) => cast(node, node.input(0), target(node)),
    host: (node, [x]) => (x ? castHost(x, target(node)) : null),
  };
}

export const casts: Operators = {
  Cast: operator((node) => elementTypeOf(`${node.title}: its result`, node.int('to'))),
  CastLike: operator((node) => node.input(1).type),
};
