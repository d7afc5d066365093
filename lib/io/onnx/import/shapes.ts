import { dropout, full } from '../../../ops/creation.js';
import { concat } from '../../../ops/movement.js';
import type { DType, Tensor } from '../../../tensor.js';
import type { Constant, ElementType } from '../schema.js';
import { constantValue, hostValue } from './graphBuilder.js';
import { asFile, placeOf, sameOrder, asWritten } from './layout.js';
import type { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import { remaining, reshaped } from './reshaping.js';
import { knownElements, type Extent, type Host, type Value } from './value.js';

function constant(node: NodeBuilder): Value {
  const name = '';
  const array = (type: ElementType, elements: readonly number[], shape: readonly number[]): Value =>
    hostValue({ type, shape, elements }, null);
  for (const [key, attribute] of node.node.attributes) {
    if (key === 'value' && attribute.kind === 'tensor')
      return constantValue({ ...attribute.value, name } satisfies Constant, false);
    if (key === 'value_float' && attribute.kind === 'float') return array('float32', [attribute.value], []);
    if (key === 'value_int' && attribute.kind === 'int') return array('int64', [attribute.value], []);
    if (key === 'value_floats' && attribute.kind === 'floats')
      return array('float32', attribute.value, [attribute.value.length]);
    if (key === 'value_ints' && attribute.kind === 'ints')
      return array('int64', attribute.value, [attribute.value.length]);
  }
  return node.fail('it has no value that is supported');
}

function shape(node: NodeBuilder): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const within = (given: number) => Math.max(0, Math.min(rank, given < 0 ? given + rank : given));
  const [start, end] = [within(node.int('start', 0)), within(node.int('end', rank))];
  const part = <T>(extents: readonly T[]) => extents.slice(start, Math.max(start, end));
  const known: Host = { type: 'int64', shape: [part(value.shape).length], elements: part(value.shape) };
  if (value.kind !== 'tensor') return hostValue(known, null);
  const { order } = value;
  return node.emitHost([value], known, ([x]) => ({ ...known, elements: part(asFile(x!.shape, order)) }));
}

/**
 * The shape that Reshape asks for: 0 stands for the extent that is there, −1 for what the others leave, and with
 * `samples` the first for the first that is there.
 */
function wantedShape(
  node: NodeBuilder,
  before: readonly number[],
  elements: readonly number[],
  allowZero: boolean,
  samples: boolean,
): number[] {
  const kept = elements.map((extent, i) =>
    (extent === 0 && !allowZero) || (samples && i === 0) ? (before[i] ?? NaN) : extent,
  );
  const open = kept.indexOf(-1);
  const product = (extents: readonly number[]) => extents.reduce((n, extent) => n * extent, 1);
  if (open >= 0) kept[open] = product(before) / product(kept.toSpliced(open, 1));
  if (kept.some((extent) => !Number.isInteger(extent) || extent < 0) || product(kept) !== product(before)) {
    node.fail(`[${before.join(', ')}] does not become [${elements.join(', ')}]`);
  }
  return kept;
}

function reshape(node: NodeBuilder): Value {
  const [value, given] = [node.input(0), node.input(1)];
  const allowZero = node.flag('allowzero', false);
  const host = node.asHost(given);
  const { elements } = host.host;
  if (host.shape.length !== 1) node.fail('its shape is no list');
  if (elements.filter((extent) => extent === -1).length > 1) node.fail('its shape has −1 twice');
  const { batch } = node;
  const samples = batch !== null && value.shape[0] === batch.extent && elements[0] === batch.written;
  const kept = elements.map((extent, i): Extent => {
    if (samples && i === 0) return value.shape[0];
    if (extent === 0 && !allowZero)
      return i < value.shape.length ? value.shape[i] : node.fail(`its shape has 0 at ${i}`);
    if (typeof extent === 'number' && extent < -1) node.fail(`its shape has ${extent}`);
    return extent;
  });
  const open = kept.indexOf(-1);
  const target = open < 0 ? kept : kept.with(open, remaining(node, value.shape, kept.toSpliced(open, 1)));
  const known = knownElements(host.host);
  const named = target.map((extent, i): Extent => extent ?? node.derived(`${node.title} ${i}`));
  return reshaped(
    node,
    value,
    named,
    (before, found) => wantedShape(node, before, known ?? found, allowZero, samples),
    known ? undefined : host,
  );
}

function flatten(node: NodeBuilder): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const given = node.int('axis', 1);
  const axis = given === rank ? rank : rank === 0 ? 0 : node.axis(given, rank);
  const both = <T>(extents: readonly T[]): [T[], T[]] => [extents.slice(0, axis), extents.slice(axis)];
  const [front, back] = both(value.shape);
  const product = (extents: readonly number[]) => extents.reduce((n, extent) => n * extent, 1);
  const target = [remaining(node, front, []), remaining(node, back, [])].map(
    (extent, i) => extent ?? node.derived(`${node.title} ${i}`),
  );
  return reshaped(node, value, target, (before) => both(before).map(product));
}

function transpose(node: NodeBuilder): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const perm = node.ints('perm') ?? asWritten(rank).reverse();
  if (
    !sameOrder(
      [...perm].sort((a, b) => a - b),
      asWritten(rank),
    )
  ) {
    node.fail(`perm is [${perm.slice(0, 16).join(', ')}], wants each of ${rank} axes once`);
  }
  if (value.kind === 'constant') {
    const axes = perm.map((axis) => value.shape[axis]!);
    return { ...value, shape: axes, moves: [...value.moves, { axes: perm }] };
  }
  // The tensor stays as it is: its axes are called otherwise from here on.
  const x = node.stored(value);
  return { ...x, shape: perm.map((axis) => x.shape[axis]), order: x.order.map((axis) => perm.indexOf(axis)) };
}

function concatenate(node: NodeBuilder): Value {
  const values = node.inputs.map((value, i) => value ?? node.fail(`input ${i} is missing`));
  const [first = node.fail('it has no inputs'), ...others] = values;
  const rank = first.shape.length;
  const axis = node.axis(node.int('axis'), rank);
  for (const value of others) {
    node.requireRank('an input', value, [rank]);
    if (value.type !== first.type) node.fail(`its inputs are ${first.type} and ${value.type}`);
  }
  const known = (at: number): Extent => {
    const found = values
      .map(({ shape: extents }) => extents[at])
      .filter((extent) => typeof extent === 'number');
    if (at !== axis) {
      if (new Set(found).size > 1)
        node.fail(`its inputs have extents ${found.slice(0, 8).join(' and ')} along axis ${at}`);
      return found[0] ?? first.shape[at];
    }
    if (found.length === values.length) return found.reduce((n, extent) => n + extent, 0);
    return node.derived(`${node.title} sum`);
  };
  const extents = asWritten(rank).map(known);
  const laid = values.filter((value) => value.kind === 'tensor');
  const order =
    (laid.find((value) => !sameOrder(value.order, asWritten(rank))) ?? laid[0])?.order ?? asWritten(rank);
  const tensors = values.map((value) => node.tensor(value, order));
  const at = placeOf(order, axis);
  return node.emit(tensors, { shape: extents, order, type: first.type }, (inputs) => concat(inputs, at));
}

/** The same of lists. */
function concatenateHosts(_: NodeBuilder, inputs: readonly (Host | null)[]): Host | null {
  const lists = inputs.filter((host) => host !== null);
  const [first] = lists;
  if (!first || lists.length < inputs.length || lists.some((list) => list.shape.length !== 1)) return null;
  const elements = lists.flatMap((list) => list.elements);
  return { type: first.type, shape: [elements.length], elements };
}

function drop(node: NodeBuilder): Value | Value[] {
  const value = node.input(0);
  node.requireFloat('its input', value);
  const ratio = node.opset < 12 ? null : node.optional(1);
  const given = ratio && node.asHost(ratio);
  const fixed = given ? knownElements(given.host)?.[0] : node.opset < 12 ? node.float('ratio', 0.5) : 0.5;
  if (fixed !== undefined && !(fixed >= 0 && fixed <= 1)) node.fail(`ratio is ${fixed}, wants 0 to 1`);
  const hosts = given && fixed === undefined ? { hosts: [given] } : {};
  const y = node.elementwise(
    value,
    ([x], run) => dropout(x!, fixed ?? (run.hosts[0]!.elements[0] as number), run.training),
    hosts,
  );
  if (!node.wants(1)) return y;
  // In use, nothing is dropped.
  const mask = node.elementwise(
    value,
    ([x], { training }) => {
      if (training) node.fail('the mask of dropout is not known in training');
      return full(x!.shape, 1, 'u8') as Tensor<DType> as Tensor;
    },
    { type: 'bool' },
  );
  return [y, mask];
}

export const shapes: Operators = {
  Concat: { layout: 'any', since: 4, build: concatenate, host: concatenateHosts },
  Constant: { layout: 'written', since: 1, build: constant },
  Dropout: { layout: 'any', build: drop },
  Flatten: { layout: 'spatial', since: 1, build: flatten },
  Identity: { layout: 'any', since: 1, build: (node) => node.input(0) },
  Reshape: { layout: 'written', since: 5, build: reshape },
  Shape: { layout: 'any', since: 1, build: shape },
  Transpose: { layout: 'any', since: 1, build: transpose },
};
