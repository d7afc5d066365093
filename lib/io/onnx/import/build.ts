import type { DType, Tensor } from '../../../tensor.js';
import type { Graph, Node, OnnxModel, ValueInfo } from '../schema.js';
import { quoted } from '../wire.js';
import { GraphBuilder, oldestOpset, type Batch, type Weight } from './graphBuilder.js';
import { inputOrders } from './inputOrders.js';
import { asWritten, channelsLast, sameOrder } from './layout.js';
import { operators } from './operators.js';
import type { Step } from './step.js';
import type { Extent, TensorValue } from './value.js';

/** The last version of ONNX's operators that is understood. */
const newestOpset = 28;

/** A network as it is built from a file. */
export interface Network {
  readonly steps: readonly Step[];
  readonly weights: readonly Weight[];
  readonly inputs: readonly TensorValue[];
  readonly outputs: readonly TensorValue[];
}

/**
 * Builds what computes the outputs of a model.
 *
 * @param outputs names of values to be given instead of the file's outputs
 * @throws Error for operators and forms of them that are not supported, and where the graph does not fit together; nothing
 *   is left then
 */
export function buildNetwork({ graph, opsets }: OnnxModel, outputs?: readonly string[]): Network {
  const opset = opsets.get('');
  if (opset === undefined) throw new Error("the file does not say which version of ONNX's operators it uses");
  if (opset < 1 || opset > newestOpset) {
    throw new Error(
      `the file uses version ${opset} of ONNX's operators, wants ${oldestOpset} to ${newestOpset}`,
    );
  }
  const wanted = outputs ?? graph.outputs.map(({ name }) => name);
  if (wanted.length === 0) throw new Error('the graph has no outputs');
  const part = needed(graph, wanted);
  const orders = inputOrders(part, operators);
  const batch = batchOf(part, orders);
  if (batch) {
    try {
      return built(part, orders, opset, wanted, batch);
    } catch {
      // What needs the number that the file has gets it.
    }
  }
  return built(part, orders, opset, wanted, null);
}

type Orders = ReadonlyMap<string, readonly number[]>;

/** The samples of a network of images whose number the file fixes: exporters do so where nobody tells them otherwise. */
function batchOf({ inputs }: Graph, orders: Orders): Batch | null {
  const [input] = inputs;
  const written = input?.shape?.[0];
  if (inputs.length !== 1 || !input || typeof written !== 'number') return null;
  const order = orders.get(input.name)!;
  const images = order.length > 2 && sameOrder(order, channelsLast(order.length));
  return images ? { extent: '=samples', written } : null;
}

function built(
  part: Graph,
  orders: Orders,
  opset: number,
  wanted: readonly string[],
  batch: Batch | null,
): Network {
  const count = part.inputs.reduce((n, { shape = [] }) => n + knownCount(shape), 0);
  const builder = new GraphBuilder(operators, opset, count, batch);
  try {
    const inputs = part.inputs.map((input) => inputOf(builder, input, orders.get(input.name)!));
    for (const constant of part.constants) builder.initializer(constant);
    const used = new Set([...part.nodes.flatMap((node) => node.inputs), ...wanted]);
    for (const node of part.nodes) builder.node(node, used);
    const outputs = wanted.map((name) => outputOf(builder, name));
    return { steps: builder.steps, weights: builder.weights, inputs, outputs };
  } catch (error) {
    for (const { tensor } of builder.weights) tensor.dispose();
    throw error;
  }
}

/** The product of the extents that are known. */
function knownCount(shape: readonly Extent[]): number {
  return shape.reduce<number>((n, extent) => n * (typeof extent === 'number' ? extent : 1), 1);
}

function inputOf(
  builder: GraphBuilder,
  { name, type, shape }: ValueInfo,
  order: readonly number[],
): TensorValue {
  if (!shape) throw new Error(`input ${quoted(name)} does not say how many axes it has`);
  if (shape.length > 8) throw new Error(`input ${quoted(name)} has ${shape.length} axes, a tensor at most 8`);
  // Names of extents in the file are none of ours.
  const { batch } = builder;
  const open = batch ? shape.with(0, batch.extent.slice(1)) : shape;
  const extents = open.map((extent): Extent => (typeof extent === 'string' ? `=${extent}` : extent));
  return builder.input(
    name,
    type,
    extents.map((extent, i) => extent ?? builder.derived(`${name} ${i}`)),
    order,
  );
}

/** A value as the network gives it: channels last where it flows so, otherwise as the file has it. */
function outputOf(builder: GraphBuilder, name: string): TensorValue {
  const title = `output ${quoted(name)}`;
  const value = builder.value(name);
  if (value.kind === 'host') return { ...builder.tensorOfHost(title, value), name };
  if (value.kind === 'constant') return { ...builder.weight(title, value, []), name };
  const rank = value.shape.length;
  const natural = sameOrder(value.order, channelsLast(rank)) ? value.order : asWritten(rank);
  const whole = builder.unflattened(title, value);
  return { ...builder.rearranged(title, whole, natural), name };
}

/** The part of a graph that the values depend on. */
function needed(graph: Graph, wanted: readonly string[]): Graph {
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.outputs) producers.set(name, node);
  const names = new Set<string>();
  const nodes = new Set<Node>();
  const known = new Set([...graph.inputs, ...graph.constants].map(({ name }) => name));
  const open = [...wanted];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === '' || names.has(name)) continue;
    names.add(name);
    const node = producers.get(name);
    if (!node) {
      if (!known.has(name)) throw new Error(`there is no value ${quoted(name)}`);
      continue;
    }
    if (nodes.has(node)) continue;
    nodes.add(node);
    open.push(...node.inputs);
  }
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => nodes.has(node)),
    constants: graph.constants.filter(({ name }) => names.has(name)),
    inputs: graph.inputs.filter(({ name }) => names.has(name)),
  };
}

/** The tensors of weights by slot. */
export function weightsBySlot(weights: readonly Weight[]): Map<number, Tensor<DType>> {
  return new Map(weights.map(({ slot, tensor }) => [slot, tensor]));
}
