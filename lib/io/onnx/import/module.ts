import { Module } from '../../../nn/module.js';
import { reshape } from '../../../ops/movement.js';
import { requireLive, scope, StriateError, type DType, type Shape, type Tensor } from '../../../tensor.js';
import { dtypeOf } from '../elements.js';
import { quoted } from '../wire.js';
import { weightsBySlot, type Network } from './build.js';
import { foldBatchNorms } from './fold.js';
import { largestResult } from './graphBuilder.js';
import { arranged, channelsLast, sameOrder } from './layout.js';
import { Plan } from './plan.js';
import type { Step } from './step.js';
import type { Extent, TensorValue } from './value.js';

/** What a network of ONNX takes or gives. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  /**
   * In the order of axes that the network takes or gives; null for an extent that may be any, as a batch's often is, or that is
   * not known before the network runs.
   */
  readonly shape: readonly (number | null)[];
  /**
   * 'channelsLast' where the file has [N, C, H, W] and the network [N, H, W, C] (of sequences [N, C, L] and [N, L, C]);
   * 'asWritten' where axes are in the order that the file has.
   */
  readonly layout: 'channelsLast' | 'asWritten';
}

function described({ name, type, shape, order }: TensorValue): OnnxValue {
  const layout =
    order.length > 2 && sameOrder(order, channelsLast(order.length)) ? 'channelsLast' : 'asWritten';
  const extents = arranged(shape, order).map((extent) => (typeof extent === 'number' ? extent : null));
  return Object.freeze({ name, dtype: dtypeOf(type), shape: Object.freeze(extents), layout });
}

/**
 * A network read from a file of ONNX, by io.loadOnnx. Its parameters and buffers are the file's initializers and have
 * their names (one that a module has a field or method of gets a `_` at its end), in the layout in which they are used:
 * kernels are [KH, KW, C/groups, K], linear weights [in, out].
 *
 * In training, batch norms use the batch's statistics and move the running ones, and dropout drops; see train(), eval().
 */
export class OnnxModule extends Module {
  /** What the file's writer noted beside the graph. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #inputs: readonly TensorValue[];
  readonly #outputs: readonly TensorValue[];
  /** By slot. */
  readonly #weights: Map<number, Tensor<DType>>;
  readonly #names: ReadonlyMap<number, string>;
  #steps: readonly Step[];
  #plan: Plan;

  /** Takes over the weights. Called by io.loadOnnx. */
  constructor({ steps, weights, inputs, outputs }: Network, metadata: Readonly<Record<string, string>> = {}) {
    super();
    this.metadata = Object.freeze({ ...metadata });
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#steps = steps;
    this.#weights = weightsBySlot(weights);
    const names = new Map<number, string>();
    for (const { name, slot, tensor } of weights) {
      if (name === '') continue;
      let own = name;
      while (own in this) own += '_';
      names.set(slot, own);
      Object.defineProperty(this, own, { value: tensor, enumerable: true, configurable: true });
    }
    this.#names = names;
    this.#plan = this.#planned();
  }

  /** What the network takes. */
  get inputs(): readonly OnnxValue[] {
    return this.#inputs.map(described);
  }

  /** What the network gives. */
  get outputs(): readonly OnnxValue[] {
    return this.#outputs.map(described);
  }

  /**
   * The output of a network of one input and one output; see run() for others.
   *
   * @throws StriateError for another network; RangeError, TypeError for a tensor that does not fit
   */
  override forward(x: Tensor): Tensor {
    if (this.#inputs.length !== 1 || this.#outputs.length !== 1) {
      throw new StriateError(
        `OnnxModule: the network has ${this.#inputs.length} inputs and ${this.#outputs.length} outputs; forward() wants one of each, call run()`,
      );
    }
    return this.#run([x])[0] as Tensor;
  }

  /**
   * The outputs by name for inputs by name.
   *
   * @throws TypeError, RangeError for inputs that are missing, unknown or do not fit
   */
  run(inputs: Readonly<Record<string, Tensor<DType>>>): Record<string, Tensor<DType>> {
    for (const name of Object.keys(inputs)) {
      if (this.#inputs.some((input) => input.name === name)) continue;
      throw new TypeError(`OnnxModule: there is no input ${quoted(name)}, wants ${this.#inputNames()}`);
    }
    const results = this.#run(
      this.#inputs.map(({ name }) => {
        if (Object.hasOwn(inputs, name)) return inputs[name]!;
        throw new TypeError(`OnnxModule: input ${quoted(name)} is missing, wants ${this.#inputNames()}`);
      }),
    );
    const named = Object.create(null) as Record<string, Tensor<DType>>;
    this.#outputs.forEach(({ name }, i) => (named[name] = results[i]!));
    return named;
  }

  /** Folds each batch norm into the convolution or linear layer before it. */
  override fuse(): void {
    if (this.training) throw new StriateError('OnnxModule: fuse() wants the network after eval()');
    const steps = foldBatchNorms(this.#steps, this.#outputSlots(), this.#weights);
    for (const [slot, tensor] of this.#weights) {
      if (!tensor.disposed) continue;
      this.#weights.delete(slot);
      const name = this.#names.get(slot);
      if (name !== undefined) Reflect.deleteProperty(this, name);
    }
    this.#steps = steps;
    this.#plan = this.#planned();
  }

  override dispose(): void {
    super.dispose();
    for (const tensor of this.#weights.values()) tensor.dispose();
  }

  #outputSlots(): number[] {
    return this.#outputs.map(({ slot }) => slot);
  }

  #planned(): Plan {
    const kept = new Set([...this.#weights.keys(), ...this.#inputs.map(({ slot }) => slot)]);
    return new Plan(this.#steps, this.#outputSlots(), kept);
  }

  #inputNames(): string {
    return this.#inputs.map(({ name }) => quoted(name)).join(', ');
  }

  #run(given: readonly Tensor<DType>[]): Tensor<DType>[] {
    requireInputs(this.#inputs, given);
    const largest = largestResult(given.reduce((n, { size }) => n + size, 0));
    const allow = (shape: Shape): void => {
      const count = shape.reduce((n, extent) => n * extent, 1);
      if (count <= largest) return;
      throw new RangeError(
        `a result [${shape.join(', ')}] has ${count} elements, more than ${largest}, the most that are allowed for these inputs`,
      );
    };
    const values = new Map(this.#weights);
    this.#inputs.forEach(({ slot }, i) => values.set(slot, given[i]!));
    const owned = new Set<unknown>(values.values());
    return scope(() => {
      const results: Tensor<DType>[] = [];
      for (const result of this.#plan.run(values, { training: this.training, allow })) {
        const taken = owned.has(result) || results.includes(result);
        results.push(taken ? reshape(result, result.shape) : result);
      }
      return results;
    });
  }
}

/** Refuses tensors that are not what the inputs say. */
function requireInputs(inputs: readonly TensorValue[], given: readonly Tensor<DType>[]): void {
  /** What names of extents stand for. */
  const named = new Map<Extent, number>();
  for (const [i, { name, type, shape, order }] of inputs.entries()) {
    const what = `input ${quoted(name)}`;
    const x = requireLive('OnnxModule', what, given[i]!);
    const dtype = dtypeOf(type);
    if (x.dtype !== dtype) throw new TypeError(`OnnxModule: ${what} is ${x.dtype}, wants ${dtype}`);
    const extents = arranged(shape, order);
    const fits =
      x.rank === extents.length &&
      extents.every((extent, axis) => {
        const wanted = typeof extent === 'number' ? extent : (named.get(extent) ?? x.shape[axis]!);
        named.set(extent, wanted);
        return x.shape[axis] === wanted;
      });
    if (fits) continue;
    const wanted = extents.map((extent) =>
      typeof extent === 'number' ? extent : String(named.get(extent) ?? 'any'),
    );
    throw new RangeError(`OnnxModule: ${what} is [${x.shape.join(', ')}], wants [${wanted.join(', ')}]`);
  }
}
