interface StoredArrays {
  f32: Float32Array;
  i32: Int32Array;
  u8: Uint8Array;
}

/** The element types that can be stored: F32, I32 and U8 in the file. */
export type StoredDtype = keyof StoredArrays;

/** A tensor as a file holds it: dense, row-major, `data` with one element per position of `shape`. */
export type StoredTensor = {
  [D in StoredDtype]: { dtype: D; shape: readonly number[]; data: StoredArrays[D] };
}[StoredDtype];

/** What a safetensors file holds. */
export interface SafetensorsContents {
  /** Tensors by name, in the order of their data. */
  tensors: Map<string, StoredTensor>;
  /** The header's `__metadata__`, empty if it has none; an object without a prototype. */
  metadata: Record<string, string>;
}

const formats = {
  f32: { code: 'F32', array: Float32Array },
  i32: { code: 'I32', array: Int32Array },
  u8: { code: 'U8', array: Uint8Array },
} as const;

const dtypesByCode = new Map<unknown, StoredDtype>(
  (Object.keys(formats) as StoredDtype[]).map((dtype) => [formats[dtype].code, dtype]),
);

const metadataKey = '__metadata__';
const lengthBytes = 8;
const alignment = 8;

/** The limit that the reference implementation sets, in bytes. */
const maxHeaderBytes = 100_000_000;

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
  checkEntries(entries);
  entries.sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);

  // The members are joined by hand because an object would move names like "0" to the front.
  const members: string[] = [];
  if (metadata !== undefined) members.push(`"${metadataKey}":${encodeMetadata(metadata)}`);
  let dataBytes = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    const end = dataBytes + data.byteLength;
    const info = { dtype: formats[dtype].code, shape, data_offsets: [dataBytes, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
    dataBytes = end;
  }
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(header.length / alignment) * alignment;
  if (headerBytes > maxHeaderBytes) {
    throw new RangeError(
      `encodeSafetensors: the header takes ${headerBytes} bytes, the format allows ${maxHeaderBytes}`,
    );
  }

  const start = new Uint8Array(lengthBytes + headerBytes);
  new DataView(start.buffer).setBigUint64(0, BigInt(headerBytes), true);
  start.set(header, lengthBytes);
  start.fill(0x20, lengthBytes + header.length);
  return [
    start,
    ...entries.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

/**
 * Reads a file in the safetensors format, as {@link encodeSafetensors} describes it. The data is copied, so
 * `bytes` can be freed.
 *
 * @param bytes the whole file
 * @param name stands for the file in errors
 * @throws Error if a tensor has another dtype than F32, I32 or U8, or if the file breaks a rule of the
 *   format: it is cut short, has a header above 100 MB or one that is not a JSON object of the right form,
 *   gives a name twice, or has data that overlap, leave gaps or do not fit their shape
 */
export function decodeSafetensors(bytes: Uint8Array, name: string): SafetensorsContents {
  const { header, dataStart } = parseHeader(bytes, name);
  const { [metadataKey]: metadata = {}, ...infos } = header;
  const places = Object.entries(infos).map(([tensor, info]) =>
    parseInfo(info, tensor, `${name}: tensor ${JSON.stringify(tensor)}`),
  );
  places.sort((a, b) => a.begin - b.begin || a.end - b.end);

  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, StoredTensor>();
  let covered = 0;
  for (const { tensor, dtype, shape, begin, end } of places) {
    if (begin !== covered || end > data.length) {
      throw new Error(
        `${name}: tensor ${JSON.stringify(tensor)} has the data_offsets [${begin}, ${end}], ` +
          `wanted ${covered} to begin with and an end within the ${data.length} bytes of data`,
      );
    }
    const copy = new Uint8Array(data.subarray(begin, end));
    tensors.set(tensor, { dtype, shape, data: new formats[dtype].array(copy.buffer) } as StoredTensor);
    covered = end;
  }
  if (covered !== data.length) {
    throw new Error(`${name}: the tensors cover ${covered} of ${data.length} bytes of data`);
  }
  return { tensors, metadata: parseMetadata(metadata, name) };
}

function checkEntries(entries: readonly (readonly [string, StoredTensor])[]): void {
  const names = new Set<string>();
  for (const [name, { dtype, shape, data }] of entries) {
    const label = `encodeSafetensors: tensor ${JSON.stringify(name)}`;
    if (names.has(name)) throw new RangeError(`${label} is given twice`);
    names.add(name);
    if (name === metadataKey) throw new RangeError(`${label} has a name that the format reserves`);
    checkUnicode(name, label);
    const { array } = formats[dtype];
    if (!(data instanceof array)) {
      throw new TypeError(`${label} has dtype ${dtype}, wanted data of type ${array.name}`);
    }
    if (!isShape(shape) || elementCount(shape) !== data.length) {
      throw new RangeError(`${label} has ${data.length} elements and the shape [${shape.join(', ')}]`);
    }
  }
}

function encodeMetadata(metadata: Readonly<Record<string, string>>): string {
  for (const [key, value] of Object.entries(metadata)) {
    const label = `encodeSafetensors: metadata ${JSON.stringify(key)}`;
    if (typeof value !== 'string') throw new TypeError(`${label} is a ${typeof value}, wanted a string`);
    checkUnicode(key, label);
    checkUnicode(value, label);
  }
  return JSON.stringify(metadata);
}

/** Half a surrogate pair has no UTF-8 form, and other readers reject its JSON escape. */
function checkUnicode(text: string, label: string): void {
  if (/\p{Surrogate}/u.test(text)) throw new RangeError(`${label} is not well-formed Unicode`);
}

function parseHeader(bytes: Uint8Array, name: string) {
  if (bytes.length < lengthBytes) {
    throw new Error(
      `${name}: safetensors file is cut short: got ${bytes.length} bytes, the header's length takes ${lengthBytes}`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    throw new Error(
      `${name}: not a safetensors file: its header would take ${length} bytes, the format allows ${maxHeaderBytes}`,
    );
  }
  const dataStart = lengthBytes + Number(length);
  if (bytes.length < dataStart) {
    throw new Error(
      `${name}: safetensors file is cut short: the header ends at byte ${dataStart}, got ${bytes.length}`,
    );
  }
  return { header: parseJson(bytes.subarray(lengthBytes, dataStart), name), dataStart };
}

function parseJson(bytes: Uint8Array, name: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name}: the safetensors header is not JSON in UTF-8: ${reason}`, { cause });
  }
  if (bytes[0] !== 0x7b || !isObject(header)) {
    throw new Error(`${name}: the safetensors header does not start with {`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw new Error(`${name}: the safetensors header gives ${JSON.stringify(duplicate)} twice`);
  }
  return header;
}

/** Finds a key that an object of a valid JSON text has twice, where JSON.parse just keeps the last. */
function findDuplicateKey(json: string): string | undefined {
  const keysOfOpenObjects: Set<string>[] = [];
  const colon = /[ \t\r\n]*:/y;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') keysOfOpenObjects.push(new Set());
    else if (character === '}') keysOfOpenObjects.pop();
    else if (character === '"') {
      const start = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++;
      colon.lastIndex = i + 1;
      if (!colon.test(json)) continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string;
      const keys = keysOfOpenObjects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function parseInfo(info: unknown, tensor: string, label: string) {
  if (!isObject(info)) {
    throw new Error(`${label} has no object with dtype, shape and data_offsets in the header`);
  }
  const { dtype: code, shape, data_offsets: offsets } = info;
  const dtype = dtypesByCode.get(code);
  if (dtype === undefined) {
    const known = [...dtypesByCode.keys()].join(', ');
    throw new Error(`${label} has dtype ${JSON.stringify(code)}, wanted one of ${known}`);
  }
  if (!isShape(shape)) {
    throw new Error(`${label} has shape ${JSON.stringify(shape)}, wanted an array of integers from 0 up`);
  }
  if (!isShape(offsets) || offsets.length !== 2) {
    throw new Error(`${label} has data_offsets ${JSON.stringify(offsets)}, wanted [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * formats[dtype].array.BYTES_PER_ELEMENT;
  if (end - begin !== byteLength) {
    throw new Error(
      `${label} has ${end - begin} bytes of data, ${String(code)} of shape [${shape.join(', ')}] takes ${byteLength}`,
    );
  }
  return { tensor, dtype, shape, begin, end };
}

function parseMetadata(value: unknown, name: string): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  if (!isObject(value)) {
    throw new Error(`${name}: ${metadataKey} is ${JSON.stringify(value)}, wanted an object`);
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new Error(
        `${name}: ${metadataKey} has ${JSON.stringify(key)}: ${JSON.stringify(text)}, wanted a string`,
      );
    }
    metadata[key] = text;
  }
  return metadata;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((n, size) => n * size, 1);
}
