import type { Tensor } from '../tensor.js';
import { readSafetensors, saveSafetensors } from './safetensors.js';

/**
 * What has a state of tensors and plain JSON: an optimizer.
 *
 * @inline
 */
export interface Stateful {
  stateDict(): { readonly tensors: ReadonlyMap<string, Tensor> };
  loadStateDict(state: never): void;
}

/** Where the header of the file has what is not tensors. */
const metadataKey = 'striate.optimizer';

/**
 * Writes an optimizer's state as a safetensors file: tensors, and options and numbers of steps as JSON in the metadata under
 * `striate.optimizer`. With the model's weights it is enough to go on as if nothing had happened. The file appears whole or
 * not at all.
 *
 * @throws Error that names the file where it cannot be written
 */
export async function saveOptimizer(
  optimizer: Stateful,
  file: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { tensors, ...rest } = optimizer.stateDict();
  const state = JSON.stringify({ kind: optimizer.constructor.name, ...rest });
  await saveSafetensors(tensors, file, { ...metadata, [metadataKey]: state });
}

/**
 * Loads a file of saveOptimizer into an optimizer of the same kind, whose parameters must have the same shapes.
 *
 * @returns the file's metadata but for the state
 * @throws Error that names the file where it is damaged or of another kind of optimizer, or StriateError that lists what
 *   does not fit; the optimizer is unchanged then
 */
export async function loadOptimizer(optimizer: Stateful, file: string): Promise<Record<string, string>> {
  const { tensors, metadata } = await readSafetensors(file);
  try {
    const { [metadataKey]: json, ...others } = metadata;
    const { kind, ...rest } = parsed(json, file);
    const wanted = optimizer.constructor.name;
    if (kind !== wanted) throw new Error(`${file}: holds the state of ${String(kind)}, wants ${wanted}`);
    optimizer.loadStateDict({ ...rest, tensors } as never);
    return others;
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

function parsed(json: string | undefined, file: string): Record<string, unknown> {
  try {
    const state: unknown = JSON.parse(json ?? '');
    if (typeof state === 'object' && state !== null) {
      const { groups, steps } = state as Record<string, unknown>;
      if (Array.isArray(groups) && groups.every(isGroup) && Array.isArray(steps)) {
        return state as Record<string, unknown>;
      }
    }
  } catch {
    // Told below.
  }
  throw new Error(`${file}: has no state of an optimizer in its metadata`);
}

function isGroup(group: unknown): boolean {
  if (typeof group !== 'object' || group === null) return false;
  const { options, parameters } = group as Record<string, unknown>;
  return typeof options === 'object' && options !== null && Array.isArray(parameters);
}
