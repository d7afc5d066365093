#!/usr/bin/env node
// What prebuildify runs where it would run node-gyp: cmake-js, which builds into the folder that this is started in.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cmakeJs = join(
  dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')),
  'bin/cmake-js',
);
const { PREBUILD_ARCH, STRIATE_LIBC, STRIATE_SYSROOT } = process.env;
const { status } = spawnSync(
  process.execPath,
  [
    cmakeJs,
    'build',
    `--directory=${root}`,
    `--out=${join(process.cwd(), 'build')}`,
    `--arch=${PREBUILD_ARCH}`,
    ...(STRIATE_LIBC ? [`--CDSTRIATE_LIBC=${STRIATE_LIBC}`] : []),
    ...(STRIATE_SYSROOT ? [`--CDCMAKE_TOOLCHAIN_FILE=${join(root, 'tools/prebuild/toolchain.cmake')}`] : []),
    '--parallel=2',
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
process.exit(status ?? 1);
