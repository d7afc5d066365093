// A program in one file, made by a bundler, with the package beside it; and the guide's permissions.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { install, npmRoom, trained } from '../npmRoom.mjs';
import { debianRoot } from '../rooms.mjs';

const env = { PREBUILDS_ONLY: '1' };

export function bundledByEsbuild({ work, programs, tarball, trials, guide }) {
  const room = npmRoom(debianRoot(work, 12), programs, '24');
  install(room, tarball, trials, ['esbuild']);
  for (const command of guide.commands('Bundlers')) room.run('sh', ['-c', command]);
  for (const source of ['app.mjs', 'train.mjs', 'node_modules/esbuild'])
    rmSync(join(room.project, source), { recursive: true });
  return trained(room.run('node', ['bundle.mjs'], { env }));
}

export function underPermissions({ work, programs, tarball, trials, guide }) {
  const room = npmRoom(debianRoot(work, 12), programs, '24');
  install(room, tarball, trials);
  const [command, ...others] = guide.commands('Workers, child processes, permissions');
  if (others.length > 0) throw new Error('the guide has more than one command');
  return trained(room.run('sh', ['-c', command], { env }));
}
