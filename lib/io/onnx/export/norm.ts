import type { Handle } from '../../../../binding.js';
import { together } from './broadcast.js';
import { withRelu } from './conv.js';
import { binaryOf } from './elementwise.js';
import type { Exporters } from './exporter.js';
import type { Graph } from './graph.js';
import { count, fixed, type Operand } from './operand.js';
import { reduce } from './reduce.js';
import { Value, type Atom } from './value.js';

/** The name of one value for each feature, in the order in which x has its features. */
function asFeatures(operand: Operand, x: Value): string {
  return operand.reshaped(x.logical.at(-1)!).grouped([x.featureOrder()]);
}

/** y·weight + bias, which broadcast. */
function affine(graph: Graph, y: Value, weight: Handle | null, bias: Handle | null, result: Handle): Value {
  const scaled = weight === null ? y : binaryOf(graph, 'Mul', y, graph.operand(weight), result);
  return bias === null ? scaled : binaryOf(graph, 'Add', scaled, graph.operand(bias), result);
}

const epsilon = (value: number) => ({ epsilon: { kind: 'float', value } }) as const;

const filled = (graph: Graph, label: string, size: number, value: number): string =>
  graph.made(label, new Float32Array(size).fill(value), [size]).name;

export const norms: Exporters = {
  batchNormInference: (graph, args, { results }) => {
    const [input, weight, bias, runningMean, runningVar, residual, eps, relu] = args;
    const result = results[0]!;
    let y = graph.value(input);
    // Done by the layer before where it could be.
    if (!graph.isFolded(result)) {
      const x = y.channelsFirst();
      const channels = x.shape.at(-1)![0];
      if (x.shape.length === 1) throw graph.error('is of a tensor without samples');
      const of = (handle: Handle | null, label: string, value: number): string =>
        handle === null
          ? filled(graph, label, channels, value)
          : asFeatures(graph.constant(handle, label), x);
      const names = [
        of(weight, 'weight', 1),
        of(bias, 'bias', 0),
        of(runningMean, 'mean', 0),
        of(runningVar, 'variance', 1),
      ];
      y = x.like(graph.node('BatchNormalization', [x.name, ...names], epsilon(eps)));
    }
    const sum = residual === null ? y : binaryOf(graph, 'Add', y, graph.operand(residual), result);
    return [withRelu(graph, sum, relu), null, null];
  },
  layerNorm: (graph, [input, weight, bias, normalizedShape, eps], { results }) => {
    const result = results[0]!;
    const x = graph.value(input);
    const rank = x.shape.length;
    const axes = count(normalizedShape.length).map((i) => rank - normalizedShape.length + i);
    const order = x.order();
    if (weight !== null && axes.every((axis, i) => order[axes[0]! + i] === axis)) {
      const name = x.grouped(order.map((axis) => [axis]));
      const parameters = [weight, bias]
        .filter((handle) => handle !== null)
        .map((handle) => graph.operand(handle));
      const names = parameters.map((operand) => operand.grouped(axes.map((_, i) => [i])));
      const y = graph.node('LayerNormalization', [name, ...names], {
        axis: { kind: 'int', value: axes[0]! },
        ...epsilon(eps),
      });
      return [Value.of(graph, y, 'f32', x.shape, order), null];
    }
    // The same over axes that do not lie last, without transposing.
    const mean = reduce(graph, 'ReduceMean', x, axes, true);
    const centered = binaryOf(graph, 'Sub', x, mean, result);
    const squares = centered.like(graph.node('Mul', [centered.name, centered.name]));
    const variance = reduce(graph, 'ReduceMean', squares, axes, true);
    const padded = variance.like(graph.node('Add', [variance.name, graph.scalar(eps)]));
    const deviation = padded.like(graph.node('Sqrt', [padded.name]));
    return [affine(graph, binaryOf(graph, 'Div', centered, deviation, result), weight, bias, result), null];
  },
  groupNorm: (graph, [input, weight, bias, groups, eps], { results }) => {
    const x = graph.value(input);
    const rank = x.shape.length;
    const channels = x.shape.at(-1)![0];
    const split = x.reshaped([...x.shape.slice(0, -1), fixed(groups), fixed(channels / groups)]);
    // A group as a channel, whatever is in it as its places.
    const rest = [rank, ...count(rank - 2).map((i) => i + 1)];
    const name = split.grouped([[0], [rank - 1], ...rest.map((axis) => [axis])]);
    const ones = filled(graph, 'ones', groups, 1);
    const y = graph.node(
      'InstanceNormalization',
      [name, ones, filled(graph, 'zeros', groups, 0)],
      epsilon(eps),
    );
    const physical = [0, rank - 1, ...rest].map((axis) => split.logical[axis]!);
    const logical = [
      ...split.logical.slice(0, rank - 1),
      [...split.logical[rank - 1]!, ...split.logical[rank]!],
    ];
    return [affine(graph, new Value(graph, y, 'f32', physical, logical), weight, bias, results[0]!), null];
  },
  instanceNorm: (graph, [input, weight, bias, runningMean, , , eps]) => {
    if (runningMean !== null) throw graph.error('moves running statistics, which a graph cannot do');
    const x = graph.value(input).channelsFirst();
    const channels = x.shape.at(-1)![0];
    const of = (handle: Handle | null, label: string, value: number): string =>
      handle === null ? filled(graph, label, channels, value) : asFeatures(graph.constant(handle, label), x);
    const names = [of(weight, 'weight', 1), of(bias, 'bias', 0)];
    return [x.like(graph.node('InstanceNormalization', [x.name, ...names], epsilon(eps))), null];
  },
  localResponseNorm: (graph, [input, size, alpha, beta, k], { results }) => {
    const x = graph.value(input);
    const rank = x.shape.length;
    // As an image: what is between the first axis and the last are its places.
    const first = rank > 1 ? [0] : [];
    const places = count(Math.max(0, rank - 2)).map((i) => i + 1);
    const axes = [first, [rank - 1], places, []];
    const physical = axes.map((group) => group.flatMap((axis): readonly Atom[] => x.logical[axis]!));
    const image = new Value(graph, x.grouped(axes), 'f32', physical, x.logical);
    if (size % 2 === 1) {
      const y = graph.node('LRN', [image.name], {
        size: { kind: 'int', value: size },
        alpha: { kind: 'float', value: alpha },
        beta: { kind: 'float', value: beta },
        bias: { kind: 'float', value: k },
      });
      return image.like(y);
    }
    // ONNX has the neighbour that an even number has more on the other side: channels as rows, and the mean over these.
    const rows = [first, [], [rank - 1], places];
    const lying = rows.map((group) => group.flatMap((axis): readonly Atom[] => x.logical[axis]!));
    const squares = graph.node('Mul', [image.name, image.name]);
    const asRows = new Value(graph, squares, 'f32', physical, x.logical).grouped(rows);
    const [before, after] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
    const energy = graph.node('AveragePool', [asRows], {
      kernel_shape: { kind: 'ints', value: [size, 1] },
      pads: { kind: 'ints', value: [before, 0, after, 0] },
      count_include_pad: { kind: 'int', value: 1 },
    });
    const scaled = graph.node('Add', [graph.node('Mul', [energy, graph.scalar(alpha)]), graph.scalar(k)]);
    const power = new Value(graph, graph.node('Pow', [scaled, graph.scalar(beta)]), 'f32', lying, x.logical);
    const { names, result } = together(graph, [image, power], graph.shapeOf(results[0]!));
    return result(graph.node('Div', names), 'f32');
  },
};
