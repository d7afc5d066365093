import { codes, type Code } from './elements.js';

/** Where a file has a tensor: bytes from the beginning of its data. */
export interface Place {
  readonly name: string;
  readonly code: Code;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their data. */
  readonly places: readonly Place[];
  /** The header's `__metadata__`, empty if it has none; an object without a prototype. */
  readonly metadata: Record<string, string>;
}

/** What a header is to say of a tensor. */
export type Described = Pick<Place, 'name' | 'code' | 'shape'>;

export const lengthBytes = 8;
const metadataKey = '__metadata__';
const alignment = 8;

/** The limit that the reference implementation sets, in bytes. */
const maxHeaderBytes = 100_000_000;

/** More than any network has: a file that takes memory by the number of its tensors is none. */
const maxTensors = 65_536;
/** As tensors have at most. */
const maxAxes = 8;

/**
 * A file's header with the length before it: a JSON object that gives each tensor's dtype, shape and place, in this order
 * without gaps, padded with spaces so that the data starts at a multiple of 8 bytes.
 *
 * @throws RangeError, TypeError that begin with `caller`; see encodeSafetensors
 */
export function encodeHeader(
  caller: string,
  tensors: readonly Described[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  // The members are joined by hand because an object would move names like "0" to the front.
  const members: string[] = [];
  if (metadata !== undefined) members.push(`"${metadataKey}":${encodeMetadata(caller, metadata)}`);
  let end = 0;
  const names = new Set<string>();
  for (const { name, code, shape } of tensors) {
    const label = `${caller}: tensor ${JSON.stringify(name)}`;
    if (names.has(name)) throw new RangeError(`${label} is given twice`);
    names.add(name);
    if (name === metadataKey) throw new RangeError(`${label} has a name that the format reserves`);
    checkUnicode(name, label);
    const begin = end;
    end += elementCount(shape) * codes[code].bytes;
    members.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: code, shape, data_offsets: [begin, end] })}`,
    );
  }
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(header.length / alignment) * alignment;
  if (headerBytes > maxHeaderBytes) {
    throw new RangeError(
      `${caller}: the header takes ${headerBytes} bytes, the format allows ${maxHeaderBytes}`,
    );
  }
  const start = new Uint8Array(lengthBytes + headerBytes);
  new DataView(start.buffer).setBigUint64(0, BigInt(headerBytes), true);
  start.set(header, lengthBytes);
  start.fill(0x20, lengthBytes + header.length);
  return start;
}

function encodeMetadata(caller: string, metadata: Readonly<Record<string, string>>): string {
  for (const [key, value] of Object.entries(metadata)) {
    const label = `${caller}: metadata ${JSON.stringify(key)}`;
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

/**
 * The length of a header.
 *
 * @param start the first 8 bytes of the file, or fewer where it has no more
 * @param fileBytes the length of the file
 * @throws Error that begins with `file` where the header would reach over its end, or be longer than the format allows
 */
export function headerLength(start: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < lengthBytes) {
    throw new Error(
      `${file}: safetensors file is cut short: got ${fileBytes} bytes, the header's length takes ${lengthBytes}`,
    );
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    throw new Error(
      `${file}: not a safetensors file: its header would take ${length} bytes, the format allows ${maxHeaderBytes}`,
    );
  }
  const dataStart = lengthBytes + Number(length);
  if (fileBytes < dataStart) {
    throw new Error(
      `${file}: safetensors file is cut short: the header ends at byte ${dataStart}, got ${fileBytes}`,
    );
  }
  return Number(length);
}

/**
 * Reads a header, and checks all that it says before anything is done by it.
 *
 * @param bytes the header without its length
 * @param dataBytes how many bytes come after it
 * @throws Error that begins with `file` for a header that breaks a rule of the format; see decodeSafetensors
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): Header {
  const { [metadataKey]: metadata = {}, ...infos } = parseJson(bytes, file);
  const entries = Object.entries(infos);
  if (entries.length > maxTensors) {
    throw new Error(
      `${file}: the safetensors header has ${entries.length} tensors, wanted at most ${maxTensors}`,
    );
  }
  const places = entries.map(([name, info]) =>
    parseInfo(info, name, `${file}: tensor ${JSON.stringify(name)}`),
  );
  places.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of places) {
    if (begin !== covered || end > dataBytes) {
      throw new Error(
        `${file}: tensor ${JSON.stringify(name)} has the data_offsets [${begin}, ${end}], ` +
          `wanted ${covered} to begin with and an end within the ${dataBytes} bytes of data`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new Error(`${file}: the tensors cover ${covered} of ${dataBytes} bytes of data`);
  }
  return { places, metadata: parseMetadata(metadata, file) };
}

function parseJson(bytes: Uint8Array, file: string): Record<string, unknown> {
  refuseExcess(bytes, file);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file}: the safetensors header is not JSON in UTF-8: ${reason}`, { cause });
  }
  if (bytes[0] !== 0x7b || !isObject(header)) {
    throw new Error(`${file}: the safetensors header does not start with {`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw new Error(`${file}: the safetensors header gives ${JSON.stringify(duplicate)} twice`);
  }
  return header;
}

/** Refuses, before JSON makes objects of it, what has more parts than tensors take, each of which costs more than its bytes. */
function refuseExcess(bytes: Uint8Array, file: string): void {
  let [objects, members, items] = [0, 0, 0];
  let quoted = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (quoted) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x7b || byte === 0x5b) objects++;
    else if (byte === 0x3a) members++;
    else if (byte === 0x2c) items++;
  }
  // A tensor takes 3 objects and lists, 4 members, and commas between them and its extents.
  if (objects > 4 * maxTensors || members > 5 * maxTensors || items > 5 * maxTensors + maxAxes * maxTensors) {
    throw new Error(`${file}: the safetensors header has more parts than ${maxTensors} tensors would have`);
  }
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

function parseInfo(info: unknown, name: string, label: string): Place {
  if (!isObject(info)) {
    throw new Error(`${label} has no object with dtype, shape and data_offsets in the header`);
  }
  const { dtype: code, shape, data_offsets: offsets } = info;
  if (!isCode(code)) {
    const known = Object.keys(codes).join(', ');
    throw new Error(`${label} has dtype ${JSON.stringify(code)}, wanted one of ${known}`);
  }
  if (!isShape(shape)) {
    throw new Error(`${label} has shape ${JSON.stringify(shape)}, wanted an array of integers from 0 up`);
  }
  if (shape.length > maxAxes) throw new Error(`${label} has ${shape.length} axes, wanted at most ${maxAxes}`);
  if (!isShape(offsets) || offsets.length !== 2) {
    throw new Error(`${label} has data_offsets ${JSON.stringify(offsets)}, wanted [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * codes[code].bytes;
  if (end - begin !== byteLength) {
    throw new Error(
      `${label} has ${end - begin} bytes of data, ${code} of shape [${shape.join(', ')}] takes ${byteLength}`,
    );
  }
  return { name, code, shape, begin, end };
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  if (!isObject(value)) {
    throw new Error(`${file}: ${metadataKey} is ${JSON.stringify(value)}, wanted an object`);
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new Error(
        `${file}: ${metadataKey} has ${JSON.stringify(key)}: ${JSON.stringify(text)}, wanted a string`,
      );
    }
    metadata[key] = text;
  }
  return metadata;
}

function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(codes, value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((n, size) => n * size, 1);
}
