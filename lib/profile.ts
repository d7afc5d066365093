import type { ProfileEntry } from '../binding.js';
import { native, StriateError } from './native.js';
import { synchronize } from './tensor.js';

export type { ProfileEntry } from '../binding.js';

let active = false;

/**
 * Records what the compute thread does for `work`, and when: each operation with its shapes and the time from start to
 * end, in the order in which they ran. Of this environment (the main thread, or a Worker) alone; what was asked for before
 * is not in it. Ends when the promise of `work` is settled and all its operations have run.
 *
 * Without a profile nothing is recorded. One holds a million operations at most, the first ones.
 *
 * @param work runs operations; may be async
 * @returns operations with startNs and endNs in nanoseconds since the start, and `detail`: "[8, 32, 32, 3] [3, 3, 3, 16] →
 *   [8, 30, 30, 16]", the shapes read and written, or '' where it works in place
 * @throws StriateError where another profile is being taken; and what `work` throws
 *
 * ```ts
 * const entries = await profile(() => scope(() => void model.forward(x)));
 * for (const { operation, startNs, endNs, detail } of entries) console.log(operation, (endNs - startNs) / 1e6, detail);
 * ```
 */
export async function profile(work: () => unknown): Promise<ProfileEntry[]> {
  if (active) throw new StriateError('profile: another profile is being taken');
  active = true;
  try {
    await synchronize();
    native.startProfile();
    try {
      await work();
      await synchronize();
    } catch (error) {
      native.stopProfile();
      throw error;
    }
    return native.stopProfile();
  } finally {
    active = false;
  }
}
