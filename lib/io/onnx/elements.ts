import { elementTypes, type Constant, type ElementType } from './schema.js';

/** Bytes of an element. */
export const elementBytes: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  bfloat16: 2,
};

const byNumber = new Map<number, ElementType>(
  Object.entries(elementTypes).map(([type, number]) => [number, type as ElementType]),
);

const others: Readonly<Record<number, string>> = {
  4: 'uint16',
  5: 'int16',
  8: 'string',
  12: 'uint32',
  13: 'uint64',
  14: 'complex64',
  15: 'complex128',
};

/** The element type of a number in a file. */
export function elementTypeOf(what: string, number: number): ElementType {
  const type = byNumber.get(number);
  if (type !== undefined) return type;
  const name = others[number];
  throw new Error(
    `${what} has the element type ${number}${name === undefined ? '' : ` (${name})`}, which is not supported`,
  );
}

/** The dtype of the tensors that hold such elements here. */
export function dtypeOf(type: ElementType): 'f32' | 'i32' | 'u8' {
  if (isFloat(type)) return 'f32';
  return type === 'uint8' || type === 'bool' ? 'u8' : 'i32';
}

export function isFloat(type: ElementType): boolean {
  return type === 'float32' || type === 'float16' || type === 'bfloat16' || type === 'float64';
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((n, extent) => n * extent, 1);
}

/** The number that 16 bits are as a float of IEEE 754. */
function ofHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

function ofBfloat(half: number): number {
  bits[0] = half << 16;
  return asFloat[0]!;
}

/** How each type is read from a view. */
const readers: Readonly<Record<ElementType, (view: DataView, at: number) => number>> = {
  float32: (view, at) => view.getFloat32(at, true),
  uint8: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  int32: (view, at) => view.getInt32(at, true),
  int64: (view, at) =>
    Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(view.getBigInt64(at, true)))),
  bool: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  float16: (view, at) => ofHalf(view.getUint16(at, true)),
  float64: (view, at) => view.getFloat64(at, true),
  bfloat16: (view, at) => ofBfloat(view.getUint16(at, true)),
};

/** The elements as numbers. */
export function numbersOf({ type, shape, bytes }: Constant): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: elementCount(shape) }, (_, i) => readers[type](view, i * elementBytes[type]));
}

/** The elements as a tensor of dtypeOf(type) is made of them; whole numbers beyond 32 bits become the nearest within. */
export function arrayOf({ type, shape, bytes }: Constant): Float32Array | Int32Array | Uint8Array {
  const n = elementCount(shape);
  if (type === 'uint8') return bytes;
  if (type === 'float32' || type === 'int32') {
    const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return type === 'float32'
      ? new Float32Array(buffer, byteOffset, n)
      : new Int32Array(buffer, byteOffset, n);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [read, size, dtype] = [readers[type], elementBytes[type], dtypeOf(type)];
  const array =
    dtype === 'f32' ? new Float32Array(n) : dtype === 'i32' ? new Int32Array(n) : new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const value = read(view, i * size);
    array[i] = dtype === 'i32' ? within32Bits(value) : value;
  }
  return array;
}

export function within32Bits(value: number): number {
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value));
}
