import type { Attribute, ElementType, Node } from '../schema.js';
import { isFloat } from '../elements.js';
import type { Batch, GraphBuilder, Result, StepOptions } from './graphBuilder.js';
import { alignedInputs, type Aligned } from './broadcast.js';
import { asWritten } from './layout.js';
import type { Move } from './moves.js';
import type { Compute } from './step.js';
import {
  knownElements,
  type Extent,
  type Host,
  type HostValue,
  type TensorValue,
  type Value,
} from './value.js';

/** One node of the file, for the operator that makes steps of it. */
export class NodeBuilder {
  readonly node: Node;
  /** For errors: operator and name. */
  readonly title: string;
  readonly #graph: GraphBuilder;
  readonly #inputs: readonly (Value | null)[];
  readonly #wanted: ReadonlySet<string>;

  constructor(
    graph: GraphBuilder,
    node: Node,
    title: string,
    inputs: readonly (Value | null)[],
    wanted: ReadonlySet<string>,
  ) {
    this.#graph = graph;
    this.node = node;
    this.title = title;
    this.#inputs = inputs;
    this.#wanted = wanted;
  }

  /** The version of the set of operators by which the node is to be understood. */
  get opset(): number {
    return this.#graph.opset;
  }

  /** Samples whose number the file fixes, but need not. */
  get batch(): Batch | null {
    return this.#graph.batch;
  }

  /** All inputs, null for those left out. */
  get inputs(): readonly (Value | null)[] {
    return this.#inputs;
  }

  /** The i-th input, which must be there. */
  input(i: number): Value {
    return this.#inputs[i] ?? this.fail(`input ${i} is missing`);
  }

  /** The i-th input, or null where it is left out. */
  optional(i: number): Value | null {
    return this.#inputs[i] ?? null;
  }

  /** Whether somebody uses the i-th output. */
  wants(i: number): boolean {
    const name = this.node.outputs[i];
    return name !== undefined && name !== '' && this.#wanted.has(name);
  }

  /** Refuses the node. */
  fail(why: string): never {
    throw new Error(`${this.title}: ${why}`);
  }

  /** Refuses a tensor that has another number of axes than one of `ranks`. */
  requireRank(what: string, { shape }: Value, ranks: readonly number[]): void {
    if (ranks.includes(shape.length)) return;
    this.fail(`${what} has ${shape.length} axes, wants ${ranks.join(' or ')}`);
  }

  /** Refuses a tensor of whole numbers. */
  requireFloat(what: string, { type }: Value): void {
    if (!isFloat(type)) this.fail(`${what} is ${type}, wants floats`);
  }

  // Attributes.

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  /** The value of an attribute of that kind; `fallback` where there is none. */
  #attribute(name: string, kind: Attribute['kind'], fallback: unknown): unknown {
    const attribute = this.node.attributes.get(name);
    if (!attribute) return fallback ?? this.fail(`attribute ${name} is missing`);
    if (attribute.kind === kind) return attribute.value;
    return this.fail(`attribute ${name} is of kind ${attribute.kind}, wants ${kind}`);
  }

  int(name: string, fallback?: number): number {
    return this.#attribute(name, 'int', fallback) as number;
  }

  /** An attribute that is 0 or 1. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.int(name, fallback ? 1 : 0);
    return value === 0 || value === 1 ? value === 1 : this.fail(`${name} is ${value}, wants 0 or 1`);
  }

  float(name: string, fallback?: number): number {
    return this.#attribute(name, 'float', fallback) as number;
  }

  string(name: string, fallback?: string): string {
    return this.#attribute(name, 'string', fallback) as string;
  }

  /** An attribute that is a list of whole numbers; null where there is none. */
  ints(name: string): readonly number[] | null {
    return this.has(name) ? (this.#attribute(name, 'ints', null) as readonly number[]) : null;
  }

  floats(name: string): readonly number[] | null {
    return this.has(name) ? (this.#attribute(name, 'floats', null) as readonly number[]) : null;
  }

  /** An axis, counted from the front, of a tensor of so many axes. */
  axis(given: number, rank: number): number {
    if (!Number.isInteger(given) || given < -rank || given >= rank) {
      this.fail(`axis ${given} is not in a tensor of ${rank} axes`);
    }
    return given < 0 ? given + rank : given;
  }

  // Values.

  /** What is known of the elements of a value, where it is a small array; null of tensors that are there only in a run. */
  host(value: Value): Host | null {
    if (value.kind === 'host') return value.host;
    return value.kind === 'constant' ? (this.#graph.constantHost(value)?.host ?? null) : null;
  }

  /** The elements of a value that is known as a whole: an attribute that became an input. Null of others. */
  known(value: Value): readonly number[] | null {
    const host = this.host(value);
    return host && knownElements(host);
  }

  /** The same of an input, which may be left out, but must be known where it is there. */
  knownInput(i: number, what: string): readonly number[] | null {
    const value = this.optional(i);
    if (!value) return null;
    return (
      this.known(value) ?? this.fail(`${what} is computed when the network runs, which is not supported`)
    );
  }

  /**
   * A value as an array on the JavaScript side, for steps that need its elements when they run. A tensor is waited for
   * then.
   */
  asHost(value: Value): HostValue {
    if (value.kind === 'host') return value;
    if (value.kind === 'tensor')
      return this.#graph.hostOfTensor(this.title, this.#graph.unflattened(this.title, value));
    return (
      this.#graph.constantHost(value) ?? this.fail(`${JSON.stringify(value.name)} has too many elements`)
    );
  }

  /**
   * A value as a tensor in whatever layout it has: see TensorValue.order. Its flatChannels may be above 0 only where
   * `flat` says that this makes no difference.
   */
  stored(value: Value, { flat = false }: { flat?: boolean } = {}): TensorValue {
    if (value.kind === 'host') return this.#graph.tensorOfHost(this.title, value);
    if (value.kind === 'constant') return this.#graph.weight(this.title, value, []);
    return flat ? value : this.#graph.unflattened(this.title, value);
  }

  /** A value as a tensor laid out by `order`: as the file has it, unless said otherwise. */
  tensor(value: Value, order: readonly number[] = asWritten(value.shape.length)): TensorValue {
    if (value.kind === 'constant') {
      return { ...this.#graph.weight(this.title, value, [{ axes: order }]), shape: value.shape, order };
    }
    return this.#graph.rearranged(this.title, this.stored(value), order);
  }

  /**
   * A weight after the moves: a parameter, or where it is no constant of the file, or a `buffer`, another tensor. Its
   * shape is that after the moves, its order as written.
   */
  weight(value: Value, moves: readonly Move[], { buffer = false }: { buffer?: boolean } = {}): TensorValue {
    if (value.kind === 'constant') return this.#graph.weight(this.title, value, moves, buffer);
    const before = this.tensor(value);
    return this.#graph.movedTensor(this.title, before, moves);
  }

  /**
   * Values as tensors of one number of axes in one layout, so that they broadcast against each other as ONNX says.
   * Those of fewer axes have axes of extent 1 in front, or are of fewer axes where the layout lets them.
   */
  aligned(values: readonly Value[]): Aligned {
    return alignedInputs(this.#graph, this, values);
  }

  /** What two extents that are broadcast against each other become. */
  bothExtents(a: Extent, b: Extent): Extent {
    if (a === 1 || a === b) return b;
    if (b === 1) return a;
    if (typeof a === 'number' && typeof b === 'number') {
      this.fail(`extents ${a} and ${b} do not broadcast against each other`);
    }
    // One that is not known is 1, or the other.
    return typeof a === 'number' ? a : typeof b === 'number' ? b : undefined;
  }

  /** A name for an extent that is computed from others: the same for the same rule. */
  derived(rule: string): string {
    return this.#graph.derived(rule);
  }

  // Steps.

  /** Adds a step with one result. `compute` is given the tensors of `inputs` when the network runs. */
  emit(
    inputs: readonly TensorValue[],
    result: Result,
    compute: Compute,
    options: StepOptions = {},
  ): TensorValue {
    return this.#graph.emit(this.title, inputs, [result], compute, options)[0]!;
  }

  /** Adds a step with several results. */
  emitAll(
    inputs: readonly TensorValue[],
    results: readonly Result[],
    compute: Compute,
    options: StepOptions = {},
  ): TensorValue[] {
    return this.#graph.emit(this.title, inputs, results, compute, options);
  }

  /** Adds a step whose result is an array on the JavaScript side; none where all of it is known already. */
  emitHost(inputs: readonly TensorValue[], known: Host, compute: Compute): HostValue {
    return this.#graph.emitHost(this.title, inputs, known, compute);
  }

  /** A step from one tensor to one of the same shape and layout, element by element. */
  elementwise(
    value: Value,
    compute: Compute,
    options: StepOptions & { type?: ElementType } = {},
  ): TensorValue {
    const x = this.stored(value, { flat: true });
    const { shape, order, flatChannels } = x;
    return this.emit([x], { shape, order, flatChannels, type: options.type ?? x.type }, compute, options);
  }
}
