import type { Handle } from '../../../../binding.js';
import type { Attribute } from '../schema.js';
import type { Exporters } from './exporter.js';
import { binaryOf } from './elementwise.js';
import type { Affine } from './folding.js';
import type { Graph } from './graph.js';
import { channelsFirst, type Operand } from './operand.js';
import { Value } from './value.js';

const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });

/** The name of an image in ONNX's layout. */
export function imageName(graph: Graph, input: Handle): string {
  return graph.value(input).grouped(channelsFirst(4).map((axis) => [axis]));
}

/** An image that an operator has made. */
export function imageValue(graph: Graph, name: string, result: Handle): Value {
  return Value.of(graph, name, 'f32', graph.shapeOf(result), channelsFirst(4));
}

/** [top, bottom, left, right] as ONNX has it: all that is before, then all that is after. */
export function padsOf([top = 0, bottom = 0, left = 0, right = 0]: readonly number[]): Attribute {
  return ints([top, left, bottom, right]);
}

/**
 * The weight and bias of a layer that does y·scale + shift too. `channelOf` tells the output channel of an element of
 * the weight, given the places along its last two axes.
 */
export function withAffine(
  graph: Graph,
  { scale, shift }: Affine,
  [weightHandle, biasHandle]: readonly [Handle, Handle | null],
  outputs: number,
  channelOf: (next: number, last: number) => number,
): { weight: Operand; bias: Operand } {
  const weight = graph.constant(weightHandle, 'weight');
  const bias = biasHandle === null ? null : graph.constant(biasHandle, 'bias');
  const [next, last] = weight.extents.slice(-2) as [number, number];
  return {
    weight: graph.derived(weight.label, weight.extents, () => {
      const factors = scale();
      const each = Float64Array.from(
        { length: next * last },
        (_, i) => factors[channelOf(Math.floor(i / last), i % last)]!,
      );
      const values = weight.make();
      const scaled = new Float32Array(values.length);
      for (let from = 0; from < values.length; from += each.length) {
        for (let i = 0; i < each.length; i++) scaled[from + i] = values[from + i]! * each[i]!;
      }
      return scaled;
    }),
    bias: graph.derived(bias?.label ?? weight.label.replace(/weight$/, 'bias'), [outputs], () => {
      const [factors, values] = [scale(), bias?.make()];
      return Float32Array.from(shift(), (s, k) => s + (values?.[k] ?? 0) * factors[k]!);
    }),
  };
}

/** ReLU of a layer that does it in its own pass. */
export function withRelu(graph: Graph, y: Value, relu: boolean): Value {
  return relu ? y.like(graph.node('Relu', [y.name])) : y;
}

/** The weights' axes in ONNX's order, of convolutions and of transposed ones. */
const weightOrder = [3, 2, 0, 1].map((axis) => [axis]);

export const convolutions: Exporters = {
  conv2d: (graph, args, { results }) => {
    const [input, weightHandle, biasHandle, residual, stride, padding, dilation, groups, relu] = args;
    const result = results[0]!;
    const affine = graph.folded(result);
    const outputs = graph.shapeOf(result).at(-1)![0];
    const { weight, bias } = affine
      ? withAffine(graph, affine, [weightHandle, biasHandle], outputs, (_, k) => k)
      : {
          weight: graph.operand(weightHandle),
          bias: biasHandle === null ? null : graph.operand(biasHandle),
        };
    const kernel = weight.shape.slice(0, 2).map(([n]) => n);
    const y = graph.node(
      'Conv',
      [imageName(graph, input), weight.grouped(weightOrder), ...(bias ? [bias.grouped([[0]])] : [])],
      {
        kernel_shape: ints(kernel),
        strides: ints(stride),
        pads: padsOf(padding),
        dilations: ints(dilation),
        group: { kind: 'int', value: groups },
      },
    );
    const convolved = imageValue(graph, y, result);
    const sum =
      residual === null ? convolved : binaryOf(graph, 'Add', convolved, graph.operand(residual), result);
    return withRelu(graph, sum, relu);
  },
  convTranspose2d: (graph, args, { results }) => {
    const [input, weightHandle, biasHandle, stride, padding, dilation, outputPadding, groups, relu] = args;
    const result = results[0]!;
    const affine = graph.folded(result);
    const outputs = graph.shapeOf(result).at(-1)![0];
    const inGroup = graph.shapeOf(weightHandle).at(-1)![0] / groups;
    const { weight, bias } = affine
      ? withAffine(
          graph,
          affine,
          [weightHandle, biasHandle],
          outputs,
          (k, c) => Math.floor(c / inGroup) * (outputs / groups) + k,
        )
      : {
          weight: graph.operand(weightHandle),
          bias: biasHandle === null ? null : graph.operand(biasHandle),
        };
    const kernel = weight.shape.slice(0, 2).map(([n]) => n);
    const y = graph.node(
      'ConvTranspose',
      [imageName(graph, input), weight.grouped(weightOrder), ...(bias ? [bias.grouped([[0]])] : [])],
      {
        kernel_shape: ints(kernel),
        strides: ints(stride),
        pads: padsOf(padding),
        dilations: ints(dilation),
        output_padding: ints(outputPadding),
        group: { kind: 'int', value: groups },
      },
    );
    return withRelu(graph, imageValue(graph, y, result), relu);
  },
};
