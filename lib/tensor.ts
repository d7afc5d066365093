import type { DType, Handle } from '../binding.js';
import type { Node } from './autograd.js';
import { describe } from './describe.js';
import { native, StriateError } from './native.js';

export type { DType, TypedArray } from '../binding.js';
/** The extents of the axes, the first the outermost; [] is that of a number. */
export type Shape = readonly number[];

/** The typed array that holds the elements of a dtype. */
export type DataOf<D extends DType> = D extends 'f32'
  ? Float32Array
  : D extends 'i32'
    ? Int32Array
    : Uint8Array;

/** Counts the changes in place of one storage; shared by all tensors over it. */
interface Versions {
  changes: number;
}

const collected = new FinalizationRegistry<Handle>((handle) => native.collect(handle));

/** Tensors created in the innermost scope() so far; null outside of any. */
let created: Tensor<DType>[] | null = null;

/**
 * A dense, row-major array on the native side. Operations return at once and run on the compute thread; `data()` and
 * `item()` wait for the result. Images are [N, H, W, C].
 *
 * Memory goes back with `dispose()`, at the end of a `using` block or a `scope`, or by garbage collection.
 */
export class Tensor<D extends DType = 'f32'> implements Disposable {
  readonly dtype: D;
  /**
   * The number by which the native side knows this tensor.
   *
   * @internal
   */
  readonly handle: Handle;
  /** The gradient that backward() has added up here; null before. Tensors that are results of operations have none. */
  grad: Tensor | null = null;
  /**
   * The operation that this tensor is the result of, where autograd recorded it.
   *
   * @internal
   */
  node: Node | null = null;
  /** @internal */
  readonly versions: Versions;
  #requiresGrad = false;
  #shape: Shape | undefined;
  #disposed = false;
  #kept = false;
  #outlives = false;

  /**
   * Wraps a handle; called by operations. Users create tensors with `tensor`, `zeros`, `randn` and the like.
   *
   * @internal
   */
  constructor(handle: Handle, dtype: D, versions: Versions = { changes: 0 }) {
    this.handle = handle;
    this.dtype = dtype;
    this.versions = versions;
    if (created) created.push(this);
    else this.outlive();
  }

  /**
   * Told where no scope will dispose the tensor: memory goes back by garbage collection then.
   *
   * @internal
   */
  outlive(): void {
    if (this.#outlives || this.#disposed) return;
    this.#outlives = true;
    collected.register(this, this.handle, this);
  }

  /** Whether backward() computes a gradient for this tensor, which must be f32 then. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  set requiresGrad(wanted: boolean) {
    if (wanted && this.dtype !== 'f32') {
      throw new TypeError(`requiresGrad: the tensor is ${this.dtype}, wants dtype f32`);
    }
    this.#requiresGrad = wanted;
  }

  get shape(): Shape {
    return (this.#shape ??= Object.freeze(native.shape(this.handle)));
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((n, extent) => n * extent, 1);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** The elements, in row-major order, when the operations that produce them have run. */
  async data(): Promise<DataOf<D>> {
    return (await native.data(this.handle)) as DataOf<D>;
  }

  /** The elements at once: blocks JavaScript until they are there. For scripts; a server awaits data(). */
  dataSync(): DataOf<D> {
    return native.dataSync(this.handle) as DataOf<D>;
  }

  /** The only element of a tensor that has one. */
  async item(): Promise<number> {
    requireOneElement('item', this);
    return (await this.data())[0]!;
  }

  /** The only element, at once: blocks JavaScript until it is there. */
  itemSync(): number {
    requireOneElement('itemSync', this);
    return this.dataSync()[0]!;
  }

  /** A tensor over the same storage that autograd does not follow back. */
  detach(): Tensor<D> {
    requireLive('detach', 'tensor', this);
    const alias = new Tensor(native.alias(this.handle), this.dtype, this.versions);
    alias.#shape = this.#shape;
    return alias;
  }

  /** Copies the elements of `source`, of the same shape and dtype, into this tensor's storage. */
  assign(source: Tensor<D>): void {
    native.assign(this.handle, handleOf(source));
    this.versions.changes++;
  }

  /** Gives the memory back, once the operations already asked for have run. The tensor cannot be used afterwards. */
  dispose(): void {
    if (!this.#disposed) native.dispose(this.giveUp());
  }

  /**
   * The same of a tensor that nobody else has: nobody will ask for its shape.
   *
   * @internal
   */
  discard(): void {
    if (!this.#disposed) native.dispose(this.#release());
  }

  /**
   * The handle, for a native function that disposes it: as dispose(), but for what that function does.
   *
   * @internal
   */
  giveUp(): Handle {
    requireLive('giveUp', 'tensor', this);
    this.#shape ??= Object.freeze(native.shape(this.handle));
    return this.#release();
  }

  #release(): Handle {
    this.#disposed = true;
    // What the registry knows, even of a dead tensor, outlives all small collections of garbage.
    if (this.#outlives) collected.unregister(this);
    this.node?.drop();
    this.node = null;
    this.grad?.dispose();
    this.grad = null;
    return this.handle;
  }

  /** dispose(), for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Takes the tensor out of every scope: it lives until it is disposed or collected. */
  keep(): this {
    this.#kept = true;
    this.outlive();
    return this;
  }

  get kept(): boolean {
    return this.#kept;
  }

  toString(): string {
    return `Tensor(${this.dtype}, [${this.shape.join(', ')}]${this.#disposed ? ', disposed' : ''})`;
  }
}

function requireOneElement(operation: string, tensor: Tensor<DType>): void {
  const { size, shape } = requireLive(operation, 'tensor', tensor);
  if (size === 1) return;
  throw new RangeError(`${operation}: tensor [${shape.join(', ')}] has ${size} elements, wants 1`);
}

/**
 * The argument, where it is a tensor that can be used: for operations that look at it before the native side, which
 * otherwise checks.
 */
export function requireLive<T extends Tensor<DType>>(operation: string, argument: string, tensor: T): T {
  if (!(tensor instanceof Tensor)) {
    throw new TypeError(`${operation}: ${argument} is ${describe(tensor)}, wants a tensor`);
  }
  if (tensor.disposed) throw new StriateError(`${operation}: ${argument} has been disposed`);
  return tensor;
}

const AsyncFunction = (async () => undefined).constructor;

/** What changes how operations are called holds while a function runs: not beyond the first `await` of one. */
export function refuseAsync(caller: string, work: () => unknown): void {
  if (work instanceof AsyncFunction) {
    throw new TypeError(
      `${caller}: the function is asynchronous, wants one that is not; it may return a promise`,
    );
  }
}

/**
 * The handle to hand to the native side. What is no tensor is passed as it is, for the binding to refuse by operation
 * and argument.
 */
export function handleOf(tensor: Tensor<DType>): Handle {
  if (tensor instanceof Tensor) return tensor.handle;
  return (typeof tensor === 'number' ? NaN : tensor) as unknown as Handle;
}

/** The same of what may be left out. */
export function handleOrNull(tensor: Tensor | null | undefined): Handle | null {
  return tensor == null ? null : handleOf(tensor);
}

/**
 * Makes operations, functions of a tensor and whatever else, callable as methods too. Their types are declared beside
 * them, as an addition to the interface of Tensor.
 */
export function defineMethods(
  operations: Record<string, (tensor: never, ...rest: never[]) => unknown>,
): void {
  for (const [name, operation] of Object.entries(operations)) {
    Object.defineProperty(Tensor.prototype, name, {
      value(this: never, ...rest: never[]) {
        return operation(this, ...rest);
      },
      writable: true,
      configurable: true,
    });
  }
}

/**
 * Calls `work` and disposes every tensor created in it, but for those that it returns (alone, in an array, or in an
 * object), those taken out by keep(), and parameters. Synchronous: returns what `work` returns.
 */
export function scope<T>(work: () => T): T {
  const outer = created;
  const mine: Tensor<DType>[] = [];
  created = mine;
  const returned = new Set<unknown>();
  try {
    const result = work();
    if (result instanceof Promise) {
      // It will fail on tensors that are gone; what counts is told here.
      result.catch(() => undefined);
      throw new TypeError('scope: the function is asynchronous, wants one that is not');
    }
    collectTensors(result, returned);
    return result;
  } finally {
    created = outer;
    for (const tensor of mine) {
      if (tensor.kept || tensor.disposed) continue;
      if (!returned.has(tensor)) tensor.dispose();
      else if (outer) outer.push(tensor);
      else tensor.outlive();
    }
  }
}

function collectTensors(value: unknown, found: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || found.has(value)) return;
  found.add(value);
  if (value instanceof Tensor || ArrayBuffer.isView(value)) return;
  const members =
    Array.isArray(value) || value instanceof Set ? value : value instanceof Map ? value.values() : null;
  for (const member of members ?? Object.values(value)) collectTensors(member, found);
}

let inExpress = false;

/**
 * Calls `work` so that its operations overtake those of others: they go on the express lane, which the compute thread
 * serves first between two commands. For a short prediction while a model trains. Synchronous; read results inside or
 * outside, they come as early.
 */
export function express<T>(work: () => T): T {
  refuseAsync('express', work);
  const before = inExpress;
  native.setExpress((inExpress = true));
  try {
    return work();
  } finally {
    native.setExpress((inExpress = before));
  }
}

/** Resolves when every operation asked for so far has run; rejects where an update in place has failed. */
export function synchronize(): Promise<void> {
  return native.synchronize();
}

export { StriateError };
