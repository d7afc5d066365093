import { writeFileAtomically } from '../atomicFile.js';
import { codes, writtenElements, type StoredArray } from './elements.js';
import { encodeHeader, type Described } from './header.js';

/** A tensor that is to be written; its elements are asked for when it is its turn, and let go of afterwards. */
export interface Writable extends Described {
  elements(): Promise<StoredArray>;
}

/** Elements that are converted at a time. */
const piece = 2 ** 20;

/**
 * Writes a safetensors file tensor by tensor. It appears whole or not at all.
 *
 * @throws RangeError, TypeError that begin with `caller` for names and metadata that the format does not take; Error that names
 *   the file where it cannot be written
 */
export async function writeSafetensors(
  caller: string,
  tensors: readonly Writable[],
  file: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  // Larger elements first, which keeps every tensor aligned.
  const sorted = [...tensors].sort((a, b) => codes[b.code].bytes - codes[a.code].bytes);
  const header = encodeHeader(caller, sorted, metadata);
  await writeFileAtomically(file, parts(header, sorted));
}

async function* parts(header: Uint8Array, tensors: readonly Writable[]): AsyncGenerator<Uint8Array> {
  yield header;
  for (const tensor of tensors) {
    const all = await tensor.elements();
    const each = 'write' in codes[tensor.code] ? piece : Math.max(1, all.length);
    for (let from = 0; from < all.length; from += each) {
      yield writtenElements(tensor.code, all.subarray(from, from + each));
    }
  }
}
