import { crc32c } from './crc32c.js';

/** A distribution of values, as TensorBoard draws it. */
export interface Histogram {
  min: number;
  max: number;
  count: number;
  sum: number;
  sumSquares: number;
  /** The upper bound of each bucket, rising, and how many values lie in it. */
  bucketLimits: readonly number[];
  buckets: readonly number[];
}

/** What TensorBoard shows of one moment: numbers and histograms by tag. */
export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  values: Readonly<Record<string, number | Histogram>>;
}

/** The record that a file of events begins with. */
export function eventFileHeader(wallTime: number): Uint8Array {
  return record(concat([double(1, wallTime), bytes(3, text('brain.Event:2'))]));
}

/**
 * An event as a record of a file that TensorBoard reads: a message Event (tensorflow/core/util/event.proto and
 * framework/summary.proto) in protocol buffers' encoding, framed as TFRecord: its length as u64, the masked CRC-32C of
 * that, the message, and its masked CRC-32C, all little-endian.
 */
export function eventRecord({ wallTime, step, values }: Event): Uint8Array {
  const summary = Object.entries(values).map(([tag, value]) => {
    const content = typeof value === 'number' ? float(2, value) : bytes(5, histogram(value));
    return bytes(1, concat([bytes(1, text(tag)), content]));
  });
  return record(concat([double(1, wallTime), integer(2, step), bytes(5, concat(summary))]));
}

function histogram({ min, max, count, sum, sumSquares, bucketLimits, buckets }: Histogram): Uint8Array {
  return concat([
    ...[min, max, count, sum, sumSquares].map((value, i) => double(i + 1, value)),
    bytes(6, doubles(bucketLimits)),
    bytes(7, doubles(buckets)),
  ]);
}

function record(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 16);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, masked(framed.subarray(0, 8)), true);
  framed.set(message, 12);
  view.setUint32(12 + message.length, masked(message), true);
  return framed;
}

/** The checksum of what may itself hold checksums. */
function masked(data: Uint8Array): number {
  const sum = crc32c(data);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

/** A field of the message: its number and wire type, and its content. */
function field(number: number, wireType: number, content: Uint8Array): Uint8Array {
  return concat([varint(number * 8 + wireType), content]);
}

function varint(value: number): Uint8Array {
  const digits: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) + 128);
  return Uint8Array.from([...digits, rest]);
}

const integer = (number: number, value: number) => field(number, 0, varint(value));
const double = (number: number, value: number) => field(number, 1, doubles([value]));
const bytes = (number: number, value: Uint8Array) => field(number, 2, concat([varint(value.length), value]));

function float(number: number, value: number): Uint8Array {
  const content = new Uint8Array(4);
  new DataView(content.buffer).setFloat32(0, value, true);
  return field(number, 5, content);
}

function doubles(values: readonly number[]): Uint8Array {
  const content = new Uint8Array(8 * values.length);
  const view = new DataView(content.buffer);
  for (const [i, value] of values.entries()) view.setFloat64(8 * i, value, true);
  return content;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
