import type { Handle } from '../../../../binding.js';
import { withAffine, withRelu } from './conv.js';
import { keepsPlace } from './activation.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import { channelsFirst, count, fixed, numbers, product, type Operand } from './operand.js';
import { Value, type Atom } from './value.js';

/** Features taken apart, and the order in which their parts are to lie. */
interface Parts {
  extents: readonly number[];
  order: readonly number[];
}

/**
 * How features are taken apart where all that becomes of them is an image: as that lies in ONNX's layout, so that it need
 * not be transposed.
 */
function asImage(graph: Graph, result: Handle): Parts | null {
  const features = graph.shapeOf(result).at(-1)![0];
  for (let handle = result; ;) {
    const user = graph.onlyUser(handle);
    if (user?.args[0] !== handle) return null;
    if (user.operation === 'reshape') {
      const shape = graph.shapeOf(user.results[0]!);
      const extents = numbers(shape.slice(1));
      if (shape.length < 3 || !extents || product(extents.map(fixed))[0] !== features) return null;
      return {
        extents,
        order: channelsFirst(shape.length)
          .slice(1)
          .map((axis) => axis - 1),
      };
    }
    if (!keepsPlace.has(user.operation) && user.operation !== 'batchNormInference') return null;
    handle = user.results[0]!;
  }
}

/** The name of a tensor whose last axis is in parts that lie in another order. */
function reordered(operand: Operand, { extents, order }: Parts): string {
  const leading = operand.shape.slice(0, -1);
  const split = operand.reshaped([...leading, ...extents.map(fixed)]);
  const first = count(leading.length).map((axis) => [axis]);
  return split.grouped([...first, order.map((part) => part + leading.length)]);
}

export const products: Exporters = {
  linear: (graph, [input, weightHandle, biasHandle, relu], { results }) => {
    const result = results[0]!;
    const x = graph.value(input);
    const rank = x.shape.length;
    const outputs = graph.shapeOf(result).at(-1)![0];
    const affine = graph.folded(result);
    const { weight, bias } = affine
      ? withAffine(graph, affine, [weightHandle, biasHandle], outputs, (_, k) => k)
      : {
          weight: graph.operand(weightHandle),
          bias: biasHandle === null ? null : graph.operand(biasHandle),
        };
    // The rows of the weight go to where the features are, rather than these to the rows.
    const places = x.featureOrder();
    const features = x.logical[rank - 1]!;
    const leading = count(rank - 1);
    const flat = x.reshaped([...x.shape.slice(0, -1), ...features]);
    const name = flat.grouped([...leading.map((axis) => [axis]), places.map((place) => place + rank - 1)]);
    const parts = (rank === 2 ? asImage(graph, result) : null) ?? { extents: [outputs], order: [0] };
    const columns = parts.extents.map(fixed);
    const split = weight.reshaped([...features, ...columns]);
    const matrix = split.grouped([places, parts.order.map((part) => part + features.length)]);
    const added = bias ? [reordered(bias, parts)] : [];
    const atoms = columns.map((extent): Atom => [...extent]);
    const logical = [...x.logical.slice(0, -1), atoms];
    const physical = [...x.logical.slice(0, -1), parts.order.map((part) => atoms[part]!)];
    if (rank === 2) {
      const y = graph.node('Gemm', [name, matrix, ...added]);
      return withRelu(graph, new Value(graph, y, 'f32', physical, logical), relu);
    }
    const times = graph.node('MatMul', [name, matrix]);
    const y = bias ? graph.node('Add', [times, ...added]) : times;
    return withRelu(graph, new Value(graph, y, 'f32', physical, logical), relu);
  },
  matmul: (graph, [a, b, transposeA, transposeB], { results }) => {
    const [left, right] = [[a, transposeA] as const, [b, transposeB] as const].map(([handle, transposed]) => {
      const operand = graph.operand(handle);
      const axes = count(operand.shape.length);
      if (transposed) axes.splice(-2, 2, axes.at(-1)!, axes.at(-2)!);
      return operand.transposed(axes).grouped(count(axes.length).map((axis) => [axis]));
    });
    const shape = graph.shapeOf(results[0]!);
    return Value.of(graph, graph.node('MatMul', [left!, right!]), 'f32', shape, count(shape.length));
  },
};
