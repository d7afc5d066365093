import { WireType, type BinaryReader } from '@bufbuild/protobuf/wire';
import { elementBytes, elementCount, elementTypeOf } from './elements.js';
import type { Constant, ElementType } from './schema.js';
import { eachField, integer, integers, quoted, text } from './wire.js';

/** The fields in which elements may stand, with the types that each holds; raw_data holds all. */
const fieldTypes: Readonly<Record<string, readonly ElementType[]>> = {
  float_data: ['float32'],
  int32_data: ['int32', 'int8', 'uint8', 'bool', 'float16', 'bfloat16'],
  int64_data: ['int64'],
  double_data: ['float64'],
};

/** A tensor of a file (TensorProto), whose bytes share the file's memory where they stand there as they are. */
export function readTensor(bytes: Uint8Array, what: string): Constant {
  let name = '';
  let number = 0;
  let raw: Uint8Array | null = null;
  const shape: number[] = [];
  const numbers: number[] = [];
  /** Packed elements of fixed size, which stand as in raw_data. */
  const parts: Uint8Array[] = [];
  const fields = new Set<string>();
  eachField(what, bytes, (field, wire, reader) => {
    switch (field) {
      case 1:
        integers(`the shape of ${what}`, wire, reader, shape);
        return true;
      case 2:
        number = integer(`the element type of ${what}`, wire, reader);
        return true;
      case 3:
        throw new Error(`${what} is a segment of a tensor, which is not supported`);
      case 4:
        fields.add('float_data');
        parts.push(fixed(what, wire, reader, 4));
        return true;
      case 5:
        fields.add('int32_data');
        integers(what, wire, reader, numbers);
        return true;
      case 7:
        fields.add('int64_data');
        integers(what, wire, reader, numbers);
        return true;
      case 8:
        name = text(`the name of ${what}`, wire, reader);
        return true;
      case 9:
        if (wire !== WireType.LengthDelimited) throw new Error(`${what} has wire type ${wire}, wants 2`);
        raw = reader.bytes();
        return true;
      case 10:
        fields.add('double_data');
        parts.push(fixed(what, wire, reader, 8));
        return true;
      case 13:
        throw new Error(
          `${what} has its elements in another file (external data), which is not supported: save the model with its data inside`,
        );
      case 14:
        if (integer(`the place of ${what}`, wire, reader) === 0) return true;
        throw new Error(
          `${what} has its elements in another file (external data), which is not supported: save the model with its data inside`,
        );
      default:
        return false;
    }
  });
  const label = name === '' ? what : `tensor ${quoted(name)}`;
  const type = elementTypeOf(label, number);
  const count = countOf(label, shape);
  const size = elementBytes[type];
  const wanted = `[${shape.join(', ')}] of ${type} takes ${count * size}`;
  if (raw !== null && (raw as Uint8Array).length > 0) {
    if (parts.length > 0 || numbers.length > 0) throw new Error(`${label} gives its elements twice`);
    const { length } = raw as Uint8Array;
    if (length !== count * size) throw new Error(`${label} has ${length} bytes, ${wanted}`);
    return { name, type, shape, bytes: raw };
  }
  for (const field of fields) {
    if (count > 0 && !fieldTypes[field]!.includes(type)) {
      throw new Error(`${label} has elements in ${field}, which holds no ${type}`);
    }
  }
  if (parts.length === 0) {
    if (numbers.length !== count) {
      throw new Error(`${label} has ${numbers.length} elements, [${shape.join(', ')}] has ${count}`);
    }
    return { name, type, shape, bytes: packed(type, numbers) };
  }
  const length = parts.reduce((n, part) => n + part.length, 0);
  if (length !== count * size || numbers.length > 0) {
    throw new Error(`${label} has ${length} bytes, ${wanted}`);
  }
  return { name, type, shape, bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts) };
}

/** The number of elements of a shape that a tensor can have. */
function countOf(label: string, shape: readonly number[]): number {
  if (shape.some((extent) => extent < 0 || extent >= 2 ** 31)) {
    throw new Error(
      `${label} has the shape [${shape.slice(0, 16).join(', ')}], wants extents from 0 to 2^31 - 1`,
    );
  }
  if (shape.length > 64) throw new Error(`${label} has ${shape.length} axes`);
  const count = elementCount(shape);
  // Without those of extent 0, as a tensor of nothing may still be transposed into one of other extents.
  const most = elementCount(shape.filter((extent) => extent > 0));
  if (!(most < 2 ** 40)) throw new Error(`${label} has ${most} elements`);
  return count;
}

function fixed(what: string, wire: WireType, reader: BinaryReader, size: 4 | 8): Uint8Array {
  if (wire === WireType.LengthDelimited) return reader.bytes();
  if (wire !== (size === 4 ? WireType.Bit32 : WireType.Bit64)) {
    throw new Error(`${what} has wire type ${wire}, wants floats`);
  }
  return reader.skip(wire);
}

/** Elements that stand as whole numbers in a file, as bytes; halves stand as their bits. */
function packed(type: ElementType, numbers: readonly number[]): Uint8Array {
  const size = elementBytes[type];
  const bytes = new Uint8Array(numbers.length * size);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of numbers.entries()) {
    if (size === 8) view.setBigInt64(i * size, BigInt(value), true);
    else if (size === 4) view.setInt32(i * size, value, true);
    else if (size === 2) view.setUint16(i * size, value, true);
    else view.setUint8(i, value);
  }
  return bytes;
}
