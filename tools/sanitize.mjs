// Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, with the kernels of this machine's best instruction
// set, and runs the tests that reach native code with it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { cpuInfo } from '../dist/index.js';
import { finish, kernelTests, root, runTests, sharingProcesses, testsIn } from './vitest.mjs';

const prebuild = join(root, 'build/sanitize');
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/cmake-js/bin/cmake-js'),
    'build',
    '--debug',
    `--out=${join(prebuild, 'build')}`,
    '--CDSTRIATE_SANITIZE=ON',
    `--CDSTRIATE_ISAS=${cpuInfo().supported.at(-1)}`,
    '--parallel=2',
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
if (status !== 0) process.exit(1);

// Node itself is not instrumented, so the sanitizer has to be in the process before it.
const compiler = process.env.CXX ?? 'g++';
const libasan = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout?.trim();

const options = {
  filters: process.argv.slice(2),
  env: {
    STRIATE_PREBUILD: prebuild,
    LD_PRELOAD: libasan,
    // Node does not free everything when it exits.
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  },
};
const patience = '--testTimeout=300000';
finish([
  await runTests({
    ...options,
    label: 'sanitizers',
    args: [...testsIn(...kernelTests), sharingProcesses, patience],
  }),
  await runTests({
    ...options,
    label: 'sanitizers, runtime',
    // They know the ends only of blocks that the system gives, so there is no arena.
    args: [...testsIn('native'), '--exclude=test/native/arena.test.ts', patience],
  }),
]);
