import { record } from '../autograd.js';
import { native } from '../native.js';
import { defineMethods, handleOf, Tensor, type DType, type Shape, type TypedArray } from '../tensor.js';
import { mul } from './elementwise.js';

/**
 * Typed arrays whose elements are numbers.
 *
 * @inline
 */
type NumericArray =
  TypedArray | Float64Array | Int8Array | Int16Array | Uint8ClampedArray | Uint16Array | Uint32Array;

/** What a tensor can be made of: a number, a typed array, or an array of such, nested to one depth throughout. */
export type TensorData = number | NumericArray | readonly TensorData[];

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };

/**
 * A tensor of given elements, which are copied. Its shape is that of the nested arrays ([] for a number), or `shape`,
 * which must have as many elements. Its dtype is that of an Int32Array (i32), a Uint8Array or Uint8ClampedArray (u8),
 * else f32, or `dtype`.
 *
 * ```ts
 * tensor([[1, 2], [3, 4]]); // f32 [2, 2]
 * tensor(new Int32Array([1, 2, 3])); // i32 [3]
 * tensor([1, 2, 3, 4], [2, 2], 'u8');
 * ```
 *
 * @throws RangeError for ragged arrays, another number of elements than `shape` has, and numbers that `dtype` cannot
 * hold (i32 and u8 want whole ones); TypeError for what is no number.
 */
export function tensor(data: Int32Array, shape?: Shape): Tensor<'i32'>;
export function tensor(data: Uint8Array | Uint8ClampedArray, shape?: Shape): Tensor<'u8'>;
export function tensor(data: TensorData, shape?: Shape): Tensor;
export function tensor<D extends DType>(data: TensorData, dtype: D): Tensor<D>;
export function tensor<D extends DType>(data: TensorData, shape: Shape | undefined, dtype: D): Tensor<D>;
export function tensor(data: TensorData, shapeOrDtype?: Shape | DType, givenDtype?: DType): Tensor<DType> {
  const [shape, dtype = naturalDtype(data)] =
    typeof shapeOrDtype === 'string' ? [undefined, shapeOrDtype] : [shapeOrDtype, givenDtype];
  if (!Object.hasOwn(arrays, dtype)) {
    throw new RangeError(`tensor: dtype is ${describe(dtype)}, wants 'f32', 'i32' or 'u8'`);
  }
  const own = nestedShape(data);
  return new Tensor(native.tensor(elements(data, own, dtype), shape ?? own), dtype);
}

function naturalDtype(data: TensorData): DType {
  if (data instanceof Int32Array) return 'i32';
  return data instanceof Uint8Array || data instanceof Uint8ClampedArray ? 'u8' : 'f32';
}

function isList(data: unknown): data is NumericArray | readonly TensorData[] {
  return Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
}

/** The shape of nested arrays as their first elements tell it. */
function nestedShape(data: TensorData): number[] {
  const shape: number[] = [];
  for (let inner: TensorData | undefined = data; isList(inner); inner = inner[0]) {
    if (shape.length === 8) throw new RangeError('tensor: data is nested deeper than the 8 axes of a tensor');
    shape.push(inner.length);
  }
  return shape;
}

/** The elements in row-major order. */
function elements(data: TensorData, shape: Shape, dtype: DType): TypedArray {
  if (data instanceof arrays[dtype]) return data;
  const all = new arrays[dtype](shape.reduce((n, extent) => n * extent, 1));
  let next = 0;
  const take = (item: unknown, axis: number, path: readonly number[]): void => {
    const extent = shape[axis];
    if (extent === undefined) {
      all[next++] = numberFor(dtype, item, path);
    } else if (!isList(item)) {
      throw new TypeError(
        `tensor: ${nameOf(path)} is ${describe(item)}, wants an array of ${extent} elements`,
      );
    } else if (item.length !== extent) {
      throw new RangeError(
        `tensor: ${nameOf(path)} has ${item.length} elements, wants ${extent} as those before it: data is ragged`,
      );
    } else {
      for (let i = 0; i < extent; i++) take(item[i], axis + 1, [...path, i]);
    }
  };
  take(data, 0, []);
  return all;
}

/** `item`, where it is a number that `dtype` holds. */
function numberFor(dtype: DType, item: unknown, path: readonly number[]): number {
  if (typeof item !== 'number') {
    throw new TypeError(`tensor: ${nameOf(path)} is ${describe(item)}, wants a number`);
  }
  const [least, most] = dtype === 'u8' ? [0, 255] : [-(2 ** 31), 2 ** 31 - 1];
  if (dtype !== 'f32' && !(Number.isInteger(item) && item >= least && item <= most)) {
    throw new RangeError(
      `tensor: ${nameOf(path)} is ${item}, wants a whole number from ${least} to ${most} for dtype ${dtype}`,
    );
  }
  return item;
}

function nameOf(path: readonly number[]): string {
  return `data${path.map((i) => `[${i}]`).join('')}`;
}

function describe(value: unknown): string {
  if (value === null || ['number', 'undefined', 'boolean'].includes(typeof value)) return String(value);
  if (typeof value === 'string') return `'${value}'`;
  return isList(value) ? 'an array' : `a value of type ${typeof value}`;
}

/**
 * A tensor whose elements all are `value`.
 *
 * @param dtype Default: 'f32'.
 * @throws RangeError where the dtype is whole and has no such value.
 */
export function full<D extends DType = 'f32'>(shape: Shape, value: number, dtype?: D): Tensor<D>;
export function full(shape: Shape, value: number, dtype: DType = 'f32'): Tensor<DType> {
  return new Tensor(native.full(shape, value, dtype), dtype);
}

/** A tensor of zeros; f32 unless `dtype` says otherwise. */
export function zeros<D extends DType = 'f32'>(shape: Shape, dtype?: D): Tensor<D> {
  return full(shape, 0, dtype);
}

/** A tensor of ones; f32 unless `dtype` says otherwise. */
export function ones<D extends DType = 'f32'>(shape: Shape, dtype?: D): Tensor<D> {
  return full(shape, 1, dtype);
}

/** Zeros in the shape and dtype of `x`. */
export function zerosLike<D extends DType>(x: Tensor<D>): Tensor<D> {
  return full(x.shape, 0, x.dtype);
}

/** Ones in the shape and dtype of `x`. */
export function onesLike<D extends DType>(x: Tensor<D>): Tensor<D> {
  return full(x.shape, 1, x.dtype);
}

/**
 * The `end` numbers from 0 on, as f32.
 *
 * @throws RangeError for more than a tensor holds.
 */
export function arange(end: number): Tensor;
/**
 * The numbers start, start + step, … that come before `end`, or after it where step is negative.
 *
 * @param step Default: 1.
 * @param dtype Default: 'f32'; i32 and u8 want whole numbers.
 * @throws RangeError for a step of 0, and for numbers that the dtype cannot hold.
 */
export function arange<D extends DType = 'f32'>(
  start: number,
  end: number,
  step?: number,
  dtype?: D,
): Tensor<D>;
export function arange(start: number, end?: number, step = 1, dtype: DType = 'f32'): Tensor<DType> {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  return new Tensor(native.arange(from, to, step, dtype), dtype);
}

/** The identity matrix [n, n]. */
export function eye(n: number): Tensor {
  const diagonal = native.arange(0, n, 1, 'i32');
  try {
    return new Tensor(native.oneHot(diagonal, n), 'f32');
  } finally {
    native.dispose(diagonal);
  }
}

/**
 * 1 in the place that each index names and 0 elsewhere: f32 [..., classes] of indices [...].
 *
 * @throws at the next read of the result, StriateError for an index that is not in [0, classes).
 */
export function oneHot(indices: Tensor<'i32'>, classes: number): Tensor {
  return new Tensor(native.oneHot(handleOf(indices), classes), 'f32');
}

let seed = Math.floor(Math.random() * 2 ** 53);
let stream = 0;

/**
 * Starts the random numbers anew: after the same seed, the same operations in the same order draw the same numbers,
 * whatever the number of threads. Each Worker has a seed of its own; a random one until it is set.
 *
 * Numbers come from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): each operation
 * draws from a stream of its own, each element by its place in it.
 *
 * @param value a whole number from 0 to 2⁵³ − 1.
 */
export function setSeed(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    const error = typeof value === 'number' ? RangeError : TypeError;
    throw new error(`setSeed: seed is ${describe(value)}, wants a whole number from 0 to 2^53 - 1`);
  }
  seed = value;
  stream = 0;
}

/** Where the random numbers of this thread are: what setRandomState() goes on from. */
export function randomState(): [seed: number, stream: number] {
  return [seed, stream];
}

/** Goes on with the random numbers where randomState() was asked. */
export function setRandomState([newSeed, newStream]: readonly [seed: number, stream: number]): void {
  for (const [name, value] of [['seed', newSeed], ['stream', newStream]] as const) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new RangeError(`setRandomState: ${name} is ${describe(value)}, wants a whole number from 0 to 2^53 - 1`);
  } // prettier-ignore
  seed = newSeed;
  stream = newStream;
}

/** The seed, and the number of a stream that no other operation has drawn from. */
export function nextStream(): [seed: number, stream: number] {
  return [seed, stream++];
}

/** Random numbers, uniform in [low, high); just `low` where both are equal. Default: [0, 1). */
export function uniform(shape: Shape, low = 0, high = 1): Tensor {
  return new Tensor(native.uniform(shape, low, high, ...nextStream()), 'f32');
}

/** Random numbers, uniform in [0, 1). */
export function rand(shape: Shape): Tensor {
  return uniform(shape);
}

/** Random numbers, normal with the given mean and standard deviation (Box and Muller, 1958). Default: 0 and 1. */
export function normal(shape: Shape, mean = 0, deviation = 1): Tensor {
  return new Tensor(native.normal(shape, mean, deviation, ...nextStream()), 'f32');
}

/** Random numbers, normal with mean 0 and standard deviation 1. */
export function randn(shape: Shape): Tensor {
  return normal(shape);
}

/** 0, 1, … n − 1 in random order, each order as likely as any other. */
export function randperm(n: number): Tensor<'i32'> {
  return new Tensor(native.permutation(n, ...nextStream()), 'i32');
}

/**
 * The elements as another dtype. From f32, fractions are cut off; what is beyond the dtype becomes the nearest that it
 * has (300 is 255 as u8), and NaN becomes 0. A tensor that has the dtype already shares its storage with the result,
 * and that alone has a gradient.
 */
export function cast<D extends DType>(x: Tensor<DType>, dtype: D): Tensor<D> {
  const handle = native.cast(handleOf(x), dtype);
  if (x.dtype !== dtype) return new Tensor(handle, dtype);
  return record('cast', new Tensor(handle, dtype, x.versions), [x], [], (g) => [g]);
}

export interface DropoutOptions {
  /**
   * Whether training scales what it leaves by 1/(1 − p), so that nothing is to be done in use. Otherwise, as the original
   * paper has it, training leaves elements as they are, and use multiplies all by 1 − p. Default: true.
   */
  readonly inverted?: boolean | undefined;
}

/**
 * Inverted dropout (Srivastava et al., 2014): each element becomes 0 with probability p, else x/(1 − p), so that the
 * mean stays. Where nothing is to be dropped, the result shares x's storage. No mask is kept: backward draws it again.
 *
 * @param p from 0 to 1. Default: 0.5.
 * @param training whether to drop at all. Default: true.
 */
export function dropout(
  x: Tensor,
  p = 0.5,
  training = true,
  { inverted = true }: DropoutOptions = {},
): Tensor {
  if (!inverted && !training) {
    if (!(p >= 0 && p <= 1)) {
      throw new RangeError(`dropout: probability is ${describe(p)}, wants a number from 0 to 1`);
    }
    return mul(x, 1 - p);
  }
  const drops = training && p > 0;
  const draw: [number, number] = drops ? nextStream() : [0, 0];
  const y = new Tensor(
    native.dropout(handleOf(x), p, training, inverted, ...draw),
    'f32',
    drops ? undefined : x.versions,
  );
  return record('dropout', y, [x], [], (g) => [
    drops ? new Tensor(native.dropout(g.handle, p, training, inverted, ...draw), 'f32') : g,
  ]);
}

declare module '../tensor.js' {
  interface Tensor<D extends DType = 'f32'> {
    /** {@link cast} as a method. */
    cast<E extends DType>(this: Tensor<D>, dtype: E): Tensor<E>;
  }
}

defineMethods({ cast });
