import type { Binding, DType, Handle, TypedArray } from '../../../binding.js';
import { noGrad } from '../../autograd.js';
import { describe } from '../../describe.js';
import { native, recordCalls, StriateError } from '../../native.js';
import { inEval } from '../../nn/inEval.js';
import type { Module } from '../../nn/module.js';
import { observe, runningLayer } from '../../nn/observe.js';
import { scope, Tensor, type Shape } from '../../tensor.js';

/** An extent in the two forward passes of a trace. They are unequal where the extent depends on the batch's size. */
export type Extent = readonly [number, number];

/** A call of the native side whose result depends on the model's input. */
export interface TracedCall {
  readonly operation: keyof Binding;
  /** What it was given in the first forward pass, and in the second. */
  readonly args: readonly unknown[];
  readonly others: readonly unknown[];
  /** Null stands for one that the call did not give. */
  readonly results: readonly (Handle | null)[];
  /** Where it was made: the layer's path and its class. */
  readonly path: string;
  readonly kind: string;
}

/** A tensor that does not depend on the model's input, as it was when it was used. */
export interface TracedConstant {
  /** The name of the parameter or buffer that it is, or is another shape of. */
  readonly name: string | undefined;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Promise<TypedArray>;
}

/** What a model computes. Handles are those of the first of two forward passes. */
export interface Trace {
  readonly calls: readonly TracedCall[];
  readonly input: Handle;
  readonly output: Handle;
  /** Of all results and the input. */
  readonly shapes: ReadonlyMap<Handle, readonly Extent[]>;
  readonly dtypes: ReadonlyMap<Handle, DType>;
  readonly constants: ReadonlyMap<Handle, TracedConstant>;
}

/** The sizes of the batches that go through the model: what is 1 could be taken for an axis that is not there. */
export const batches: Extent = [2, 3];

/** Handles are not below. */
const leastHandle = 4096;

/** Calls that neither compute nor look at values. */
const silent: ReadonlySet<string> = new Set([
  ...[
    'shape',
    'dtype',
    'dispose',
    'synchronize',
    'setExpress',
    'setThreads',
    'memory',
    'resetPeak',
    'emptyPool',
  ],
  ...['cpuInfo', 'startProfile', 'stopProfile', 'philox', 'conv2dPlan'],
]);

const random: ReadonlySet<string> = new Set([
  ...['uniform', 'normal', 'truncatedNormal', 'permutation', 'orthogonal', 'dropout'],
]);

/**
 * Runs zeros through the model, twice with batches of unequal size, in eval mode and without gradients, and notes what it
 * calls; the model is as it was afterwards. What is not there yet when this returns (the constants' values) is that of
 * this moment.
 *
 * @param inputShape of one sample
 * @throws StriateError where a layer fails, or the computation depends on values or in its form on the batch's size
 */
export function trace(operation: string, model: Module, inputShape: Shape, dtype: DType): Trace {
  const [first, second] = batches.map((batch) => new Pass(operation, model, [batch, ...inputShape], dtype));
  return merged(operation, first!, second!);
}

interface RecordedCall {
  operation: keyof Binding;
  args: readonly unknown[];
  results: (Handle | null)[];
  path: string;
  kind: string;
}

/** One forward pass. */
class Pass {
  readonly calls: RecordedCall[] = [];
  readonly constants = new Map<Handle, TracedConstant>();
  readonly shapes = new Map<Handle, Shape>();
  readonly dtypes = new Map<Handle, DType>();
  readonly input: Handle;
  readonly output: Handle;
  readonly #operation: string;
  readonly #names = new Map<Handle, string>();

  constructor(operation: string, model: Module, shape: Shape, dtype: DType) {
    this.#operation = operation;
    for (const [name, { handle }] of model.stateDict()) this.#names.set(handle, name);
    [this.input, this.output] = inEval(model, () =>
      noGrad(() =>
        scope(() => {
          const x = new Tensor(native.full(shape, 0, dtype), dtype) as Tensor;
          this.#dependent(x.handle);
          const y: unknown = observe(
            model,
            () => undefined,
            () =>
              recordCalls(
                (...call) => this.#record(...call),
                () => model.forward(x),
              ),
            (path, module, input, error) => this.#failure(path, module, input, error),
          );
          if (!(y instanceof Tensor)) {
            throw new TypeError(`${operation}: the model's forward() gives ${describe(y)}, wants a tensor`);
          }
          return [x.handle, y.handle] as const;
        }),
      ),
    );
    if (!this.shapes.has(this.output)) {
      throw new StriateError(`${operation}: the model's output does not depend on its input`);
    }
  }

  #record(operation: keyof Binding, args: readonly unknown[], result: unknown): void {
    if (silent.has(operation)) return;
    const given = args.flatMap(handlesIn);
    const depends = given.some((handle) => this.shapes.has(handle));
    if (depends && (operation === 'data' || operation === 'dataSync' || operation === 'assign')) {
      const what = operation === 'assign' ? 'changes a tensor in place' : 'looks at values';
      throw new StriateError(`forward() ${what} that depend on the input, which a graph cannot do`);
    }
    const results = [result]
      .flat()
      .filter((one) => one === null || typeof one === 'number') as (Handle | null)[];
    if (!depends && !draws(operation, args) && !mayFollowBatch(operation, args)) {
      const name = operation === 'alias' || operation === 'reshape' ? this.#names.get(given[0]!) : undefined;
      if (name !== undefined) this.#names.set(results[0]!, name);
      return;
    }
    for (const handle of given) if (!this.shapes.has(handle)) this.#constant(handle);
    for (const handle of results) if (handle !== null) this.#dependent(handle);
    const layer = runningLayer();
    const [path, kind] = [layer?.path ?? '', layer?.module.constructor.name ?? ''];
    this.calls.push({ operation, args: args.map(copied), results, path, kind });
  }

  #dependent(handle: Handle): void {
    this.shapes.set(handle, native.shape(handle));
    this.dtypes.set(handle, native.dtype(handle));
  }

  /** Reads take their place in the queue here: the tensor may be gone, or another, when the pass is over. */
  #constant(handle: Handle): void {
    if (this.constants.has(handle)) return;
    let shape: Shape;
    try {
      shape = native.shape(handle);
    } catch {
      // A number that is no handle.
      return;
    }
    const data = native.data(handle);
    // Whoever wants the values is told; others need not be.
    data.catch(() => undefined);
    this.constants.set(handle, {
      name: this.#names.get(handle),
      dtype: native.dtype(handle),
      shape,
      data,
    });
  }

  #failure(path: string, module: Module, input: unknown, error: unknown): StriateError {
    const what = error instanceof Error ? error.message : String(error);
    const given = input instanceof Tensor ? `[N, ${input.shape.slice(1).join(', ')}]` : describe(input);
    const layer = `${path === '' ? 'the model' : path} (${module.constructor.name})`;
    return new StriateError(`${this.#operation}: ${layer}, given ${given}: ${what}`, { cause: error });
  }
}

function draws(operation: string, args: readonly unknown[]): boolean {
  return random.has(operation) && (operation !== 'dropout' || (args[2] === true && args[1] !== 0));
}

/** Whether a tensor of one value may have as many as there are samples. */
function mayFollowBatch(operation: string, [shape]: readonly unknown[]): boolean {
  return operation === 'full' && batches.some((batch) => (shape as Shape).includes(batch));
}

/** Arrays may be changed after the call. */
function copied(argument: unknown): unknown {
  return Array.isArray(argument) ? [...(argument as unknown[])] : argument;
}

/** The numbers in an argument that may be handles: itself, or all of a list. */
function handlesIn(argument: unknown): Handle[] {
  const list: readonly unknown[] = Array.isArray(argument) ? argument : [argument];
  return list.every((one) => Number.isInteger(one) && (one as number) >= leastHandle)
    ? (list as Handle[])
    : [];
}

/** Both passes as one. */
function merged(operation: string, first: Pass, second: Pass): Trace {
  const unequal = (where: RecordedCall | undefined): StriateError =>
    new StriateError(
      `${operation}: the model computes another thing for a batch of ${batches[0]} than for one of ${batches[1]}` +
        (where ? `, from ${where.operation} in ${where.path === '' ? 'the model' : where.path} on` : ''),
    );
  const shapes = new Map([
    [first.input, zipped(first.shapes.get(first.input)!, second.shapes.get(second.input)!)],
  ]);
  const calls = first.calls.map((call, i): TracedCall => {
    const other = second.calls[i];
    const agrees =
      other?.operation === call.operation &&
      call.args.length === other.args.length &&
      call.results.length === other.results.length;
    if (!agrees) throw unequal(call);
    call.results.forEach((handle, k) => {
      const [shape, otherShape] = [handle, other.results[k]].map((one, pass) =>
        one == null ? undefined : [first, second][pass]!.shapes.get(one),
      );
      if (shape?.length !== otherShape?.length) throw unequal(call);
      if (shape && otherShape) shapes.set(handle!, zipped(shape, otherShape));
    });
    const [constants, otherConstants] = [call.args, other.args].map((args, pass) =>
      args.flatMap(handlesIn).map((handle) => [first, second][pass]!.constants.get(handle)?.shape.join()),
    );
    if (constants?.join(';') !== otherConstants?.join(';')) throw unequal(call);
    return { ...call, others: other.args };
  });
  if (second.calls.length !== calls.length) throw unequal(second.calls[calls.length]);
  const { input, output, dtypes, constants } = first;
  return { calls, input, output, shapes, dtypes, constants };
}

function zipped(shape: Shape, other: Shape): Extent[] {
  return shape.map((extent, axis) => [extent, other[axis]!]);
}
