import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { nodeAndNpm } from '../npmRoom.mjs';
import { debianRoot, inRoom } from '../rooms.mjs';

/** From the tarball to a trained LeNet-5 in two commands, as they are typed. */
export function quickstart(place, release) {
  return inRoom(place, debianRoot(place, release), nodeAndNpm(place), (clean) => {
    cpSync(place.packed.file, join(clean.project, place.packed.filename));
    clean.run('sh', ['-c', 'npm install ./striate-*.tgz']);
    const printed = clean.run('sh', ['-c', 'npx striate quickstart'], { env: { PREBUILDS_ONLY: '1' } });
    const [, seconds, percent] = /After ([\d.]+) s it reads ([\d.]+)% of 359/.exec(printed) ?? [];
    if (!(percent > 95)) throw new Error(`LeNet-5 did not come to 95%:\n${printed}`);
    return `LeNet-5 reads ${percent}% after ${seconds} s`;
  });
}
