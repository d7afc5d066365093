import { reshape } from '../../../ops/movement.js';
import { logSoftmax, softmax } from '../../../ops/softmax.js';
import { scope, type Tensor } from '../../../tensor.js';
import { placeOf } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operator, Operators } from './operator.js';
import type { Value } from './value.js';

type Softmax = (x: Tensor, axis: number) => Tensor;

/** Since opset 13: along one axis, the last unless the node says otherwise. */
function alongAxis(node: NodeBuilder, f: Softmax): Value {
  // The order of what is summed makes no difference.
  const x = node.stored(node.input(0), { flat: true });
  const { shape, order, flatChannels, type } = x;
  const place = placeOf(order, node.axis(node.int('axis', -1), shape.length));
  return node.emit([x], { shape, order, flatChannels, type }, ([u]) => f(u!, place));
}

/** Before: over all axes from one on, the second unless the node says otherwise. */
function overRest(node: NodeBuilder, f: Softmax): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const given = node.int('axis', 1);
  const axis = given === rank ? rank : node.axis(given, rank);
  const before = node.stored(value, { flat: true });
  const together = before.order.slice(0, axis).every((other) => other < axis);
  const x = together ? before : node.tensor(value);
  const { shape, order, flatChannels, type } = x;
  return node.emit([x], { shape, order, flatChannels, type }, ([u]) =>
    scope(() => {
      const extents = u!.shape;
      const volume = (list: readonly number[]) => list.reduce((n, extent) => n * extent, 1);
      const rows = reshape(u!, [volume(extents.slice(0, axis)), volume(extents.slice(axis))]);
      return reshape(f(rows, 1), extents);
    }),
  );
}

function operator(f: Softmax): Operator {
  return {
    layout: 'any',
    since: 1,
    build(node) {
      node.requireFloat('input 0', node.input(0));
      return node.opset < 13 ? overRest(node, f) : alongAxis(node, f);
    },
  };
}

export const softmaxes: Operators = { Softmax: operator(softmax), LogSoftmax: operator(logSoftmax) };
