// An arm64 Node on an x64 machine.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { makeSysroot } from '../prebuild/sysroot.mjs';
import { nodeFolder } from './programs.mjs';
import { run } from './run.mjs';

/** What Node needs beside it, and no OpenMP runtime; libatomic1 is for Node 26. */
const libraries = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'];

/** Runs an arm64 Node of a version under qemu-user, with Debian 11's libraries; what it printed. */
export function onArm64(place, version, args, options) {
  const folder = join(place.work, 'arm64');
  const root = join(folder, 'debian11');
  mkdirSync(folder, { recursive: true });
  makeSysroot(root, 'arm64', libraries);
  const node = join(nodeFolder(place, version, 'arm64'), 'bin/node');
  const launcher = join(folder, `node${version}`);
  writeFileSync(launcher, `#!/bin/sh\nexec qemu-aarch64 -L '${root}' '${node}' "$@"\n`);
  chmodSync(launcher, 0o755);
  // The kernel cannot execute arm64 programs, so processes started from `process.execPath` go through a script.
  const preload = join(folder, `node${version}.cjs`);
  writeFileSync(preload, `process.execPath = ${JSON.stringify(launcher)};\n`);
  const env = {
    ...process.env,
    ...options.env,
    NODE_OPTIONS: `--require=${preload}`,
    // The oldest kind of processor that is promised to work.
    QEMU_CPU: 'cortex-a57',
  };
  return run(launcher, args, { ...options, env });
}
