import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Binding } from '../binding.js';
import { packageRoot } from './packageRoot.js';

export { packageRoot } from './packageRoot.js';

/** What striate itself refuses at run time: a tensor that was disposed, memory that cannot be had, a graph used twice. */
export class StriateError extends Error {
  override name = 'StriateError';
}

/** The C++ side, as binding.d.ts declares it. */
export const native = load(packageRoot);
native.initialize(StriateError);

/** What recordCalls() tells of a call: the function of binding.d.ts, its arguments and what it returned. */
export type CallRecorder = (operation: keyof Binding, args: readonly unknown[], result: unknown) => void;

/**
 * Calls `work`, which is synchronous, and tells the recorder of each call of the native side in it, but for those that the
 * recorder makes. What is not recorded costs nothing.
 */
export function recordCalls<T>(recorder: CallRecorder, work: () => T): T {
  type Function = (...args: readonly unknown[]) => unknown;
  const functions = Object.entries(native) as [keyof Binding, Function][];
  let telling = false;
  const recorded = functions.map(([operation, call]): [string, Function] => [
    operation,
    (...args) => {
      const result = call(...args);
      if (telling) return result;
      telling = true;
      try {
        recorder(operation, args, result);
      } finally {
        telling = false;
      }
      return result;
    },
  ]);
  Object.assign(native, Object.fromEntries(recorded));
  try {
    return work();
  } finally {
    Object.assign(native, Object.fromEntries(functions));
  }
}

/**
 * The addon that was built in `folder`, or the one that comes with it for this platform.
 *
 * @throws StriateError that says what there is, and how to build where none fits
 */
function load(folder: string): Binding {
  const require = createRequire(import.meta.url);
  const { resolve } = require('node-gyp-build') as { resolve: (folder: string) => string };
  const remedy = () =>
    `this package carries: ${carried(folder).sort().join(', ') || 'none'}. ` +
    'With a C++20 compiler and CMake, `npx striate build` makes one.';
  let file: string;
  try {
    file = resolve(folder);
  } catch (cause) {
    const told = (what: string) => new RegExp(`\\b${what}=(\\w+)`).exec(String(cause))?.[1] ?? '';
    const platform = told('platform');
    const here = `${platform}-${told('arch')}${platform === 'linux' ? `-${told('libc')}` : ''}`;
    throw new StriateError(`no addon for ${here}; ${remedy()}`, { cause });
  }
  try {
    return require(file) as Binding;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // The addon itself refuses what STRIATE_ISA says, or Node any addon: building it again would not help.
    const disabled = (cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED';
    if (cause instanceof RangeError || disabled) throw new StriateError(reason, { cause });
    throw new StriateError(`the addon cannot be loaded here: ${reason}; ${remedy()}`, { cause });
  }
}

/** What there are prebuilt addons for, as in linux-x64-glibc. */
function carried(folder: string): string[] {
  try {
    const files = readdirSync(join(folder, 'prebuilds'), { recursive: true, encoding: 'utf8' });
    return files.flatMap((file) => {
      const [, platform, libc] = /^([^/\\]+)[/\\]striate(?:\.(\w+))?\.node$/.exec(file) ?? [];
      return platform ? [libc ? `${platform}-${libc}` : platform] : [];
    });
  } catch {
    return [];
  }
}
