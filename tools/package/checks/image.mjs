import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildImage } from '../dockerfile.mjs';
import { npmRoom, trained } from '../npmRoom.mjs';

const server = fileURLToPath(new URL('../tarballServer.mjs', import.meta.url));

/** The folder that an image is built from: a project that trains, with its lock file, and a package that is to stay out. */
function contextOf(place, address, ignore) {
  const context = join(place.work, 'context');
  rmSync(context, { recursive: true, force: true });
  mkdirSync(join(context, 'node_modules/stray'), { recursive: true });
  cpSync(join(place.trials, 'train.mjs'), join(context, 'train.mjs'));
  writeFileSync(join(context, '.dockerignore'), ignore);
  const room = npmRoom(place);
  try {
    room.run('npm', ['install', '--package-lock-only', `striate@${address}`]);
    for (const file of ['package.json', 'package-lock.json'])
      cpSync(join(room.project, file), join(context, file));
  } finally {
    room.remove();
  }
  return context;
}

/** Node's slim images are a Debian 12 with Node. */
function roomOf(place, image) {
  const [, version] = /^node:(\d+)-slim$/.exec(image) ?? [];
  if (version === undefined) throw new Error(`there is no room like ${image}`);
  return npmRoom(place, version);
}

/** Each step of the guide's Dockerfile, and then its command, which trains. */
export async function image(place, guide) {
  // The package is in no registry yet: the lock file names where its tarball is.
  const registry = spawn(process.execPath, [server, place.packed.file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let room;
  try {
    const [address] = await once(registry.stdout.setEncoding('utf8'), 'data');
    const context = contextOf(place, address.trim(), guide.take('Containers', 'text'));
    const { folder, start } = buildImage(guide.take('Containers', 'dockerfile'), context, (name) => {
      room = roomOf(place, name);
      return room;
    });
    if (existsSync(join(folder, 'node_modules/stray')))
      throw new Error('what .dockerignore names came along');
    return trained(start());
  } finally {
    registry.kill();
    room?.remove();
  }
}
