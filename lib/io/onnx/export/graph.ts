import type { DType, Handle, TypedArray } from '../../../../binding.js';
import { StriateError } from '../../../native.js';
import type { Attribute, Constant as StoredConstant, ElementType, Node, ValueInfo } from '../schema.js';
import { batches, type Extent, type Trace, type TracedCall } from '../trace.js';
import { Constant } from './constant.js';
import type { Affine } from './folding.js';
import { channelsFirst, count, isStatic, product, same, type Operand } from './operand.js';
import { Value, type Atom } from './value.js';

export const elementTypeOf: Readonly<Record<DType, ElementType>> = {
  f32: 'float32',
  i32: 'int32',
  u8: 'uint8',
};

/** The name of the axis whose extent is the number of samples. */
const batchName = 'batch';

/** A graph of ONNX that is being made from a trace. */
export class Graph {
  readonly opset: number;
  #nodes: Node[] = [];
  readonly constants: StoredConstant[] = [];
  readonly #trace: Trace;
  readonly #values: ReadonlyMap<Handle, TypedArray>;
  readonly #operands = new Map<Handle, Operand>();
  /** The calls that use a result, of those that matter. */
  readonly #users = new Map<Handle, TracedCall[]>();
  readonly #folded = new Map<Handle, Affine>();
  readonly #done = new Set<Handle>();
  readonly #names = new Set<string>();
  readonly #scalars = new Map<string, string>();
  readonly #atoms = new Map<Atom, number>();
  readonly #inputName: string;
  #batchSize: string | undefined;
  #call: TracedCall | null = null;

  /** @param values of the trace's constants */
  constructor(trace: Trace, values: ReadonlyMap<Handle, TypedArray>, opset: number, inputName: string) {
    this.#trace = trace;
    this.#values = values;
    this.opset = opset;
    this.#inputName = this.unique(inputName);
    const shape = trace.shapes.get(trace.input)!;
    const dtype = trace.dtypes.get(trace.input)!;
    const input = Value.of(this, this.#inputName, dtype, shape, channelsFirst(shape.length));
    this.#operands.set(trace.input, input);
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** The calls that the output depends on, in their order. */
  needed(): TracedCall[] {
    const wanted = new Set<unknown>([this.#trace.output]);
    const calls = this.#trace.calls.toReversed().filter(({ args, results }) => {
      if (!results.some((handle) => wanted.has(handle))) return false;
      for (const argument of args.flat()) wanted.add(argument);
      return true;
    });
    calls.reverse();
    for (const call of calls) {
      for (const argument of new Set(call.args.flat())) {
        if (!this.#trace.shapes.has(argument as Handle)) continue;
        const users = this.#users.get(argument as Handle) ?? [];
        this.#users.set(argument as Handle, [...users, call]);
      }
    }
    return calls;
  }

  /** Calls `work` for a call, whose layer's name nodes have. */
  within<T>(call: TracedCall, work: () => T): T {
    this.#call = call;
    try {
      return work();
    } finally {
      this.#call = null;
    }
  }

  /** What a call gave. */
  define(handle: Handle, operand: Operand): void {
    this.#operands.set(handle, operand);
  }

  operand(handle: Handle): Operand {
    const known = this.#operands.get(handle);
    if (known) return known;
    const constant = this.#trace.constants.get(handle);
    const values = this.#values.get(handle);
    if (!constant || !values) throw this.error('uses a tensor that the graph does not have');
    const { name = `${this.#prefix()}constant`, dtype, shape } = constant;
    const made = new Constant(this, name, dtype, shape, () => values);
    this.#operands.set(handle, made);
    return made;
  }

  /** The same as a tensor of the graph, also where it is a constant. */
  value(handle: Handle): Value {
    return this.valueOf(this.operand(handle));
  }

  valueOf(operand: Operand): Value {
    if (operand instanceof Value) return operand;
    if (!(operand instanceof Constant)) throw this.error('uses what is no tensor');
    const order = count(operand.shape.length);
    return Value.of(this, operand.name, operand.dtype, operand.shape, order);
  }

  /** The same of what must not depend on the model's input. */
  constant(handle: Handle, argument: string): Constant {
    const operand = this.operand(handle);
    if (operand instanceof Constant) return operand;
    throw this.error(`wants ${argument} that does not depend on the model's input`);
  }

  /** A constant that is made of others. */
  derived(label: string, extents: readonly number[], make: () => TypedArray): Constant {
    return new Constant(this, label, 'f32', extents, make);
  }

  /** A constant that no tensor of the model has. */
  made(label: string, values: ArrayLike<number>, extents: readonly number[]): Constant {
    return this.derived(`${this.#prefix()}${label}`, extents, () => Float32Array.from(values));
  }

  /** Whether a handle's tensor does not depend on the model's input. */
  isConstant(handle: Handle): boolean {
    return this.#trace.constants.has(handle);
  }

  /** What the layer that gives a result is to do beside, in place of the batch norm after it. */
  folded(result: Handle): Affine | undefined {
    return this.#folded.get(result);
  }

  /** Has the layer that gives a result do what the batch norm does that gives another. */
  fold(result: Handle, affine: Affine, normalized: Handle): void {
    this.#folded.set(result, affine);
    this.#done.add(normalized);
  }

  /** Whether a batch norm's part is done by the layer before it. */
  isFolded(normalized: Handle): boolean {
    return this.#done.has(normalized);
  }

  shapeOf(handle: Handle): readonly Extent[] {
    return this.#trace.shapes.get(handle) ?? this.operand(handle).shape;
  }

  dtypeOf(handle: Handle): DType {
    return this.#trace.dtypes.get(handle) ?? this.operand(handle).dtype;
  }

  /** The calls that use a result. The model's output is used once more. */
  users(handle: Handle): readonly TracedCall[] {
    return this.#users.get(handle) ?? [];
  }

  /** The only call that uses a result, where there is one. */
  onlyUser(handle: Handle): TracedCall | null {
    const [user, ...others] = this.users(handle);
    return user && others.length === 0 && handle !== this.#trace.output ? user : null;
  }

  isUsed(handle: Handle): boolean {
    return handle === this.#trace.output || this.users(handle).length > 0;
  }

  /** An error about the operation that is being exported. */
  error(what: string): StriateError {
    const { operation = 'the model', path = '', kind = '' } = this.#call ?? {};
    const where = path === '' ? kind : `${path}, ${kind}`;
    return new StriateError(`saveOnnx: ${operation}${where === '' ? '' : ` (in ${where})`} ${what}`);
  }

  #prefix(): string {
    const { path = '' } = this.#call ?? {};
    return path === '' ? '' : `${path}.`;
  }

  /** The name, or where something has it, the name with a number. */
  unique(name: string): string {
    let free = name;
    for (let i = 2; this.#names.has(free); i++) free = `${name}_${i}`;
    this.#names.add(free);
    return free;
  }

  /** An operation, and the name of its result. */
  node(
    operation: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    return this.nodeWith(1, operation, inputs, attributes)[0]!;
  }

  /** An operation that has several results, and their names. */
  nodeWith(
    results: number,
    operation: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string[] {
    const name = this.unique(`${this.#prefix()}${operation}`);
    const outputs = [name, ...count(results - 1).map((i) => this.unique(`${name}.${i + 1}`))];
    const entries = Object.entries(attributes);
    this.#nodes.push({ name, operation, domain: '', inputs, outputs, attributes: new Map(entries) });
    return outputs;
  }

  /** Puts a constant into the graph. */
  initializer(constant: Constant): string {
    const name = this.unique(constant.label);
    this.constants.push({
      name,
      type: elementTypeOf[constant.dtype],
      shape: constant.extents,
      get bytes() {
        const { buffer, byteOffset, byteLength } = constant.make();
        return new Uint8Array(buffer, byteOffset, byteLength);
      },
    });
    return name;
  }

  /** The name of a number. */
  scalar(value: number, dtype: DType = 'f32'): string {
    const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };
    const key = `${dtype} ${value}`;
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const constant = new Constant(this, String(value), dtype, [], () => arrays[dtype].of(value));
    this.#scalars.set(key, constant.name);
    return constant.name;
  }

  /** The name of whole numbers, as ONNX wants them for axes, shapes and the like. */
  integers(values: readonly number[], label = 'integers'): string {
    const key = `int64 ${values.join()}`;
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const name = this.unique(`${this.#prefix()}${label}`);
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.constants.push({ name, type: 'int64', shape: [values.length], bytes });
    this.#scalars.set(key, name);
    return name;
  }

  /** A number by which an atom is known. */
  number(atom: Atom): number {
    const known = this.#atoms.get(atom) ?? this.#atoms.size;
    this.#atoms.set(atom, known);
    return known;
  }

  /** The tensor under another shape. */
  reshape(name: string, from: readonly Extent[], to: readonly Extent[]): string {
    const [rows, ...rest] = from;
    if (to.length === 2 && rows && same(rows, to[0]!) && from.length > 2 && same(product(rest), to[1]!)) {
      return this.node('Flatten', [name], { axis: { kind: 'int', value: 1 } });
    }
    const open = to.filter((extent) => !isStatic(extent)).length;
    const shape =
      open > 1
        ? this.sizes(to)
        : this.integers(
            to.map((extent) => (isStatic(extent) ? extent[0] : -1)),
            'shape',
          );
    return this.node('Reshape', [name, shape]);
  }

  /** The name of the sizes as int64, those that depend on the batch as they turn out. */
  sizes(shape: readonly Extent[]): string {
    if (shape.every(isStatic))
      return this.integers(
        shape.map(([n]) => n),
        'shape',
      );
    const parts = shape.map((extent) => {
      if (isStatic(extent)) return this.integers([extent[0]], 'size');
      const samples = this.#samples();
      const each = extent[0] / batches[0];
      if (!same(extent, [each * batches[0], each * batches[1]])) {
        throw this.error('makes an axis that is no multiple of the batch');
      }
      return each === 1 ? samples : this.node('Mul', [samples, this.integers([each], 'size')]);
    });
    return parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: { kind: 'int', value: 0 } });
  }

  /** The name of the number of samples, int64 [1]. */
  #samples(): string {
    return (this.#batchSize ??= this.node('Shape', [this.#inputName], {
      start: { kind: 'int', value: 0 },
      end: { kind: 'int', value: 1 },
    }));
  }

  inputInfo(): ValueInfo {
    const { input } = this.#trace;
    return this.#info(this.#inputName, input, channelsFirst(this.shapeOf(input).length));
  }

  /** Gives the model's output the name, in ONNX's layout. */
  finish(outputName: string): ValueInfo {
    const { output } = this.#trace;
    const rank = this.shapeOf(output).length;
    const order = channelsFirst(rank);
    const last = this.value(output).grouped(order.map((axis) => [axis]));
    const name = this.#renamed(last, this.unique(outputName));
    return this.#info(name, output, order);
  }

  /** Gives a tensor that a node makes another name; of others makes a copy. */
  #renamed(before: string, name: string): string {
    const rename = (names: readonly string[]) => names.map((one) => (one === before ? name : one));
    const renamed = this.nodes.map((node) => ({
      ...node,
      inputs: rename(node.inputs),
      outputs: rename(node.outputs),
    }));
    if (renamed.some(({ outputs }) => outputs.includes(name))) {
      this.#nodes = renamed;
    } else {
      const identity = { name: this.unique('Identity'), operation: 'Identity', domain: '' };
      this.#nodes.push({ ...identity, inputs: [before], outputs: [name], attributes: new Map() });
    }
    return name;
  }

  #info(name: string, handle: Handle, order: readonly number[]): ValueInfo {
    const shape = this.shapeOf(handle);
    return {
      name,
      type: elementTypeOf[this.dtypeOf(handle)],
      shape: order.map((axis) => {
        const extent = shape[axis]!;
        if (isStatic(extent)) return extent[0];
        return same(extent, batches) ? batchName : undefined;
      }),
    };
  }
}
