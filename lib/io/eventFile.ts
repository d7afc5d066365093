import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
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
  const event = new BinaryWriter().tag(1, WireType.Bit64).double(wallTime);
  return record(event.tag(3, WireType.LengthDelimited).string('brain.Event:2').finish());
}

/**
 * An event as a record of a file that TensorBoard reads: a message Event (tensorflow/core/util/event.proto and
 * framework/summary.proto) in protocol buffers' encoding, framed as TFRecord: its length as u64, the masked CRC-32C of
 * that, the message, and its masked CRC-32C, all little-endian.
 */
export function eventRecord({ wallTime, step, values }: Event): Uint8Array {
  const event = new BinaryWriter()
    .tag(1, WireType.Bit64)
    .double(wallTime)
    .tag(2, WireType.Varint)
    .int64(step);
  event.tag(5, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(values)) {
    event.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(tag);
    // What is too large for a float is infinite.
    if (typeof value === 'number') event.tag(2, WireType.Bit32).float(Math.fround(value));
    else histogram(event.tag(5, WireType.LengthDelimited).fork(), value).join();
    event.join();
  }
  return record(event.join().finish());
}

function histogram(
  writer: BinaryWriter,
  { min, max, count, sum, sumSquares, bucketLimits, buckets }: Histogram,
): BinaryWriter {
  for (const [i, value] of [min, max, count, sum, sumSquares].entries()) {
    writer.tag(i + 1, WireType.Bit64).double(value);
  }
  for (const [number, list] of [[6, bucketLimits], [7, buckets]] as const) {
    writer.tag(number, WireType.LengthDelimited).fork();
    for (const value of list) writer.double(value);
    writer.join();
  } // prettier-ignore
  return writer;
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
