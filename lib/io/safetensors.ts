import { readFile } from 'node:fs/promises';
import type { Module, StateDict } from '../nn/module.js';
import { tensor } from '../ops/creation.js';
import type { DType, Tensor } from '../tensor.js';
import { writeFileAtomically } from './atomicFile.js';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from './safetensorsFormat.js';

export interface Safetensors {
  tensors: StateDict;
  /** What the writer noted beside the tensors. */
  metadata: Record<string, string>;
}

/**
 * Writes a module's parameters and buffers, or tensors by name, as a safetensors file. The file appears whole or not at
 * all: an older one stays until the new one is complete.
 */
export async function saveSafetensors(
  source: Module | ReadonlyMap<string, Tensor<DType>>,
  file: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const tensors = 'stateDict' in source ? source.stateDict() : source;
  // All reads take their place in the queue before the first is waited for: the file is one moment's state.
  const stored = await Promise.all(
    Array.from(tensors, async ([name, t]) => {
      const entry = { dtype: t.dtype, shape: t.shape, data: await t.data() } as StoredTensor;
      return [name, entry] as const;
    }),
  );
  await writeFileAtomically(file, encodeSafetensors(stored, metadata));
}

/**
 * Reads a safetensors file of F32, I32 and U8 tensors.
 *
 * @throws Error that names the file where it is cut short, damaged or of another format
 */
export async function readSafetensors(file: string): Promise<Safetensors> {
  const { tensors, metadata } = decodeSafetensors(await readFile(file), file);
  const loaded: StateDict = new Map();
  for (const [name, { data, shape }] of tensors) loaded.set(name, tensor(data, shape));
  return { tensors: loaded, metadata };
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
