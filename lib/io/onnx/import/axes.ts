import { describe } from '../../../describe.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import { reshaped, type Reshaped } from './reshaping.js';
import { knownElements, type Extent, type Host, type HostValue, type Value } from './value.js';

/**
 * The axes that a node names, as an attribute before opset 13 and an input since, which may be known only when the network
 * runs; null where it names none.
 */
export function namedAxes(node: NodeBuilder): readonly number[] | HostValue | null {
  const listed = node.ints('axes');
  if (listed) return listed;
  const value = node.optional(1);
  if (!value) return null;
  const host = node.asHost(value);
  return knownElements(host.host) ?? host;
}

/** Different axes of so many, from the front on. */
export function distinctAxes(node: NodeBuilder, axes: readonly number[], rank: number): Set<number> {
  const set = new Set(axes.map((axis) => node.axis(axis, rank)));
  return set.size === axes.length ? set : node.fail(`axes ${describe(axes)} name one twice`);
}

/** The axes that go: those named, or all of extent 1. */
function squeezedAxes(
  node: NodeBuilder,
  named: readonly number[] | null,
  shape: readonly Extent[],
): Set<number> {
  if (!named) {
    const unknown = shape.findIndex((extent) => typeof extent !== 'number');
    if (unknown >= 0) node.fail(`it names no axes, and whether axis ${unknown} is of extent 1 is not known`);
    return new Set(shape.flatMap((extent, axis) => (extent === 1 ? [axis] : [])));
  }
  const gone = distinctAxes(node, named, shape.length);
  for (const axis of gone) {
    const extent = shape[axis];
    if (typeof extent === 'number' && extent !== 1) node.fail(`axis ${axis} has extent ${extent}, wants 1`);
  }
  return gone;
}

function squeeze(node: NodeBuilder): Value {
  const value = node.input(0);
  const { shape } = value;
  const named = namedAxes(node);
  if (named && 'kind' in named) {
    const count = named.host.elements.length;
    if (count > shape.length) node.fail(`it names ${count} axes, of ${shape.length}`);
    const target = shape.slice(count).map(() => undefined);
    const wanted: Reshaped = (before, axes) => {
      const gone = squeezedAxes(node, axes, before);
      return before.filter((_, axis) => !gone.has(axis));
    };
    return reshaped(node, value, target, wanted, named);
  }
  const gone = squeezedAxes(node, named, shape);
  const without = <T>(extents: readonly T[]) => extents.filter((_, axis) => !gone.has(axis));
  return reshaped(node, value, without(shape), without);
}

/** Where each axis of the result is in the input; −1 for those that are new. */
function unsqueezedAxes(node: NodeBuilder, named: readonly number[], rank: number): number[] {
  if (rank + named.length > 8) node.fail(`its result has ${rank + named.length} axes, a tensor at most 8`);
  const added = distinctAxes(node, named, rank + named.length);
  let next = 0;
  return Array.from({ length: rank + named.length }, (_, axis) => (added.has(axis) ? -1 : next++));
}

function unsqueeze(node: NodeBuilder): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const named = namedAxes(node) ?? node.fail('it names no axes');
  const known = 'kind' in named ? null : unsqueezedAxes(node, named, rank);
  const target = 'kind' in named ? [...value.shape, ...named.host.elements].map(() => undefined) : [];
  return reshaped(
    node,
    value,
    known?.map((axis) => (axis < 0 ? 1 : value.shape[axis])) ?? target,
    (shape, axes) => (known ?? unsqueezedAxes(node, axes, rank)).map((axis) => (axis < 0 ? 1 : shape[axis]!)),
    'kind' in named ? named : undefined,
  );
}

function squeezeHost(node: NodeBuilder, [x, axes]: readonly (Host | null)[]): Host | null {
  const named = node.ints('axes') ?? (axes ? knownElements(axes) : null);
  if (!x || (axes && !named)) return null;
  const gone = squeezedAxes(node, named, x.shape);
  return { ...x, shape: x.shape.filter((_, axis) => !gone.has(axis)) };
}

function unsqueezeHost(node: NodeBuilder, [x, axes]: readonly (Host | null)[]): Host | null {
  const named = node.ints('axes') ?? (axes ? knownElements(axes) : node.fail('it names no axes'));
  if (!x || !named) return null;
  const from = unsqueezedAxes(node, named, x.shape.length);
  return { ...x, shape: from.map((axis) => (axis < 0 ? 1 : x.shape[axis]!)) };
}

export const axesOperators: Operators = {
  Squeeze: { layout: 'any', since: 1, build: squeeze, host: squeezeHost },
  Unsqueeze: { layout: 'any', since: 1, build: unsqueeze, host: unsqueezeHost },
};
