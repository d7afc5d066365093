import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { createGunzip, gunzip as gunzipCallback } from 'node:zlib';

interface IdxArrays {
  u8: Uint8Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
}

/** The element types that the IDX format knows. */
export type IdxType = keyof IdxArrays;

/** What an IDX file holds: a dense, row-major array. `data` has one element per position of `shape`. */
export type Idx = { [T in IdxType]: { type: T; shape: number[]; data: IdxArrays[T] } }[IdxType];

const elementTypes = [
  { code: 0x08, type: 'u8', array: Uint8Array },
  { code: 0x09, type: 'i8', array: Int8Array },
  { code: 0x0b, type: 'i16', array: Int16Array },
  { code: 0x0c, type: 'i32', array: Int32Array },
  { code: 0x0d, type: 'f32', array: Float32Array },
  { code: 0x0e, type: 'f64', array: Float64Array },
] as const;

const maxRank = 8;
const maxHeaderBytes = 4 + 4 * maxRank;

/** The limit of `readFile`, kept for inflated files as well. */
const maxFileBytes = 2 ** 31;

/**
 * Reads an array from the bytes of an IDX file, the format in which MNIST and its successors are published
 * (http://yann.lecun.com/exdb/mnist): two zero bytes, a type code (0x08 u8, 0x09 i8, 0x0b i16, 0x0c i32,
 * 0x0d f32, 0x0e f64), the rank, each dimension as u32, then the elements in row-major order; everything
 * big-endian. A dimension may be 0.
 *
 * @param bytes the whole file, not compressed
 * @param name stands for the file in errors
 * @returns element type, shape and a copy of the elements in the byte order of a little-endian machine
 * @throws Error if the bytes are another format, have a rank outside 1 to 8, are cut short, or go on after
 *   the last element
 */
export function parseIdx(bytes: Uint8Array, name: string): Idx {
  const { type, array, shape, headerBytes, fileBytes } = parseHeader(bytes, name);
  if (bytes.length !== fileBytes) {
    const problem = bytes.length < fileBytes ? 'is cut short' : 'has trailing bytes';
    const promise = `${type} elements of shape [${shape.join(', ')}]`;
    throw new Error(`${name}: IDX file ${problem}: ${promise} take ${fileBytes} bytes, got ${bytes.length}`);
  }
  const elements = new Uint8Array(bytes.subarray(headerBytes));
  toLittleEndian(elements, array.BYTES_PER_ELEMENT);
  return { type, shape, data: new array(elements.buffer) } as Idx;
}

/**
 * Reads an IDX file, plain or compressed with gzip; which of the two is told by its first bytes, not by its
 * name. Never inflates more than the header promises. Zero bytes after a gzip are padding, as for gzip itself.
 *
 * @param path a file of at most 2 GiB, inflated
 * @returns what {@link parseIdx} returns
 * @throws Error that names the file, for a damaged gzip, one that holds more or less than its header
 *   promises, and what {@link parseIdx} rejects; file system errors as Node.js gives them
 */
export async function readIdx(path: string): Promise<Idx> {
  const file = await readFile(path);
  const isGzip = file[0] === 0x1f && file[1] === 0x8b;
  return parseIdx(isGzip ? await inflate(file, path) : file, path);
}

/** Reads and checks the header only; `bytes` may end anywhere after it. */
function parseHeader(bytes: Uint8Array, name: string) {
  if (bytes.length < 4) {
    throw new Error(`${name}: IDX file is cut short: got ${bytes.length} bytes, its magic number takes 4`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const element = elementTypes.find(({ code }) => code === view.getUint8(2));
  if (view.getUint16(0) !== 0 || element === undefined) {
    const magic = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new Error(
      `${name}: not an IDX file: starts with ${magic}, wanted 00 00, a type (08, 09, 0b to 0e) and the rank`,
    );
  }
  const rank = view.getUint8(3);
  if (rank < 1 || rank > maxRank) {
    throw new Error(`${name}: IDX file has rank ${rank}, wanted 1 to ${maxRank}`);
  }
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) {
    throw new Error(
      `${name}: IDX file is cut short: a header of rank ${rank} takes ${headerBytes} bytes, got ${bytes.length}`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const fileBytes = headerBytes + shape.reduce((n, size) => n * size, element.array.BYTES_PER_ELEMENT);
  if (!Number.isSafeInteger(fileBytes)) {
    throw new Error(`${name}: IDX file has the impossible shape [${shape.join(', ')}]`);
  }
  return { ...element, shape, headerBytes, fileBytes };
}

function toLittleEndian(bytes: Uint8Array, elementBytes: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (elementBytes === 2) buffer.swap16();
  else if (elementBytes === 4) buffer.swap32();
  else if (elementBytes === 8) buffer.swap64();
}

const gunzip = promisify(gunzipCallback);

async function inflate(file: Uint8Array, name: string): Promise<Uint8Array> {
  const { shape, fileBytes } = parseHeader(await inflateStart(file, name), name);
  if (fileBytes > maxFileBytes) {
    throw new Error(
      `${name}: IDX file of shape [${shape.join(', ')}] inflates to ${fileBytes} bytes, the limit is ${maxFileBytes}`,
    );
  }
  try {
    // Large chunks: each is a round trip to the thread pool.
    return await gunzip(file, { maxOutputLength: fileBytes, chunkSize: 2 ** 18 });
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Error(
        `${name}: IDX file has trailing bytes: inflates to more than the ${fileBytes} bytes its header promises`,
        { cause: error },
      );
    }
    throw damagedGzip(error, name);
  }
}

/** Inflates enough to read the header, or everything if there is less. */
async function inflateStart(file: Uint8Array, name: string): Promise<Uint8Array> {
  const stream = createGunzip();
  stream.end(file);
  let start = Buffer.alloc(0);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      start = Buffer.concat([start, chunk]);
      if (start.length >= maxHeaderBytes) break;
    }
  } catch (error) {
    throw damagedGzip(error, name);
  }
  return start;
}

function damagedGzip(cause: unknown, name: string): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${name}: damaged gzip: ${reason}`, { cause });
}
