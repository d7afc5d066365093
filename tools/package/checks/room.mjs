import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { managerFolder, managers, nodeFolder } from '../programs.mjs';
import { debianRoot, inRoom } from '../rooms.mjs';
import { told } from '../run.mjs';

/** A Debian with Node of a version and a package manager, which adds the tarball with scripts off; then everything runs. */
export function room(place, { release, version, manager }) {
  const { name, program, add, env: adding } = managers[manager];
  const contents = {
    folders: { node: nodeFolder(place, version), manager: managerFolder(place, manager) },
    programs: { node: 'node/bin/node', [name]: `manager/${program}` },
  };
  return inRoom(place, debianRoot(place, release), contents, (clean) => {
    const luxuries = clean.luxuries();
    if (luxuries.length > 0) throw new Error(`the room is not clean: it has ${luxuries.join(', ')}`);
    writeFileSync(join(clean.project, 'package.json'), '{ "private": true }\n');
    cpSync(place.packed.file, join(clean.project, 'striate.tgz'));
    cpSync(place.trials, clean.project, { recursive: true });
    clean.run(name, [...add, 'striate@file:./striate.tgz'], { env: adding });

    const env = { PREBUILDS_ONLY: '1' };
    const { accuracy } = told(clean.run('node', ['train.mjs'], { env }));
    const { isa } = told(clean.run('node', ['steps.mjs'], { env }));
    clean.run('node', ['required.cjs'], { env });
    clean.run('node', ['threads.mjs'], { env });
    const permission =
      Number(version) >= 22 ? ['--permission', '--allow-addons'] : ['--experimental-permission'];
    clean.run('node', [...permission, '--allow-fs-read=*', 'steps.mjs'], { env });
    return `LeNet-5 reads ${accuracy} (${isa})`;
  });
}
