// Rooms with Node and npm on the path, as Node's own images have them.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { managerFolder, nodeFolder } from './programs.mjs';
import { debianRoot, Room } from './rooms.mjs';
import { told } from './run.mjs';

/** What such a room has beside its Debian. */
export function nodeAndNpm(place, version = '24') {
  return {
    folders: { node: nodeFolder(place, version), npm: managerFolder(place, 'npm 11') },
    programs: { node: 'node/bin/node', npm: 'npm/bin/npm-cli.js', npx: 'npm/bin/npx-cli.js' },
  };
}

/** A Debian 12 with this version of Node and the npm that comes with it, and an empty project; whoever made it removes it. */
export function npmRoom(place, version) {
  const room = new Room(place, debianRoot(place, 12), nodeAndNpm(place, version));
  writeFileSync(join(room.project, 'package.json'), '{ "private": true }\n');
  return room;
}

/** Such a room in which the tarball is installed, and other packages, beside the trials; removed after the work in it. */
export function withPackage(place, others, work) {
  const room = npmRoom(place);
  try {
    cpSync(place.packed.file, join(room.project, 'striate.tgz'));
    cpSync(place.trials, room.project, { recursive: true });
    room.run('npm', ['install', '--ignore-scripts', './striate.tgz', ...others]);
    return work(room);
  } finally {
    room.remove();
  }
}

/** What train.mjs came to, for a row of the table. */
export function trained(output) {
  return `LeNet-5 reads ${told(output).accuracy}`;
}
