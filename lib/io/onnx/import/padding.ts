import { concat, pad, slice } from '../../../ops/movement.js';
import { scope, type Tensor } from '../../../tensor.js';
import type { ElementType } from '../schema.js';
import { hostValue } from './graphBuilder.js';
import { arranged, asFile, asWritten } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { HostValue, TensorValue } from './value.js';

type Sides = readonly [before: number, after: number];

/** Places along other modes than 'constant' are taken one by one. */
const mostSides = 4096;

/** How many places each axis gets, or loses where negative. */
function sidesOf(node: NodeBuilder, rank: number, pads: readonly number[], axes: readonly number[]): Sides[] {
  const named = axes.map((axis) => node.axis(axis, rank));
  if (pads.length !== 2 * named.length || new Set(named).size < named.length) {
    node.fail(`pads are ${pads.length} numbers, wants 2 for each of ${named.length} axes`);
  }
  const sides: Sides[] = Array.from({ length: rank }, () => [0, 0]);
  for (const [i, axis] of named.entries()) sides[axis] = [pads[i]!, pads[i + named.length]!];
  return sides;
}

/** x without the places that negative sides take off. */
function cropped(x: Tensor, sides: readonly Sides[]): Tensor {
  if (sides.every(([before, after]) => before >= 0 && after >= 0)) return x;
  return slice(
    x,
    sides.map(([before]) => Math.max(0, -before)),
    sides.map(([, after], axis) => x.shape[axis]! + Math.min(0, after)),
  );
}

/** x with the places of one axis at `from`, `from` + 1, …, count of them. */
function part(x: Tensor, axis: number, from: number, count: number): Tensor {
  const whole = x.shape.map(() => 0);
  return slice(
    x,
    whole.with(axis, from),
    x.shape.map((extent, other) => (other === axis ? from + count : extent)),
  );
}

/** The place of an axis of n that stands `i` places from its start, i below 0 or from n on. */
function mirrored(i: number, n: number, mode: string): number {
  if (mode === 'edge') return i < 0 ? 0 : n - 1;
  if (mode === 'wrap') return ((i % n) + n) % n;
  const period = 2 * (n - 1);
  const at = period === 0 ? 0 : ((i % period) + period) % period;
  return at < n ? at : period - at;
}

function extended(x: Tensor, axis: number, [before, after]: Sides, mode: string): Tensor {
  const n = x.shape[axis]!;
  const ends = (count: number, first: number) =>
    Array.from({ length: Math.max(0, count) }, (_, i) => part(x, axis, mirrored(first + i, n, mode), 1));
  return concat([...ends(before, -before), x, ...ends(after, n)], axis);
}

function build(node: NodeBuilder): TensorValue {
  const value = node.input(0);
  const rank = value.shape.length;
  const mode = node.string('mode', 'constant');
  if (!['constant', 'edge', 'reflect', 'wrap'].includes(mode)) node.fail(`mode is ${JSON.stringify(mode)}`);
  const list = (elements: readonly number[], type: ElementType): HostValue =>
    hostValue({ type, shape: [elements.length], elements }, null);
  const old = node.opset < 11;
  const given = (i: number) => {
    const found = node.optional(i);
    return found && node.asHost(found);
  };
  const pads = old
    ? list(node.ints('pads') ?? node.fail('pads is missing'), 'int64')
    : node.asHost(node.input(1));
  const fill = (old ? null : given(2)) ?? list([old ? node.float('value', 0) : 0], 'float32');
  const axes = (old ? null : given(3)) ?? list(asWritten(rank), 'int64');
  const x = node.stored(value);
  const [known, knownAxes] = [node.known(pads), node.known(axes)];
  const shape = x.shape.map((extent, axis) => {
    if (!known || !knownAxes) return node.derived(`${node.title} ${axis}`);
    const [before, after] = sidesOf(node, rank, known, knownAxes)[axis]!;
    if (before + after === 0) return extent;
    if (typeof extent !== 'number') return node.derived(`${extent ?? node.title} and ${before + after}`);
    const sum = extent + before + after;
    return sum >= 0 ? sum : node.fail(`axis ${axis} of ${extent} is padded by [${before}, ${after}]`);
  });
  const { order, type } = x;
  return node.emit(
    [x],
    { shape, order, type },
    ([input], { hosts, allow }) =>
      scope(() => {
        const [counts, [filling = 0], named] = hosts.map(({ elements }) => elements as readonly number[]) as [
          readonly number[],
          readonly number[],
          readonly number[],
        ];
        const sides = sidesOf(node, rank, counts, named);
        const before = asFile(input!.shape, order);
        const after = before.map((extent, axis) => extent + sides[axis]![0] + sides[axis]![1]);
        if (after.some((extent) => extent < 0))
          node.fail(`[${before.join(', ')}] would become [${after.join(', ')}]`);
        allow(after);
        const stored = arranged(sides, order);
        let y = cropped(input!, stored);
        const grown = stored.map(([first, last]): Sides => [Math.max(0, first), Math.max(0, last)]);
        if (mode === 'constant') {
          return grown.some(([first, last]) => first + last > 0) ? pad(y, grown, filling) : y;
        }
        for (const [axis, one] of grown.entries()) {
          if (one[0] + one[1] === 0) continue;
          if (one[0] + one[1] > mostSides)
            node.fail(`${one[0] + one[1]} places are added, wants at most ${mostSides}`);
          if (y.shape[axis] === 0) node.fail(`an axis of nothing cannot be padded by ${mode}`);
          y = extended(y, axis, one, mode);
        }
        return y;
      }),
    { hosts: [pads, fill, axes] },
  );
}

export const padding: Operators = { Pad: { layout: 'any', build } };
