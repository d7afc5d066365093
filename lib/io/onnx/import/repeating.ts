import { describe } from '../../../describe.js';
import { arange, full } from '../../../ops/creation.js';
import { broadcastTo, reshape } from '../../../ops/movement.js';
import { tile } from '../../../ops/tile.js';
import { scope, type DType, type Tensor } from '../../../tensor.js';
import { dtypeOf, isFloat, numbersOf, within32Bits } from '../elements.js';
import { combined, mostHostElements, picked, rounded } from './hosts.js';
import { arranged, asFile, asWritten } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import { knownElements, type Extent, type Host, type HostValue, type Value } from './value.js';

/** An input that is a list of extents or of numbers of times. */
function listInput(node: NodeBuilder, i: number): HostValue {
  const host = node.asHost(node.input(i));
  if (host.shape.length !== 1) node.fail(`input ${i} is no list`);
  return host;
}

function buildExpand(node: NodeBuilder): Value {
  const x = node.stored(node.input(0));
  const target = listInput(node, 1);
  const given = target.host.elements;
  const rank = Math.max(given.length, x.shape.length);
  if (rank > 8) node.fail(`its result has ${rank} axes, a tensor at most 8`);
  const more = rank - x.shape.length;
  const before = [...asWritten(more).map(() => 1), ...x.shape];
  const shape = before.map((extent, axis) => {
    const wanted = axis < rank - given.length ? 1 : given[axis - (rank - given.length)];
    return node.bothExtents(extent, wanted);
  });
  const order = [...asWritten(more), ...x.order.map((axis) => axis + more)];
  return node.emit(
    [x],
    { shape, order, type: x.type },
    ([u], run) => {
      const wanted = run.hosts[0]!.elements as number[];
      const own = asFile([...asWritten(more).map(() => 1), ...u!.shape], order);
      const result = own.map((extent, axis) => {
        const other = wanted[axis - (rank - wanted.length)] ?? 1;
        if (extent !== other && extent !== 1 && other !== 1) {
          node.fail(`${describe(own)} does not broadcast against ${describe(wanted)}`);
        }
        return extent === 1 ? other : extent;
      });
      run.allow(result);
      return scope(() => broadcastTo(reshape(u!, arranged(own, order)), arranged(result, order)));
    },
    { hosts: [target] },
  );
}

function expandHost(node: NodeBuilder, [x, target]: readonly (Host | null)[]): Host | null {
  const shape = target && knownElements(target);
  if (!x || !shape?.every((extent) => Number.isInteger(extent) && extent >= 0)) return null;
  const count = shape.reduce((n, extent) => n * extent, 1);
  if (count > mostHostElements) return null;
  const whole: Host = { type: x.type, shape, elements: Array.from({ length: count }, () => 0) };
  return combined(
    node,
    x.type,
    [x, whole],
    (value) => value,
    (value) => value,
  );
}

function buildTile(node: NodeBuilder): Value {
  const x = node.stored(node.input(0));
  const repeats = listInput(node, 1);
  const given = repeats.host.elements;
  if (given.length !== x.shape.length) node.fail(`it has ${given.length} repeats for ${x.shape.length} axes`);
  const { order } = x;
  const shape = x.shape.map((extent, axis): Extent => {
    const times = given[axis];
    if (times === 1) return extent;
    return typeof extent === 'number' && typeof times === 'number' ? extent * times : undefined;
  });
  return node.emit(
    [x],
    { shape, order, type: x.type },
    ([u], run) => {
      const times = arranged(run.hosts[0]!.elements as number[], order);
      if (times.some((n) => !Number.isInteger(n) || n < 0)) node.fail(`its repeats are ${describe(times)}`);
      run.allow(u!.shape.map((extent, place) => extent * times[place]!));
      return tile(u!, times);
    },
    { hosts: [repeats] },
  );
}

function tileHost(node: NodeBuilder, [x, repeats]: readonly (Host | null)[]): Host | null {
  const times = repeats && knownElements(repeats);
  if (!x || !times) return null;
  if (times.length !== x.shape.length) node.fail(`it has ${times.length} repeats for ${x.shape.length} axes`);
  return times.reduce<Host | null>((host, n, axis) => {
    const extent = x.shape[axis]!;
    if (!host || !(n >= 0 && extent * n <= mostHostElements)) return null;
    return picked(
      host,
      axis,
      Array.from({ length: extent * n }, (_, i) => i % extent),
    );
  }, x);
}

/** What ConstantOfShape fills with. */
function filling(node: NodeBuilder): { type: Host['type']; value: number } {
  const attribute = node.node.attributes.get('value');
  if (!attribute) return { type: 'float32', value: 0 };
  if (attribute.kind !== 'tensor')
    return node.fail(`attribute value is of kind ${attribute.kind}, wants tensor`);
  const numbers = numbersOf(attribute.value);
  if (numbers.length !== 1) node.fail(`attribute value has ${numbers.length} elements, wants 1`);
  return { type: attribute.value.type, value: numbers[0]! };
}

function buildConstantOfShape(node: NodeBuilder): Value {
  const list = listInput(node, 0);
  const { type, value } = filling(node);
  const dtype = dtypeOf(type);
  const element = dtype === 'f32' ? value : within32Bits(value);
  return node.emit(
    [],
    { shape: list.host.elements, type },
    (_, run) => {
      const shape = run.hosts[0]!.elements as number[];
      if (shape.some((extent) => !Number.isInteger(extent) || extent < 0))
        node.fail(`its shape is ${describe(shape)}`);
      run.allow(shape);
      return full(shape, element, dtype) as Tensor<DType> as Tensor;
    },
    { hosts: [list] },
  );
}

function constantOfShapeHost(node: NodeBuilder, [list]: readonly (Host | null)[]): Host | null {
  const shape = list && knownElements(list);
  if (!shape) return null;
  if (shape.some((extent) => !Number.isInteger(extent) || extent < 0))
    node.fail(`its shape is ${describe(shape)}`);
  const count = shape.reduce((n, extent) => n * extent, 1);
  if (count > mostHostElements || shape.length > 8) return null;
  const { type, value } = filling(node);
  return { type, shape, elements: Array.from({ length: count }, () => value) };
}

/** How many numbers a range has. */
function rangeLength(node: NodeBuilder, [start, limit, delta]: readonly number[]): number {
  const count = Math.max(0, Math.ceil((limit! - start!) / delta!));
  return Number.isFinite(count) ? count : node.fail(`it runs from ${start} to ${limit} by ${delta}`);
}

function buildRange(node: NodeBuilder): Value {
  const ends = [0, 1, 2].map((i) => node.asHost(node.input(i)));
  const { type } = ends[0]!;
  const dtype = dtypeOf(type);
  if (dtype === 'u8') node.fail(`a range of ${type} is not supported`);
  return node.emit(
    [],
    { shape: [undefined], type },
    (_, run) => {
      const [start, limit, delta] = run.hosts.map(({ elements }) => elements[0] as number);
      const count = rangeLength(node, [start!, limit!, delta!]);
      run.allow([count]);
      // Of as many as counted: the last is not left to how a sum of floats is rounded.
      const last = start! + delta! * (count - 0.5);
      const end = isFloat(type) ? last : limit!;
      return (count === 0
        ? full([0], 0, dtype)
        : arange(start!, end, delta, dtype)) as Tensor<DType> as Tensor;
    },
    { hosts: ends },
  );
}

function rangeHost(node: NodeBuilder, inputs: readonly (Host | null)[]): Host | null {
  const numbers = inputs.map((host) => (host ? knownElements(host)?.[0] : undefined));
  const [start, , delta] = numbers;
  if (!numbers.every((number) => number !== undefined)) return null;
  const count = rangeLength(node, numbers);
  if (count > mostHostElements) return null;
  const { type } = inputs[0]!;
  return {
    type,
    shape: [count],
    elements: Array.from({ length: count }, (_, i) => rounded(node, type, start! + i * delta!)),
  };
}

export const repetitions: Operators = {
  Expand: { layout: 'any', build: buildExpand, host: expandHost },
  Tile: { layout: 'any', since: 6, build: buildTile, host: tileHost },
  ConstantOfShape: { layout: 'any', build: buildConstantOfShape, host: constantOfShapeHost },
  Range: { layout: 'any', build: buildRange, host: rangeHost },
};
