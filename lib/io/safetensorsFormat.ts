import {
  arrays,
  codes,
  plainCodes,
  readElements,
  type StoredArray,
  type StoredTensor,
} from './safetensors/elements.js';
import {
  elementCount,
  encodeHeader,
  headerLength,
  isShape,
  lengthBytes,
  parseHeader,
} from './safetensors/header.js';

export type { StoredTensor };

/** What a safetensors file holds. */
export interface SafetensorsContents {
  /** Tensors by name, in the order of their data. */
  tensors: Map<string, StoredTensor>;
  /** The header's `__metadata__`, empty if it has none; an object without a prototype. */
  metadata: Record<string, string>;
}

/**
 * Writes tensors in the safetensors format (https://github.com/huggingface/safetensors#format): the header's
 * length as a little-endian u64; the header, a JSON object that gives each tensor's dtype, shape and place,
 * padded with spaces so that the data starts at a multiple of 8 bytes; and the data, little-endian, without
 * gaps. Tensors with larger elements come first, which keeps every tensor aligned; otherwise their order
 * stays.
 *
 * @param tensors pairs of name and tensor; a shape of [] is a scalar, dimensions may be 0
 * @param metadata free text for the header, left out by default
 * @returns the bytes of the file
 * @throws TypeError if a tensor's data is not the array of its dtype, or a metadata value is not a string
 * @throws RangeError if a name is given twice, is `__metadata__` or is not well-formed Unicode, a shape does
 *   not fit its data, or the header exceeds 100 MB
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}

/** The same as parts of the file one after the other, which share the tensors' memory. */
export function safetensorsParts(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const entries = [...tensors];
  for (const [name, { dtype, shape, data }] of entries) {
    const label = `encodeSafetensors: tensor ${JSON.stringify(name)}`;
    const array = arrays[dtype];
    if (!(data instanceof array)) {
      throw new TypeError(`${label} has dtype ${dtype}, wanted data of type ${array.name}`);
    }
    if (!isShape(shape) || elementCount(shape) !== data.length) {
      throw new RangeError(`${label} has ${data.length} elements and the shape [${shape.join(', ')}]`);
    }
  }
  entries.sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const described = entries.map(([name, { dtype, shape }]) => ({ name, shape, code: plainCodes[dtype] }));
  return [
    encodeHeader('encodeSafetensors', described, metadata),
    ...entries.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

/**
 * Reads a file in the safetensors format, as {@link encodeSafetensors} describes it. The data is copied, so
 * `bytes` can be freed. F64, F16 and BF16 become f32; I64, I16 and I8 i32; BOOL u8, 0 or 1.
 *
 * @param bytes the whole file
 * @param name stands for the file in errors
 * @throws Error if a tensor has another dtype, an I64 that 32 bits do not hold, more than 8 axes, or if the file breaks a rule
 *   of the format: it is cut short, has a header above 100 MB or one that is not a JSON object of the right form,
 *   gives a name twice, or has data that overlap, leave gaps or do not fit their shape; or if it has more than 65,536 tensors
 */
export function decodeSafetensors(bytes: Uint8Array, name: string): SafetensorsContents {
  const dataStart = lengthBytes + headerLength(bytes, bytes.length, name);
  const data = bytes.subarray(dataStart);
  const { places, metadata } = parseHeader(bytes.subarray(lengthBytes, dataStart), data.length, name);
  const tensors = new Map<string, StoredTensor>();
  for (const { name: key, code, shape, begin, end } of places) {
    const { dtype } = codes[code];
    const elements: StoredArray = new arrays[dtype](elementCount(shape));
    try {
      readElements(code, data.subarray(begin, end), elements, 0);
    } catch (cause) {
      throw new Error(`${name}: tensor ${JSON.stringify(key)} ${(cause as Error).message}`, { cause });
    }
    tensors.set(key, { dtype, shape, data: elements } as StoredTensor);
  }
  return { tensors, metadata };
}
