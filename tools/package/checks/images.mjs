// The guide's Dockerfile: each of its steps in a Debian 12 with Node, which is what it begins from.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildImage } from '../dockerfile.mjs';
import { npmRoom, ownDebian, trained } from '../npmRoom.mjs';

const server = fileURLToPath(new URL('../tarballServer.mjs', import.meta.url));

/** The files that the image is built from: a project that trains, with its lock file, and a folder that is to stay out. */
function prepare(context, { room, address, trials, ignore }) {
  rmSync(context, { recursive: true, force: true });
  mkdirSync(join(context, 'node_modules/stray'), { recursive: true });
  cpSync(join(trials, 'train.mjs'), join(context, 'train.mjs'));
  writeFileSync(join(context, '.dockerignore'), ignore);
  room.run('npm', ['install', '--package-lock-only', '--ignore-scripts', `striate@${address}`]);
  for (const file of ['package.json', 'package-lock.json'])
    cpSync(join(room.project, file), join(context, file));
}

export async function imageOfNode({ work, programs, tarball, trials, guide }) {
  const debian = ownDebian(work, 'image');
  const [dockerfile, ignore] = ['dockerfile', 'text'].map((language) => guide.take('Containers', language));
  const from = (image) => {
    const [, version] = /^node:(\d+)-slim$/.exec(image) ?? [];
    if (version === undefined) throw new Error(`there is no room like ${image}`);
    return npmRoom(debian, programs, version);
  };
  // The package is in no registry yet: the lock file names where its tarball is.
  const registry = spawn(process.execPath, [server, tarball], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [address] = await once(registry.stdout.setEncoding('utf8'), 'data');
    const context = join(work, 'context');
    prepare(context, { room: from('node:24-slim'), address: address.trim(), trials, ignore });
    const image = buildImage(dockerfile, context, from);
    if (existsSync(join(image.folder, 'node_modules/stray')))
      throw new Error('what .dockerignore names came along');
    return trained(image.start());
  } finally {
    registry.kill();
  }
}
