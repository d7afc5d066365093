import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { writeFileAtomically } from '../io/atomicFile.js';
import { decodeSafetensors, safetensorsParts, type StoredTensor } from '../io/safetensorsFormat.js';
import { reshape, slice } from '../ops/movement.js';
import { express, type DType, type Tensor, type TypedArray } from '../tensor.js';
import type { SavedState } from './trainingState.js';

/** All that training needs to go on: copies of tensors, each disposed when it has been read, and plain JSON. */
export interface CheckpointContents {
  readonly tensors: ReadonlyMap<string, Tensor<DType>>;
  readonly state: SavedState;
}

export interface ReadCheckpoint {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly state: SavedState;
}

/** Where the header of the file has what is not tensors, and its checksum with them. */
const stateKey = 'striate.checkpoint';
const sumKey = 'striate.checkpoint.crc32';

/** Bytes that are summed up at a time: about a millisecond. */
const piece = 2 ** 21;

/**
 * Writes a checkpoint as a safetensors file, which appears whole or not at all. The event loop stays free.
 *
 * @throws Error that names the file
 */
export async function writeCheckpoint(file: string, contents: CheckpointContents): Promise<void> {
  const { state } = contents;
  const tensors = await stored(contents.tensors);
  const json = JSON.stringify(state, written);
  const sum = await checksum(json, tensors);
  const parts = safetensorsParts(tensors, { [stateKey]: json, [sumKey]: sum });
  await writeFileAtomically(file, parts, { oneWriter: true });
}

/** @throws Error that names the file, where it is missing, cut short, damaged or no checkpoint */
export async function readCheckpoint(file: string): Promise<ReadCheckpoint> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new Error(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  const json = metadata[stateKey];
  if (json === undefined) throw new Error(`${file}: is no checkpoint, but another safetensors file`);
  if ((await checksum(json, tensors)) !== metadata[sumKey]) {
    throw new Error(`${file}: the checkpoint is damaged: its checksum is another`);
  }
  const state = JSON.parse(json, asWritten) as SavedState;
  if (state.version !== 1) throw new Error(`${file}: is a checkpoint of version ${state.version}, wants 1`);
  return { file, tensors, state };
}

/** The tensors' elements; in pieces, as handing them to JavaScript keeps the event loop waiting. */
async function stored(tensors: ReadonlyMap<string, Tensor<DType>>): Promise<Map<string, StoredTensor>> {
  const found = new Map<string, StoredTensor>();
  for (const [name, t] of tensors) {
    const { dtype, shape, size } = t;
    const data = new arrays[dtype](size);
    for (let from = 0; from < size; from += piece / 4) {
      data.set(await readOf(t, from, Math.min(size, from + piece / 4)), from);
    }
    t.dispose();
    found.set(name, { dtype, shape, data } as StoredTensor);
  }
  return found;
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** Some elements, without a wait for the steps that are under way. */
function readOf(t: Tensor<DType>, from: number, to: number): Promise<TypedArray> {
  return express(() => {
    if (to - from === t.size) return t.data();
    using flat = reshape(t, [-1]);
    using part = slice(flat, [from], [to]);
    return part.data();
  });
}

async function checksum(json: string, tensors: ReadonlyMap<string, StoredTensor>): Promise<string> {
  const names = Array.from(tensors.keys()).sort();
  const shapes = names.map((name) => [name, tensors.get(name)?.dtype, tensors.get(name)?.shape]);
  let sum = crc32(JSON.stringify([json, shapes]));
  let since = 0;
  for (const name of names) {
    const data = tensors.get(name)?.data ?? new Uint8Array();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let from = 0; from < bytes.length; from += piece) {
      const part = bytes.subarray(from, from + piece);
      sum = crc32(part, sum);
      since += part.length;
      if (since < piece) continue;
      since = 0;
      await new Promise(setImmediate);
    }
  }
  return sum.toString(16).padStart(8, '0');
}

/** Numbers that JSON lacks, as objects of this key. */
const numberKey = '$number';

function written(_key: string, value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return { [numberKey]: Object.is(value, -0) ? '-0' : String(value) };
}

function asWritten(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, numberKey)) return value;
  return Number((value as Record<string, string>)[numberKey]);
}
