import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { trained, withPackage } from '../npmRoom.mjs';

const env = { PREBUILDS_ONLY: '1' };

/** The guide's command makes one file of a program in two, which then trains with nothing but the packages beside it. */
export function esbuild(place, guide) {
  return withPackage(place, ['esbuild'], (room) => {
    for (const command of guide.commands('Bundlers')) room.run('sh', ['-c', command]);
    for (const gone of ['app.mjs', 'train.mjs', 'node_modules/esbuild'])
      rmSync(join(room.project, gone), { recursive: true });
    return trained(room.run('node', ['bundle.mjs'], { env }));
  });
}

/** The guide's command gives a program the permissions that it needs. */
export function permissions(place, guide) {
  return withPackage(place, [], (room) => {
    const [command] = guide.commands('Workers, child processes, permissions');
    return trained(room.run('sh', ['-c', command], { env }));
  });
}
