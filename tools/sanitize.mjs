// Runs the tests that reach kernels with the addon built by `npm run build:sanitize`: AddressSanitizer and
// UndefinedBehaviorSanitizer.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { finish, kernelTestsOnly, root, runTests } from './vitest.mjs';

const prebuild = join(root, 'build/sanitize');
if (!existsSync(join(prebuild, 'build/Debug'))) {
  console.error('The sanitized addon is missing: npm run build:sanitize');
  process.exit(1);
}

// Node itself is not instrumented, so the sanitizer has to be in the process before it.
const compiler = process.env.CXX ?? 'g++';
const libasan = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim();

finish([
  await runTests({
    label: 'sanitizers',
    args: [...kernelTestsOnly, '--exclude=test/native/arena.test.ts', '--testTimeout=300000'],
    filters: process.argv.slice(2),
    env: {
      STRIATE_PREBUILD: prebuild,
      LD_PRELOAD: libasan,
      // Node does not free everything when it exits.
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  }),
]);
