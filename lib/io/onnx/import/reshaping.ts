import { reshape } from '../../../ops/movement.js';
import { arranged, asFile, asWritten, channelsLast, reshapedOrder, sameOrder } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import { sameExtent, type Extent, type HostValue, type TensorValue, type Value } from './value.js';

/** The shape after a reshape, in the order of axes that the file has, when the network runs. */
export type Reshaped = (shape: readonly number[], elements: readonly number[]) => readonly number[];

/**
 * A value under another shape, as the file sees it: elements move only where they have to. An image that becomes a matrix
 * stays as it lies, and is marked as such (see TensorValue.flatChannels).
 *
 * @param target the shape as far as it is known
 * @param wanted the shape when the network runs, from that of the value, and from the elements of `host`, if given
 */
export function reshaped(
  node: NodeBuilder,
  value: Value,
  target: readonly Extent[],
  wanted: Reshaped,
  host?: HostValue,
): Value {
  if (target.length > 8) node.fail(`its result has ${target.length} axes, a tensor at most 8`);
  if (value.kind === 'constant' && target.every((extent) => typeof extent === 'number')) {
    if (product(target) !== product(value.shape)) {
      node.fail(`[${value.shape.join(', ')}] does not become [${target.join(', ')}]`);
    }
    return { ...value, shape: target, moves: [...value.moves, { shape: target }] };
  }
  const flat = value.kind === 'tensor' && value.flatChannels > 0;
  if (flat && target.length === 2 && target.every((extent, i) => sameExtent(extent, value.shape[i])))
    return value;
  const given = node.stored(value);
  const order = reshapedOrder(given.shape, given.order, target);
  if (order) return view(node, given, { shape: target, order }, wanted, host);
  const [rows, channels] = given.shape;
  const images = given.order.length > 2 && sameOrder(given.order, channelsLast(given.order.length));
  if (images && typeof channels === 'number' && target.length === 2 && sameExtent(rows, target[0])) {
    return view(node, given, { shape: target, order: [0, 1], flatChannels: channels }, wanted, host);
  }
  return view(node, node.tensor(given), { shape: target, order: asWritten(target.length) }, wanted, host);
}

function product(shape: readonly number[]): number {
  return shape.reduce((n, extent) => n * extent, 1);
}

/** The same elements in the same places under another shape. */
function view(
  node: NodeBuilder,
  x: TensorValue,
  result: { shape: readonly Extent[]; order: readonly number[]; flatChannels?: number },
  wanted: Reshaped,
  host?: HostValue,
): TensorValue {
  const [from, to] = [x.order, result.order];
  return node.emit(
    [x],
    { ...result, type: x.type },
    ([input], { hosts }) => {
      const shape = wanted(asFile(input!.shape, from), (hosts[0]?.elements ?? []) as number[]);
      return reshape(input!, arranged(shape, to));
    },
    host ? { hosts: [host] } : {},
  );
}

/** The extent that stands for what others leave of a shape: −1 of a reshape. */
export function remaining(node: NodeBuilder, shape: readonly Extent[], others: readonly Extent[]): Extent {
  if (shape.includes(undefined) || others.includes(undefined)) return undefined;
  const left = shape.filter((extent) => typeof extent === 'string');
  for (const extent of others) {
    if (typeof extent !== 'string') continue;
    const at = left.indexOf(extent);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  const number = (extents: readonly Extent[]) =>
    extents.reduce<number>((n, extent) => (typeof extent === 'number' ? n * extent : n), 1);
  const ratio = number(shape) / number(others);
  if (left.length === 0)
    return Number.isInteger(ratio)
      ? ratio
      : node.fail(`[${shape.join(', ')}] is no multiple of [${others.join(', ')}]`);
  if (left.length === 1 && ratio === 1) return left[0];
  return node.derived(`${ratio} of ${left.sort().join(' ')}`);
}
