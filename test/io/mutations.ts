// Damaged files for fuzz tests: the same ones in each run.

/** Whole numbers from 0 up to below n, as a generator by Marsaglia (2003) draws them. */
export function drawing(seed: number): (n: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

const numbers = [
  ...['-1', '0', '1', '2', '3', '4', '7', '8', '255', '65536', '2147483647', '2147483648', '4294967296'],
  ...['9007199254740991', '9007199254740993', '18446744073709551615', '1e20', '1e308', '1e999', '0.5', '-0'],
  ...['null', 'true', '"4"', '[]', '[1]', '{}', '[9007199254740991,9007199254740991]', 'NaN', ''],
];
const words = [
  ...['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I16', 'I8', 'U8', 'BOOL', 'F8_E5M2', 'U64', '', 'f32'],
  ...['__metadata__', '__proto__', 'a', 'b', 'dtype', 'shape', 'data_offsets', '\\u0000', '\\ud800', '\\'],
];
const marks = Buffer.from('0123456789[]{}",:\\ -e.\0\xff', 'latin1');

/** A safetensors file with one to four things changed. */
export function mutated(file: Uint8Array, draw: (n: number) => number): Uint8Array {
  let bytes: Buffer = Buffer.from(file);
  for (let changes = 1 + draw(4); changes > 0; changes--) bytes = changed(bytes, draw);
  return bytes;
}

function changed(bytes: Buffer, draw: (n: number) => number): Buffer {
  if (bytes.length === 0) return Buffer.from([draw(256)]);
  const copy = Buffer.from(bytes);
  const at = draw(bytes.length);
  switch (draw(10)) {
    case 0:
      copy[at] = copy[at]! ^ (1 << draw(8));
      return copy;
    case 1:
      copy[at] = marks[draw(marks.length)]!;
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3: {
      const more = Buffer.alloc(draw(64), draw(256));
      return Buffer.concat([copy.subarray(0, at), more, copy.subarray(at)]);
    }
    case 4: {
      // The header's length.
      const lengths = [
        0n,
        1n,
        7n,
        BigInt(bytes.length),
        100_000_000n,
        100_000_001n,
        2n ** 63n,
        2n ** 64n - 1n,
      ];
      const length = draw(2) === 0 ? lengths[draw(lengths.length)]! : BigInt(draw(2 * bytes.length));
      if (copy.length >= 8) copy.writeBigUInt64LE(length);
      return copy;
    }
    case 5:
    case 6:
      return inHeader(copy, draw, /-?\d+/g, numbers, draw(2) === 0);
    case 7:
      return inHeader(copy, draw, /(?<=")[^"]*(?=")/g, words, draw(2) === 0);
    case 8: {
      // A part of it twice.
      const end = at + draw(Math.min(200, bytes.length - at) + 1);
      return Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
    }
    default:
      return inHeader(copy, draw, /[[\]{},:]/g, ['[', ']', '{', '}', ',', ':', '[['.repeat(50)], true);
  }
}

/** One of the places in the header that `pattern` finds, with something else in it; its length is put right, or not. */
function inHeader(
  bytes: Buffer,
  draw: (n: number) => number,
  pattern: RegExp,
  choices: readonly string[],
  fitting: boolean,
): Buffer {
  if (bytes.length < 8) return bytes;
  const length = Math.min(Number(bytes.readBigUInt64LE() % 1_000_000n), bytes.length - 8);
  const text = bytes.toString('latin1', 8, 8 + length);
  const found = [...text.matchAll(pattern)];
  const match = found[draw(Math.max(1, found.length))];
  if (!match) return bytes;
  const another = found[draw(found.length)]![0];
  const put = draw(4) === 0 ? another : choices[draw(choices.length)]!;
  let header = text.slice(0, match.index) + put + text.slice(match.index + match[0].length);
  if (fitting && header.trimEnd().length <= length) header = header.trimEnd().padEnd(length);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([start, Buffer.from(header, 'latin1'), bytes.subarray(8 + length)]);
}
