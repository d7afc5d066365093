import type { Graph, Node } from '../schema.js';
import { asWritten, channelsLast } from './layout.js';
import type { Operators } from './operator.js';

/** A value's layout, as whoever uses it wants it; by number of axes. */
type Wanted = 'spatial' | 'written' | { readonly axes: readonly number[]; readonly then: Wanted };

/**
 * How the network's inputs are laid out: as the first operators want them that are not indifferent. Images that flow into
 * convolutions are [N, H, W, C].
 */
export function inputOrders(graph: Graph, operators: Operators): Map<string, readonly number[]> {
  const wanted = new Map<string, Wanted>();
  // From the last node on, so that what its results' users want is known.
  for (const node of graph.nodes.toReversed()) {
    const [x] = node.inputs;
    if (x === undefined || x === '') continue;
    const wish = wishOf(node, operators, wanted);
    if (wish) wanted.set(x, wish);
    if (wish && Object.hasOwn(operators, node.operation) && operators[node.operation]!.layout === 'any') {
      for (const name of node.inputs.slice(1)) if (name !== '' && !wanted.has(name)) wanted.set(name, wish);
    }
  }
  return new Map(
    graph.inputs.map(({ name, shape = [] }) => [name, orderOf(wanted.get(name) ?? 'written', shape.length)]),
  );
}

function wishOf(node: Node, operators: Operators, wanted: ReadonlyMap<string, Wanted>): Wanted | null {
  if (node.operation === 'Shape') return null;
  const behind = wanted.get(node.outputs[0] ?? '') ?? null;
  const layout = Object.hasOwn(operators, node.operation) ? operators[node.operation]!.layout : 'written';
  if (layout !== 'any') return layout;
  if (node.operation !== 'Transpose') return behind;
  const perm = node.attributes.get('perm');
  if (!behind || perm?.kind !== 'ints') return null;
  return { axes: perm.value, then: behind };
}

/** Chains of transpositions that are longer are none that anyone writes. */
const longest = 64;

function orderOf(wanted: Wanted, rank: number): readonly number[] {
  const path: (readonly number[])[] = [];
  let last = wanted;
  while (typeof last === 'object' && path.length < longest) {
    path.push(last.axes);
    last = last.then;
  }
  let order: readonly number[] = last === 'spatial' ? channelsLast(rank) : asWritten(rank);
  for (const axes of path.toReversed()) {
    const isOrder = axes.length === rank && order.every((axis) => axes.includes(axis));
    if (!isOrder) return asWritten(rank);
    // Axis i after the transposition is axis axes[i] before.
    order = order.map((axis) => axes[axis]!);
  }
  // Axes in any other order than these two would be a riddle to whoever is to give them.
  const known = [asWritten(rank), channelsLast(rank)].some((one) =>
    one.every((axis, i) => axis === order[i]),
  );
  return known ? order : asWritten(rank);
}
