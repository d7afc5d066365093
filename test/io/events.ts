// Reads TensorBoard's event files by libraries that share nothing with what writes them: frames with their checksums, and
// messages by the field numbers of event.proto and summary.proto.
import { createRequire } from 'node:module';
import { PbfReader } from 'pbf';
import { expect } from 'vitest';

const { buf: crc32c } = createRequire(import.meta.url)('crc-32/crc32c.js') as {
  buf: (data: Uint8Array) => number;
};

export interface ReadHistogram {
  min?: number;
  max?: number;
  num?: number;
  sum?: number;
  sumSquares?: number;
  bucketLimit?: number[];
  bucket?: number[];
}

export interface ReadEvent {
  wallTime?: number;
  step?: number;
  fileVersion?: string;
  values: { tag?: string; simpleValue?: number; histogram?: ReadHistogram }[];
}

/** The messages of a file, whose frames must be whole. */
export function framesOf(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(view.getBigUint64(at, true));
    expectSum(file.subarray(at, at + 8), view.getUint32(at + 8, true));
    const message = file.subarray(at + 12, at + 12 + length);
    expectSum(message, view.getUint32(at + 12 + length, true));
    frames.push(message);
    at += length + 16;
  }
  return frames;
}

function expectSum(data: Uint8Array, masked: number): void {
  const rotated = BigInt.asUintN(32, BigInt(masked) - 0xa282ead8n);
  const sum = ((rotated >> 17n) | (rotated << 15n)) & 0xffffffffn;
  expect(sum).toBe(BigInt.asUintN(32, BigInt(crc32c(data))));
}

export function eventsOf(file: Uint8Array): ReadEvent[] {
  return framesOf(file).map((message) =>
    new PbfReader(message).readFields<ReadEvent>(readEvent, { values: [] }),
  );
}

function readEvent(tag: number, event: ReadEvent, pbf: PbfReader): void {
  if (tag === 1) event.wallTime = pbf.readDouble();
  else if (tag === 2) event.step = pbf.readVarint();
  else if (tag === 3) event.fileVersion = pbf.readString();
  else if (tag === 5) pbf.readMessage(readSummary, event);
  else throw new Error(`Event has a field ${tag}`);
}

function readSummary(tag: number, event: ReadEvent, pbf: PbfReader): void {
  if (tag !== 1) throw new Error(`Summary has a field ${tag}`);
  event.values.push(pbf.readMessage(readValue, {}));
}

function readValue(tag: number, value: ReadEvent['values'][number], pbf: PbfReader): void {
  if (tag === 1) value.tag = pbf.readString();
  else if (tag === 2) value.simpleValue = pbf.readFloat();
  else if (tag === 5) value.histogram = pbf.readMessage(readHistogram, {});
  else throw new Error(`Value has a field ${tag}`);
}

function readHistogram(tag: number, histogram: ReadHistogram, pbf: PbfReader): void {
  const names = ['min', 'max', 'num', 'sum', 'sumSquares'] as const;
  const name = names[tag - 1];
  if (name) histogram[name] = pbf.readDouble();
  else if (tag === 6) histogram.bucketLimit = pbf.readPackedDouble();
  else if (tag === 7) histogram.bucket = pbf.readPackedDouble();
  else throw new Error(`HistogramProto has a field ${tag}`);
}
