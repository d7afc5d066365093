import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Binding } from '../binding.js';

/** What striate itself refuses at run time: a tensor that was disposed, memory that cannot be had, a graph used twice. */
export class StriateError extends Error {
  override name = 'StriateError';
}

/** The folder of the package, from lib/ as from dist/. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

const load = createRequire(import.meta.url)('node-gyp-build') as (folder: string) => Binding;

/** The C++ side, as binding.d.ts declares it. */
export const native = load(packageRoot);
native.initialize(StriateError);
