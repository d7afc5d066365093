import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Calls `take` for each field of a message, which reads it and returns true, or returns false for one to be skipped.
 *
 * @throws Error where the message ends within a field or is none
 */
export function eachField(
  what: string,
  bytes: Uint8Array,
  take: (field: number, wire: WireType, reader: BinaryReader) => boolean,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const [field, wire] = damaged(what, () => reader.tag());
    if (!take(field, wire, reader)) damaged(what, () => reader.skip(wire, field));
    if (reader.pos > bytes.length) throw new Error(`${what} is cut short`);
  }
}

/** What `read` reads; its errors say where. */
function damaged<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${what} is damaged: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** A string, for errors: as a literal, cut where it is long. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

/** A field of text. */
export function text(what: string, wire: WireType, reader: BinaryReader): string {
  if (wire !== WireType.LengthDelimited) throw new Error(`${what} has wire type ${wire}, wants 2`);
  return damaged(what, () => reader.string());
}

/** Whole numbers that a number cannot hold exactly stand for the largest that it does: ends of slices are such. */
function clamped(value: bigint | string | number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

/** A field of a whole number. */
export function integer(what: string, wire: WireType, reader: BinaryReader): number {
  if (wire !== WireType.Varint) throw new Error(`${what} has wire type ${wire}, wants 0`);
  return damaged(what, () => clamped(reader.int64()));
}

/** A field of whole numbers, one or several packed, which are added to `all`. */
export function integers(what: string, wire: WireType, reader: BinaryReader, all: number[]): void {
  if (wire === WireType.Varint) {
    all.push(integer(what, wire, reader));
    return;
  }
  if (wire !== WireType.LengthDelimited) throw new Error(`${what} has wire type ${wire}, wants 0 or 2`);
  const packed = new BinaryReader(damaged(what, () => reader.bytes()));
  damaged(what, () => {
    while (packed.pos < packed.len) all.push(clamped(packed.int64()));
  });
  if (packed.pos > packed.len) throw new Error(`${what} is cut short`);
}
