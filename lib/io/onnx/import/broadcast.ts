import { reshape, transpose } from '../../../ops/movement.js';
import { scope } from '../../../tensor.js';
import type { GraphBuilder } from './graphBuilder.js';
import { arranged, asWritten, sameOrder, samePlaces } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { ConstantValue, Extent, TensorValue, Value } from './value.js';

/** Tensors that broadcast against each other, and what comes of that. */
export interface Aligned {
  readonly inputs: readonly TensorValue[];
  readonly shape: readonly Extent[];
  readonly order: readonly number[];
  readonly flatChannels: number;
  /** Whether the inputs are known to have one shape. */
  readonly same: boolean;
}

/** Whether a value is known to have one element. */
function single({ shape }: Value): boolean {
  return shape.every((extent) => extent === 1);
}

export function alignedInputs(graph: GraphBuilder, node: NodeBuilder, values: readonly Value[]): Aligned {
  const shape = broadcastShape(node, values);
  const rank = shape.length;
  const whole = values.filter(
    (value): value is TensorValue => value.kind === 'tensor' && value.shape.length === rank,
  );
  // Elements as they lie are as good as any where all others are numbers.
  const [flat] = whole.filter((value) => value.flatChannels > 0);
  const flatChannels =
    flat && values.every((value) => value === flat || single(value)) ? flat.flatChannels : 0;
  const natural = asWritten(rank);
  const lead =
    whole.find((value) => !sameOrder(value.order, natural) && !single(value)) ??
    whole.find((value) => !single(value)) ??
    whole[0];
  const order = lead?.order ?? natural;
  const inputs = values.map((value) => {
    if (flatChannels > 0 && value === flat) return flat;
    return inOrder(graph, node, value, rank, order);
  });
  const same = values.every(
    (value) =>
      value.shape.length === rank &&
      value.shape.every((extent, i) => extent !== undefined && extent === shape[i]),
  );
  return { inputs, shape, order, flatChannels, same };
}

/** A value with axes of extent 1 in front as far as they are needed, laid out by `order`, of so many axes. */
function inOrder(
  graph: GraphBuilder,
  node: NodeBuilder,
  value: Value,
  rank: number,
  order: readonly number[],
): TensorValue {
  const more = rank - value.shape.length;
  const shape = [...Array.from({ length: more }, () => 1), ...value.shape];
  if (value.kind === 'constant') return constantInOrder(node, value, more, order);
  const stored = node.stored(value);
  const before = [...asWritten(more), ...stored.order.map((axis) => axis + more)];
  if (more === 0 && sameOrder(before, order)) return stored;
  // Axes of extent 1 in front are what broadcasting thinks there.
  if (sameOrder(before, order)) return stored;
  const axes = order.map((axis) => before.indexOf(axis));
  const still = samePlaces(shape, before, order);
  const result = { shape, order, type: value.type };
  return graph.emit(node.title, [stored], [result], ([x]) =>
    scope(() => {
      const extents = [...Array.from({ length: more }, () => 1), ...x!.shape];
      if (still) return reshape(x!, arranged(extents, axes));
      return transpose(reshape(x!, extents), axes);
    }),
  )[0]!;
}

function constantInOrder(
  node: NodeBuilder,
  value: ConstantValue,
  more: number,
  order: readonly number[],
): TensorValue {
  const extended = [...Array.from({ length: more }, () => 1), ...value.shape];
  const laid = arranged(extended, order);
  // As many axes as in the file, where those in front are of extent 1.
  const extra = laid.slice(0, more).every((extent) => extent === 1) ? more : 0;
  return node.weight(value, [{ shape: extended }, { axes: order }, { shape: laid.slice(extra) }]);
}

/** The shape of which all are, or to which they are repeated. */
export function broadcastShape(node: NodeBuilder, values: readonly Value[]): Extent[] {
  const rank = Math.max(0, ...values.map(({ shape }) => shape.length));
  return asWritten(rank).map((axis) => {
    let found: Extent = 1;
    for (const { shape } of values) {
      const at = axis - (rank - shape.length);
      if (at < 0) continue;
      found = node.bothExtents(found, shape[at]);
    }
    return found;
  });
}
