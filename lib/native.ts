import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import load from 'node-gyp-build';
import type { Binding } from '../binding.js';

/** What striate itself refuses at run time: a tensor that was disposed, memory that cannot be had, a graph used twice. */
export class StriateError extends Error {
  override name = 'StriateError';
}

/** The folder of the package, from lib/ as from dist/. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** The C++ side, as binding.d.ts declares it. */
export const native = load(packageRoot) as Binding;
native.initialize(StriateError);
