import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run.mjs';

const maxPacked = 12 * 1e6;
const maxUnpacked = 30 * 1e6;

/** What `npm pack` makes of the checkout: the file and its sizes. */
export function pack({ root, work }) {
  const folder = join(work, 'tarball');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = ['--json', '--ignore-scripts', `--pack-destination=${folder}`];
  // An array up to npm 11, an object by name since npm 12.
  const [packed] = Object.values(JSON.parse(run('npm', ['pack', ...options], { cwd: root })));
  return { ...packed, file: join(folder, packed.filename) };
}

/** It is small, and has what was prebuilt. */
export function tarball({ packed }, platforms) {
  const { size, unpackedSize, files } = packed;
  if (size > maxPacked) throw new Error(`has ${size} bytes, at most ${maxPacked} are allowed`);
  if (unpackedSize > maxUnpacked)
    throw new Error(`has ${unpackedSize} bytes unpacked, at most ${maxUnpacked} are allowed`);
  for (const platform of platforms)
    for (const name of ['striate.glibc.node', 'glibc/libgomp.so.1'])
      if (!files.some(({ path }) => path === `prebuilds/${platform}/${name}`))
        throw new Error(`has no ${name} for ${platform}`);
  return `${(size / 1e6).toFixed(1)} MB, unpacked ${(unpackedSize / 1e6).toFixed(1)} MB`;
}

/** package.json leads to what is there. */
export function publint({ root, packed }) {
  run('npx', ['publint', 'run', '--strict', packed.file], { cwd: root });
}

/** Each way to resolve the package comes to types that are of what it comes to. */
export function typesResolve({ root, packed }) {
  run('npx', ['attw', '--profile', 'esm-only', packed.file], { cwd: root });
}
