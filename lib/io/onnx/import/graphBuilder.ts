import { noGrad } from '../../../autograd.js';
import { Parameter } from '../../../nn/module.js';
import { tensor } from '../../../ops/creation.js';
import { reshape, transpose } from '../../../ops/movement.js';
import { requireLive, scope, type DType, type Tensor } from '../../../tensor.js';
import { arrayOf, dtypeOf, elementCount, isFloat, numbersOf, within32Bits } from '../elements.js';
import type { Constant, ElementType, Node } from '../schema.js';
import { titleOf } from '../sort.js';
import { asWritten, samePlaces } from './layout.js';
import { inverseMoves, moved, movedElements, movedShape, simplified, type Move } from './moves.js';
import { NodeBuilder } from './nodeBuilder.js';
import type { Operators } from './operator.js';
import type { Compute, Kind, Step } from './step.js';
import {
  knownElements,
  type ConstantValue,
  type Extent,
  type Host,
  type HostValue,
  type TensorValue,
  type Value,
} from './value.js';

/** A tensor that stays from run to run. */
export interface Weight {
  /** The initializer's; '' for what is no initializer. */
  readonly name: string;
  readonly slot: number;
  readonly tensor: Tensor<DType>;
}

/** What is known of a result before it is computed. */
export interface Result {
  readonly shape: readonly Extent[];
  /** Default: float32. */
  readonly type?: ElementType;
  /** Default: as the file has it. */
  readonly order?: readonly number[];
  readonly flatChannels?: number;
}

/** Samples of an input that the file has a fixed number of, where any number will do. */
export interface Batch {
  /** The extent that stands for their number. */
  readonly extent: string;
  /** Their number in the file. */
  readonly written: number;
}

export interface StepOptions {
  readonly hosts?: readonly HostValue[];
  readonly kind?: Kind;
  readonly takes?: Step['takes'];
}

/** The first version of ONNX's operators of which all that are understood are. */
export const oldestOpset = 7;

/** Arrays on the JavaScript side have at most so many elements. */
const mostHostElements = 4096;

/** The most elements that a result may have, where the network's inputs have so many. */
export function largestResult(inputElements: number): number {
  return Math.max(2 ** 22, 1024 * inputElements);
}

/** Makes steps out of the nodes of a graph. */
export class GraphBuilder {
  readonly opset: number;
  readonly batch: Batch | null;
  readonly steps: Step[] = [];
  readonly weights: Weight[] = [];
  readonly #operators: Operators;
  readonly #values = new Map<string, Value>();
  readonly #largest: number;
  readonly #used = new Map<Constant, { slot: number; moves: readonly Move[] }[]>();
  readonly #derived = new Map<string, string>();
  #slots = 0;

  /** @param inputElements how many elements the network's inputs have, as far as that is known */
  constructor(operators: Operators, opset: number, inputElements: number, batch: Batch | null) {
    this.#operators = operators;
    this.opset = opset;
    this.batch = batch;
    this.#largest = largestResult(inputElements);
  }

  value(name: string): Value {
    const value = this.#values.get(name);
    if (!value) throw new Error(`there is no value ${JSON.stringify(name)}`);
    return value;
  }

  /** An input of the network. */
  input(name: string, type: ElementType, shape: readonly Extent[], order: readonly number[]): TensorValue {
    const value: TensorValue = {
      kind: 'tensor',
      name,
      type,
      shape,
      order,
      flatChannels: 0,
      slot: this.#slots++,
    };
    this.#values.set(name, value);
    return value;
  }

  initializer(constant: Constant): void {
    const trainable = isFloat(constant.type) && constant.shape.length > 0;
    this.#values.set(constant.name, constantValue(constant, trainable));
  }

  node(node: Node, wanted: ReadonlySet<string>): void {
    const title = titleOf(node);
    const operator =
      node.domain === '' && Object.hasOwn(this.#operators, node.operation)
        ? this.#operators[node.operation]
        : undefined;
    if (!operator) {
      const domain = node.domain === '' ? '' : ` of domain ${JSON.stringify(node.domain)}`;
      throw new Error(`${title}: the operator${domain} is not supported`);
    }
    const { since = oldestOpset } = operator;
    if (this.opset < since) {
      throw new Error(
        `${title}: the file uses version ${this.opset} of ONNX's operators, wants ${since} or later`,
      );
    }
    const inputs = node.inputs.map((name) => (name === '' ? null : this.value(name)));
    const builder = new NodeBuilder(this, node, title, inputs, wanted);
    const made =
      (operator.host && this.#onHost(builder, inputs, operator.host.bind(operator))) ??
      operator.build(builder);
    const results = 'kind' in made ? [made] : made;
    for (const [i, name] of node.outputs.entries()) {
      if (name === '') continue;
      const value = results[i];
      if (value) this.#values.set(name, { ...value, name });
      else if (wanted.has(name)) throw new Error(`${title}: output ${i} is not supported`);
    }
  }

  /** The results where the node works on small arrays alone. */
  #onHost(
    builder: NodeBuilder,
    inputs: readonly (Value | null)[],
    compute: (node: NodeBuilder, inputs: readonly (Host | null)[]) => Host | readonly Host[] | null,
  ): Value[] | null {
    const given = inputs.map((value) => (value ? this.hostOf(value) : null));
    if (inputs.length === 0 || inputs.some((value, i) => value && !given[i])) return null;
    const found = compute(
      builder,
      given.map((value) => value?.host ?? null),
    );
    if (!found) return null;
    const hosts = 'elements' in found ? [found] : found;
    if (hosts.some(({ elements }) => elements.length > mostHostElements)) return null;
    if (hosts.every((host) => knownElements(host))) return hosts.map((host) => hostValue(host, null));
    const present = given.filter((value) => value !== null);
    const slots = hosts.map(() => this.#slots++);
    this.steps.push({
      title: builder.title,
      inputs: [],
      hosts: present.map(({ slot, host }) => slot ?? host),
      outputs: slots,
      compute: (_, run) => {
        let next = 0;
        const all = given.map((value) => (value ? run.hosts[next++]! : null));
        return compute(builder, all) ?? builder.fail('its inputs do not fit');
      },
      kind: null,
      takes: {},
    });
    return hosts.map((host, i) => hostValue(host, slots[i]!));
  }

  /** A value as an array on the JavaScript side, where it is one or a small constant; else null. */
  hostOf(value: Value): HostValue | null {
    if (value.kind === 'host') return value;
    if (value.kind === 'tensor' || value.trainable) return null;
    return this.constantHost(value);
  }

  /** The same of a constant, also of weights; null where it is large. */
  constantHost({ constant, moves, type, shape }: ConstantValue): HostValue | null {
    if (elementCount(shape) > mostHostElements) return null;
    return hostValue(
      { type, shape, elements: movedElements(numbersOf(constant), constant.shape, moves) },
      null,
    );
  }

  /** Adds a step whose results are tensors. */
  emit(
    title: string,
    inputs: readonly TensorValue[],
    results: readonly Result[],
    compute: Compute,
    { hosts = [], kind, takes = {} }: StepOptions = {},
  ): TensorValue[] {
    const values = results.map(
      ({ shape, type = 'float32', order = asWritten(shape.length), flatChannels = 0 }): TensorValue => {
        if (shape.length > 8)
          throw new Error(`${title}: its result has ${shape.length} axes, a tensor at most 8`);
        const count = shape.reduce<number>((n, extent) => n * (typeof extent === 'number' ? extent : 1), 1);
        if (!(count <= this.#largest)) {
          throw new Error(
            `${title}: its result would have ${count} elements, more than ${this.#largest}, the most that are allowed for these inputs`,
          );
        }
        return { kind: 'tensor', name: '', type, shape, order, flatChannels, slot: this.#slots++ };
      },
    );
    this.steps.push({
      title,
      inputs: inputs.map(({ slot }) => slot),
      hosts: hosts.map(({ slot, host }) => slot ?? host),
      outputs: values.map(({ slot }) => slot),
      compute,
      kind: kind ?? null,
      takes,
    });
    return values;
  }

  /** Adds a step whose result is an array on the JavaScript side, of which `known` is what is known. */
  emitHost(title: string, inputs: readonly TensorValue[], known: Host, compute: Compute): HostValue {
    if (knownElements(known)) return hostValue(known, null);
    const slot = this.#slots++;
    const step = { title, inputs: inputs.map((input) => input.slot), hosts: [], outputs: [slot] };
    this.steps.push({ ...step, compute, kind: null, takes: {} });
    return hostValue(known, slot);
  }

  /**
   * A constant as a tensor after the moves: as it is first used so, it stays from run to run, and any other use is
   * computed from that. One of the file's weights is a parameter unless it is a `buffer`.
   */
  weight(title: string, value: ConstantValue, moves: readonly Move[], buffer = false): TensorValue {
    const { constant } = value;
    const all = simplified(constant.shape, [...value.moves, ...moves]);
    const shape = movedShape(constant.shape, all);
    const uses = this.#used.get(constant) ?? [];
    this.#used.set(constant, uses);
    const result = { shape, type: constant.type, order: asWritten(shape.length) };
    const before = uses.find((use) => sameMoves(use.moves, all));
    if (before) return { kind: 'tensor', name: value.name, ...result, flatChannels: 0, slot: before.slot };
    const [first] = uses;
    if (first) {
      const original = movedShape(constant.shape, first.moves);
      const path = simplified(original, [...inverseMoves(constant.shape, first.moves), ...all]);
      const from: TensorValue = { kind: 'tensor', name: '', ...result, flatChannels: 0, slot: first.slot };
      return this.emit(title, [from], [result], ([x]) => moved(x!, path))[0]!;
    }
    const slot = this.#slots++;
    uses.push({ slot, moves: all });
    this.weights.push({
      name: value.trainable || constant.name !== '' ? constant.name : '',
      slot,
      tensor: made(constant, all, value.trainable && !buffer),
    });
    return { kind: 'tensor', name: value.name, ...result, flatChannels: 0, slot };
  }

  /** A tensor as the file has it, after the moves. */
  movedTensor(title: string, value: TensorValue, moves: readonly Move[]): TensorValue {
    const result = { shape: movedShape(value.shape, moves), type: value.type };
    // Never the input itself, which has another owner.
    if (moves.length === 0) return value;
    return this.emit(title, [value], [result], ([x]) => moved(x!, moves))[0]!;
  }

  /** A tensor in another layout. Where elements do not move, over the same storage. */
  rearranged(title: string, value: TensorValue, order: readonly number[]): TensorValue {
    const { shape, order: before, type } = value;
    if (before.every((axis, i) => axis === order[i])) return value;
    const axes = order.map((axis) => before.indexOf(axis));
    const still = samePlaces(shape, before, order);
    return this.emit(title, [value], [{ shape, type, order }], ([x]) => {
      if (still)
        return reshape(
          x!,
          axes.map((axis) => x!.shape[axis]!),
        );
      return transpose(x!, axes);
    })[0]!;
  }

  /** A matrix whose rows are flattened images, as the file has them. */
  unflattened(title: string, value: TensorValue): TensorValue {
    const { flatChannels: channels, shape, type } = value;
    if (channels === 0) return value;
    return this.emit(title, [value], [{ shape, type }], ([x]) =>
      scope(() => {
        const [rows = 0, features = 0] = x!.shape;
        const places = features / channels;
        return reshape(transpose(reshape(x!, [rows, places, channels]), [0, 2, 1]), [rows, features]);
      }),
    )[0]!;
  }

  /** A small array as a tensor. */
  tensorOfHost(title: string, value: HostValue): TensorValue {
    const { type, shape, host } = value;
    const dtype = dtypeOf(type);
    const make = ({ elements }: Host): Tensor =>
      tensor(
        (elements as number[]).map((element) =>
          dtype === 'f32' ? element : within32Bits(Math.trunc(element)),
        ),
        shape,
        dtype,
      ) as Tensor;
    if (value.slot !== null) {
      return this.emit(title, [], [{ shape, type }], (_, run) => make(run.hosts[0]!), { hosts: [value] })[0]!;
    }
    const slot = this.#slots++;
    this.weights.push({ name: '', slot, tensor: make(host).keep() });
    return {
      kind: 'tensor',
      name: value.name,
      type,
      shape,
      order: asWritten(shape.length),
      flatChannels: 0,
      slot,
    };
  }

  /** A tensor as an array on the JavaScript side: waits for it when the network runs. */
  hostOfTensor(title: string, value: TensorValue): HostValue {
    const { shape, type } = value;
    const extents = shape.map((extent) => {
      if (typeof extent === 'number') return extent;
      throw new Error(
        `${title}: value ${JSON.stringify(value.name)} has a shape that is not known before the network runs`,
      );
    });
    const count = elementCount(extents);
    if (count > mostHostElements)
      throw new Error(
        `${title}: value ${JSON.stringify(value.name)} has ${count} elements, wants at most ${mostHostElements}`,
      );
    const written = this.rearranged(title, value, asWritten(shape.length));
    const known: Host = { type, shape: extents, elements: Array.from({ length: count }, () => undefined) };
    return this.emitHost(title, [written], known, ([x]) => ({
      type,
      shape: extents,
      elements: Array.from(requireLive(title, 'input', x!).dataSync()),
    }));
  }

  /** A name for an extent that follows from others by `rule`: the same for the same. */
  derived(rule: string): string {
    let name = this.#derived.get(rule);
    if (name === undefined) this.#derived.set(rule, (name = `#${this.#derived.size}`));
    return name;
  }
}

export function constantValue(constant: Constant, trainable: boolean): ConstantValue {
  const { name, type, shape } = constant;
  return { kind: 'constant', name, type, shape, constant, moves: [], trainable };
}

export function hostValue(host: Host, slot: number | null): HostValue {
  return { kind: 'host', name: '', type: host.type, shape: host.shape, host, slot };
}

function sameMoves(a: readonly Move[], b: readonly Move[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The tensor of a constant after the moves. */
function made(constant: Constant, moves: readonly Move[], parameter: boolean): Tensor<DType> {
  return noGrad(() => {
    const whole = tensor(arrayOf(constant) as Int32Array, constant.shape);
    const inPlace = moved(whole, moves);
    if (inPlace !== whole) whole.dispose();
    return parameter ? new Parameter(inPlace as Tensor<DType> as Tensor) : inPlace.keep();
  });
}
