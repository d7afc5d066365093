import { describe } from '../describe.js';
import { native } from '../native.js';
import type { Module, StateDict } from '../nn/module.js';
import { tensor } from '../ops/creation.js';
import { requireLive, Tensor, type DType } from '../tensor.js';
import { plainCodes, type Code, type StoredTensor } from './safetensors/elements.js';
import { openSource, SafetensorsReader } from './safetensors/source.js';
import { writeSafetensors, type Writable } from './safetensors/writer.js';

export interface Safetensors {
  tensors: StateDict;
  /** What the writer noted beside the tensors. */
  metadata: Record<string, string>;
}

export interface SafetensorsOptions {
  /**
   * How numbers f32 are written: as they are, or as numbers of 16 bits, the nearest ones: 'f16' has 11 significant bits and
   * reaches to 65,504, 'bf16' 8 and as far as f32. Default: 'f32'.
   */
  dtype?: 'f32' | 'f16' | 'bf16';
}

const floatCodes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

/** The code by which tensors f32 are written. */
export function floatCode(caller: string, { dtype = 'f32' }: SafetensorsOptions): Code {
  if (Object.hasOwn(floatCodes, dtype)) return floatCodes[dtype];
  throw new RangeError(`${caller}: dtype is ${describe(dtype)}, wants 'f32', 'f16' or 'bf16'`);
}

/**
 * Writes a module's parameters and buffers, or tensors by name, as a safetensors file. The file appears whole or not at
 * all: an older one stays until the new one is complete. Tensors are read one by one, so that JavaScript never holds more than
 * one; their values are those of the moment of the call, whatever changes them meanwhile.
 *
 * @throws RangeError, TypeError for names or metadata that the format does not take; Error that names the file where it cannot
 *   be written
 */
export async function saveSafetensors(
  source: Module | ReadonlyMap<string, Tensor<DType>>,
  file: string,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsOptions = {},
): Promise<void> {
  const code = floatCode('saveSafetensors', options);
  const tensors = 'stateDict' in source ? source.stateDict() : source;
  const copies: Tensor<DType>[] = [];
  try {
    const writables = Array.from(tensors, ([name, t]): Writable => {
      const copy = copyOf(requireLive('saveSafetensors', name, t));
      copies.push(copy);
      return writable(name, copy, t.dtype === 'f32' ? code : plainCodes[t.dtype]);
    });
    await writeSafetensors('saveSafetensors', writables, file, metadata);
  } finally {
    for (const copy of copies) copy.dispose();
  }
}

/** A tensor that is disposed when it has been read. */
export function writable(name: string, t: Tensor<DType>, code: Code): Writable {
  return {
    name,
    code,
    shape: t.shape,
    elements: async () => {
      const data = t.data();
      t.dispose();
      return data;
    },
  };
}

/** Taken at its place in the queue: all copies are of one moment. */
export function copyOf({ shape, dtype, handle }: Tensor<DType>): Tensor<DType> {
  const copy = new Tensor(native.full(shape, 0, dtype), dtype).keep();
  native.assign(copy.handle, handle);
  return copy;
}

/**
 * Reads a safetensors file, tensor by tensor. F64, F16 and BF16 become f32; I64, I16 and I8 i32; BOOL u8, 0 or 1.
 *
 * @throws Error that names the file where it is missing, cut short, damaged, of another format or has other types of elements;
 *   all that its header says is checked before anything is made of it
 */
export async function readSafetensors(file: string): Promise<Safetensors> {
  const source = await openSource(file);
  const tensors: StateDict = new Map();
  try {
    const reader = await SafetensorsReader.of(source);
    const { places, metadata } = reader.header;
    for (const place of places) tensors.set(place.name, tensorOf(await reader.read(place)));
    return { tensors, metadata };
  } catch (error) {
    for (const t of tensors.values()) t.dispose();
    throw error;
  } finally {
    await source.close();
  }
}

export function tensorOf({ data, shape }: StoredTensor): Tensor<DType> {
  return tensor(data, shape);
}

/**
 * Loads a safetensors file into a module, whose parameters and buffers must have the file's names and shapes.
 *
 * @returns the file's metadata
 * @throws Error that names the file, or StriateError that lists what does not fit; the module is unchanged then
 */
export async function loadSafetensors(module: Module, file: string): Promise<Record<string, string>> {
  const { tensors, metadata } = await readSafetensors(file);
  try {
    module.loadStateDict(tensors);
  } finally {
    for (const t of tensors.values()) t.dispose();
  }
  return metadata;
}
