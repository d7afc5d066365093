// 50,000 files from someone else: each is read, or refused by name, in time and in little memory.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arrays, codes } from '../../lib/io/safetensors/elements.js';
import { SafetensorsReader, type Source } from '../../lib/io/safetensors/source.js';
import { io } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { drawing, mutated } from './mutations.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A whole file: a header and its data. */
function file(
  entries: readonly [name: string, code: keyof typeof codes, shape: number[]][],
  metadata?: object,
): Uint8Array {
  let end = 0;
  const members = entries.map(([name, code, shape]) => {
    const begin = end;
    end += shape.reduce((n, extent) => n * extent, 1) * codes[code].bytes;
    return [name, { dtype: code, shape, data_offsets: [begin, end] }];
  });
  const header = JSON.stringify({
    ...(metadata && { __metadata__: metadata }),
    ...Object.fromEntries(members),
  });
  const padded = Buffer.from(header.padEnd(Math.ceil(header.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, Buffer.alloc(end)]);
}

const whole = [
  file([
    ['conv.weight', 'F32', [2, 3, 3, 3]],
    ['conv.bias', 'F32', [2]],
    ['count', 'I64', []],
  ], { format: 'pt' }),
  file([
    ['a', 'F64', [3]],
    ['b', 'I32', [2, 2]],
    ['c', 'F16', [5]],
    ['d', 'BF16', [1, 7]],
    ['e', 'I16', [3]],
    ['f', 'I8', [3]],
    ['g', 'U8', [4]],
    ['h', 'BOOL', [2]],
    ['none', 'F32', [0, 4]],
  ]),
  file([['large', 'F16', [64, 64]], ['i', 'I64', [9]]], { key: 'value', 'an "other"': '' }),
  file([]),
]; // prettier-ignore

function inMemory(bytes: Uint8Array, name: string): Source {
  return {
    name,
    size: bytes.length,
    read: async (into, position) => {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    close: async () => undefined,
  };
}

/** Reads all; tells how many bytes the tensors took. */
async function readAll(bytes: Uint8Array, name: string): Promise<number> {
  const reader = await SafetensorsReader.of(inMemory(bytes, name));
  let taken = 0;
  for (const place of reader.header.places) {
    const { dtype, shape, data } = await reader.read(place);
    expect(data).toBeInstanceOf(arrays[dtype]);
    expect(data.length).toBe(shape.reduce((n, extent) => n * extent, 1));
    taken += data.byteLength;
  }
  return taken;
}

interface Tally {
  read: number;
  refused: number;
  slowest: number;
}

/** Reads a damaged file by `read`, and takes down what became of it. */
async function attempt(tally: Tally, name: string, read: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  try {
    await read();
    tally.read++;
  } catch (error) {
    // `cannot read NAME` is what the file system says, NAME: what this reader says.
    if (!(error instanceof Error) || !error.message.includes(name)) throw error;
    tally.refused++;
  }
  tally.slowest = Math.max(tally.slowest, performance.now() - began);
}

test('48,000 damaged files in memory', async () => {
  const draw = drawing(1);
  const tally: Tally = { read: 0, refused: 0, slowest: 0 };
  // What is made once is no file's.
  for (const bytes of whole) await readAll(bytes, 'whole.safetensors');
  const { rss } = process.memoryUsage();
  let most = 0;
  for (let i = 0; i < 48_000; i++) {
    const bytes = mutated(whole[i % whole.length]!, draw);
    const { arrayBuffers } = process.memoryUsage();
    await attempt(tally, 'some.safetensors', async () => {
      expect(await readAll(bytes, 'some.safetensors')).toBeLessThanOrEqual(4 * bytes.length);
    });
    // What was allocated for it, but for what has been collected meanwhile.
    most = Math.max(most, (process.memoryUsage().arrayBuffers - arrayBuffers) / (bytes.length + 64));
  }
  expect(tally.read + tally.refused).toBe(48_000);
  expect(tally.read).toBeGreaterThan(1000);
  expect(tally.refused).toBeGreaterThan(20_000);
  expect(tally.slowest).toBeLessThan(1000);
  expect(most).toBeLessThan(10);
  expect(process.memoryUsage().rss - rss).toBeLessThan(400e6);
});

test('2,000 damaged files on the disk, as tensors', async () => {
  const draw = drawing(2);
  const tally: Tally = { read: 0, refused: 0, slowest: 0 };
  const path = join(folder, 'damaged.safetensors');
  for (let i = 0; i < 2000; i++) {
    const bytes = mutated(whole[i % whole.length]!, draw);
    await writeFile(path, bytes);
    native.resetPeak();
    const before = native.memory().liveBytes;
    await attempt(tally, path, async () => {
      const { tensors } = await io.readSafetensors(path);
      for (const t of tensors.values()) {
        await t.data();
        t.dispose();
      }
    });
    // The pool gives no tensor less than 512 bytes.
    expect(native.memory().peakBytes - before).toBeLessThan(10 * (bytes.length + 512));
  }
  expect(tally.read).toBeGreaterThan(100);
  expect(tally.slowest).toBeLessThan(1000);
});

/** A file whose header is this text, and no data. */
function withHeader(text: string): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, Buffer.from(text)]);
}

const many = 2_000_000;
test.each<[string, string, RegExp]>([
  ['lists', `{"a":[${'[],'.repeat(many)}[]]}`, /has more parts than 65536 tensors/],
  ['lists in lists', '['.repeat(many), /has more parts/],
  ['objects', `{"a":[${'{},'.repeat(many)}{}]}`, /has more parts/],
  ['members', `{${Array.from({ length: 500_000 }, (_, i) => `"${i}":0`).join()}}`, /has more parts/],
  ['axes', `{"a":{"dtype":"U8","shape":[${'1,'.repeat(many)}1],"data_offsets":[0,1]}}`, /has more parts/],
  ['tensors', `{${Array.from({ length: 70_000 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`).join()}}`, /has 70000 tensors, wanted at most 65536/],
  ['nine axes', '{"a":{"dtype":"U8","shape":[0,1,1,1,1,1,1,1,1],"data_offsets":[0,0]}}', /tensor "a" has 9 axes, wanted at most 8/],
  ['open quotes', `{"${'a'.repeat(many)}`, /is not JSON/],
])('a header of very many %s is refused before it is taken apart', async (_, text, message) => {
  const bytes = withHeader(text);
  const began = performance.now();
  await expect(readAll(bytes, 'f')).rejects.toThrow(message);
  expect(performance.now() - began).toBeLessThan(1000);
}); // prettier-ignore

test('a file that ends while it is read is refused', async () => {
  const bytes = whole[0]!;
  const source = inMemory(bytes, 'f');
  const short: Source = { ...source, read: (into, at) => source.read(into.subarray(0, Math.max(0, bytes.length - 40 - at)), at) };
  const reader = await SafetensorsReader.of(short);
  await expect(
    (async () => {
      for (const place of reader.header.places) await reader.read(place);
    })(),
  ).rejects.toThrow(`f: tensor "conv.weight": the file ends at byte ${bytes.length - 40}`);
}); // prettier-ignore

test('what is no file is refused, also a folder', async () => {
  await expect(io.readSafetensors(folder)).rejects.toThrow(`cannot read ${folder}: it is no file`);
  const missing = join(folder, 'missing');
  await expect(io.readSafetensors(missing)).rejects.toThrow(`cannot read ${missing}: ENOENT`);
});
