// Node and package managers, as npm's registry has them.
import { mkdirSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';

/** A package of the registry, unpacked below `folder` once. */
export function fromRegistry(folder, specification) {
  const place = join(folder, specification.replaceAll(/[@/]/g, '_'));
  if (existsSync(place)) return place;
  const partial = `${place}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const archive = run('npm', ['pack', '--silent', specification], { cwd: partial }).trim().split('\n').at(-1);
  run('tar', ['xzf', archive, '--strip-components=1'], { cwd: partial });
  rmSync(join(partial, archive));
  renameSync(partial, place);
  return place;
}

/** The folder of Node's newest release of a major version, for Linux on `arch`. */
export function nodeFolder({ work }, version, arch = 'x64') {
  return fromRegistry(join(work, 'programs'), `node-linux-${arch}@${version}`);
}

/** What Node of a version takes for its permission model, and what striate is to be allowed then. */
export function permission(version) {
  const model = Number(version) >= 22 ? '--permission' : '--experimental-permission';
  return [model, '--allow-addons', '--allow-fs-read=*'];
}

const npm = { name: 'npm', program: 'bin/npm-cli.js', add: ['install', '--ignore-scripts'] };
const pnpm = { name: 'pnpm', add: ['add', '--ignore-scripts'] };

/**
 * Package managers: the package of the registry, the name it has on the command line and the program in the package that this
 * starts, and how it adds a package with scripts off, for which Yarn has variables.
 */
export const managers = {
  'npm 11': { from: 'npm@11', ...npm },
  'npm 12': { from: 'npm@12', ...npm },
  'pnpm 10': { from: 'pnpm@10', program: 'bin/pnpm.cjs', ...pnpm },
  'pnpm 12': { from: '@pnpm/exe.linux-x64@12', program: 'pnpm', ...pnpm },
  'Yarn 4': {
    from: '@yarnpkg/cli-dist@4',
    name: 'yarn',
    program: 'bin/yarn.js',
    add: ['add'],
    env: { YARN_ENABLE_SCRIPTS: '0', YARN_NODE_LINKER: 'node-modules', YARN_ENABLE_TELEMETRY: '0' },
  },
  Bun: { from: '@oven/bun-linux-x64@1', name: 'bun', program: 'bin/bun', add: ['add', '--ignore-scripts'] },
};

/** The folder of a package manager. */
export function managerFolder({ work }, manager) {
  return fromRegistry(join(work, 'programs'), managers[manager].from);
}
