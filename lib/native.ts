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

/**
 * OpenMP's threads spin between two parallel parts before they sleep. GCC's runtime spins for milliseconds, which on a
 * machine with other work to do takes the processor from the very thread that is waited for: a step of LeNet-5 then takes
 * ten times as long. The runtime reads this once, when it is loaded; what the user has set stands.
 */
function withShortSpins<T>(work: () => T): T {
  const { env } = process;
  if ('GOMP_SPINCOUNT' in env || 'OMP_WAIT_POLICY' in env) return work();
  env.GOMP_SPINCOUNT = '1000';
  try {
    return work();
  } finally {
    delete env.GOMP_SPINCOUNT;
  }
}

/** The C++ side, as binding.d.ts declares it. */
export const native = withShortSpins(() => load(packageRoot));
native.initialize(StriateError);
