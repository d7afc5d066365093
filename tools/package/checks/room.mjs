import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { managerFolder, managers, nodeFolder, permission } from '../programs.mjs';
import { debianRoot, inRoom } from '../rooms.mjs';
import { told } from '../run.mjs';

const env = { PREBUILDS_ONLY: '1' };

/** A Debian with nothing but `contents`, in which a package manager adds the tarball with scripts off, and then work is done. */
function inProject(place, { release, manager }, contents, work) {
  const { name, add, env: adding } = managers[manager];
  return inRoom(place, debianRoot(place, release), contents, (clean) => {
    const luxuries = clean.luxuries();
    if (luxuries.length > 0) throw new Error(`the room is not clean: it has ${luxuries.join(', ')}`);
    writeFileSync(join(clean.project, 'package.json'), '{ "private": true }\n');
    cpSync(place.packed.file, join(clean.project, 'striate.tgz'));
    cpSync(place.trials, clean.project, { recursive: true });
    clean.run(name, [...add, 'striate@file:./striate.tgz'], { env: adding });
    return work(clean);
  });
}

/** What every runtime does: a whole training; by require(); in Workers and a child process. */
function trials(clean, runtime) {
  const { accuracy } = told(clean.run(runtime, ['train.mjs'], { env }));
  const { isa } = told(clean.run(runtime, ['steps.mjs'], { env }));
  clean.run(runtime, ['required.cjs'], { env });
  clean.run(runtime, ['threads.mjs'], { env });
  return `LeNet-5 reads ${accuracy} (${isa})`;
}

/** Node of a version and a package manager. */
export function room(place, { release, version, manager }) {
  const { name, program } = managers[manager];
  const contents = {
    folders: { node: nodeFolder(place, version), manager: managerFolder(place, manager) },
    programs: { node: 'node/bin/node', [name]: `manager/${program}` },
  };
  return inProject(place, { release, manager }, contents, (clean) => {
    const outcome = trials(clean, 'node');
    clean.run('node', [...permission(version), 'steps.mjs'], { env });
    return outcome;
  });
}

/** Bun alone, which installs and runs. */
export function bunAlone(place, release) {
  const contents = {
    folders: { manager: managerFolder(place, 'Bun') },
    programs: { bun: `manager/${managers.Bun.program}` },
  };
  return inProject(place, { release, manager: 'Bun' }, contents, (clean) => trials(clean, 'bun'));
}
