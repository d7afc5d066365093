import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { makeSysroot } from '../../prebuild/sysroot.mjs';
import { nodeFolder } from '../programs.mjs';
import { run, told } from '../run.mjs';

/** What Node needs beside it; libatomic1 is for Node 26. */
const libraries = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'];
/** Of losses on two processors, relative: sums are rounded in another order. */
const maxDifference = 1e-4;

/** An arm64 Node of a version, with Debian 11's libraries, under qemu-user: the same trials, and the same losses as here. */
export function arm64(place, version) {
  const project = join(place.work, 'arm64');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
  run('npm', [...install, place.packed.file], { cwd: project });
  cpSync(place.trials, project, { recursive: true });
  const libraryRoot = join(place.work, 'arm64-libraries');
  makeSysroot(libraryRoot, 'arm64', libraries);

  // The kernel cannot execute arm64 programs, so processes started from `process.execPath` go through a script.
  const node = join(nodeFolder(place, version, 'arm64'), 'bin/node');
  const launcher = join(project, 'node');
  writeFileSync(launcher, `#!/bin/sh\nexec qemu-aarch64 -L '${libraryRoot}' '${node}' "$@"\n`);
  chmodSync(launcher, 0o755);
  const preload = join(project, 'preload.cjs');
  writeFileSync(preload, `process.execPath = ${JSON.stringify(launcher)};\n`);

  // The oldest kind of processor that is promised to work.
  const env = { ...process.env, PREBUILDS_ONLY: '1', QEMU_CPU: 'cortex-a57' };
  const emulated = { ...env, NODE_OPTIONS: `--require=${preload}` };
  const here = told(run(process.execPath, ['steps.mjs'], { cwd: project, env }));
  const there = told(run(launcher, ['steps.mjs'], { cwd: project, env: emulated }));
  const difference = Math.max(...here.losses.map((loss, i) => Math.abs(there.losses[i] / loss - 1)));
  if (!(difference <= maxDifference))
    throw new Error(
      `losses differ by ${difference}: ${there.losses.join(' ')} and here ${here.losses.join(' ')}`,
    );
  run(launcher, ['required.cjs'], { cwd: project, env: emulated });
  run(launcher, ['threads.mjs'], { cwd: project, env: emulated });
  const { accuracy } = told(run(launcher, ['train.mjs'], { cwd: project, env: emulated }));
  return `LeNet-5 reads ${accuracy} (${there.isa}), losses differ by ${difference.toExponential(0)}`;
}
