import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './halves.js';

interface StoredArrays {
  f32: Float32Array;
  i32: Int32Array;
  u8: Uint8Array;
}

/** The element types of tensors. */
export type StoredDtype = keyof StoredArrays;
export type StoredArray = StoredArrays[StoredDtype];

/** A tensor beside a file: dense, row-major, `data` with one element per position of `shape`. */
export type StoredTensor = {
  [D in StoredDtype]: { dtype: D; shape: readonly number[]; data: StoredArrays[D] };
}[StoredDtype];

export const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

interface Elements {
  readonly bytes: number;
  /** What they become. */
  readonly dtype: StoredDtype;
  /** Puts elements of a file into an array; none where the bytes are the same. */
  readonly read?: (bytes: Uint8Array, into: StoredArray) => void;
  /** The bytes of elements for a file; none where they are the same. */
  readonly write?: (elements: StoredArray) => Uint8Array;
}

/** A table of 65,536 numbers, made when it is first asked for. */
function table(of: (half: number) => number): () => Uint32Array {
  let made: Uint32Array | undefined;
  return () => (made ??= Uint32Array.from({ length: 65_536 }, (_, half) => of(half)));
}

function halves(toF32: (half: number) => number, fromF32: (bits: number) => number): Elements {
  const values = table(toF32);
  return {
    bytes: 2,
    dtype: 'f32',
    read(bytes, into) {
      const [source, target] = [viewed(Uint16Array, bytes), bitsOf(into)];
      const all = values();
      for (let i = 0; i < source.length; i++) target[i] = all[source[i]!]!;
    },
    write(elements) {
      const source = bitsOf(elements);
      const target = new Uint16Array(source.length);
      for (let i = 0; i < source.length; i++) target[i] = fromF32(source[i]!);
      return new Uint8Array(target.buffer);
    },
  };
}

function bitsOf(elements: StoredArray): Uint32Array {
  return new Uint32Array(elements.buffer, elements.byteOffset, elements.length);
}

type Viewed = Float64Array | Uint16Array | Int16Array | Int8Array | Int32Array | Uint8Array;

/** Bytes as elements, copied where they are not aligned. */
function viewed<T extends Viewed>(
  array: { new (buffer: ArrayBufferLike, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const each = array.BYTES_PER_ELEMENT;
  const { buffer, byteOffset, length } = bytes.byteOffset % each === 0 ? bytes : bytes.slice();
  return new array(buffer, byteOffset, length / each);
}

/** The types of elements that are read, by their codes in a file. */
export const codes = {
  F64: { bytes: 8, dtype: 'f32', read: (bytes, into) => into.set(viewed(Float64Array, bytes)) },
  F32: { bytes: 4, dtype: 'f32' },
  F16: halves(f16ToF32, f32ToF16),
  BF16: halves(bf16ToF32, f32ToBf16),
  I64: { bytes: 8, dtype: 'i32', read: narrowed, write: widened },
  I32: { bytes: 4, dtype: 'i32' },
  I16: { bytes: 2, dtype: 'i32', read: (bytes, into) => into.set(viewed(Int16Array, bytes)) },
  I8: { bytes: 1, dtype: 'i32', read: (bytes, into) => into.set(viewed(Int8Array, bytes)) },
  U8: { bytes: 1, dtype: 'u8' },
  BOOL: { bytes: 1, dtype: 'u8', read: (bytes, into) => into.set(bytes.map((byte) => (byte === 0 ? 0 : 1))) },
} as const satisfies Record<string, Elements>;

export type Code = keyof typeof codes;

/** @throws RangeError for a number that 32 bits do not hold */
function narrowed(bytes: Uint8Array, into: StoredArray): void {
  const words = viewed(Int32Array, bytes);
  for (let i = 0; i < into.length; i++) {
    const [low, high] = [words[2 * i]!, words[2 * i + 1]!];
    if (high !== low >> 31) {
      const number = (BigInt(high) << 32n) | BigInt(low >>> 0);
      throw new RangeError(`has the number ${number}, wanted I64 from -2147483648 to 2147483647`);
    }
    into[i] = low;
  }
}

function widened(elements: StoredArray): Uint8Array {
  const words = new Int32Array(2 * elements.length);
  elements.forEach((value, i) => {
    words[2 * i] = value;
    words[2 * i + 1] = value >> 31;
  });
  return new Uint8Array(words.buffer);
}

/** The code of a dtype as it is. */
export const plainCodes = { f32: 'F32', i32: 'I32', u8: 'U8' } as const satisfies Record<StoredDtype, Code>;

/** Puts the bytes of elements into an array, from one of its places on. */
export function readElements(code: Code, bytes: Uint8Array, into: StoredArray, from: number): void {
  const { bytes: each, read }: Elements = codes[code];
  const part = into.subarray(from, from + bytes.length / each);
  if (read) read(bytes, part);
  else new Uint8Array(part.buffer, part.byteOffset, part.byteLength).set(bytes);
}

/** The bytes of elements for a file; the elements' own memory where they are the same. */
export function writtenElements(code: Code, elements: StoredArray): Uint8Array {
  const { write }: Elements = codes[code];
  if (write) return write(elements);
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}
