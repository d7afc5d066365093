// Clean rooms: Debian roots that have Node and nothing else, and programs that run in them, cut off from this machine's files.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { debianMirror } from '../prebuild/debian.mjs';
import { run } from './run.mjs';

const debianNames = { 11: 'bullseye', 12: 'bookworm' };
/** What a clean room must not have. */
const tools = ['gcc', 'g++', 'cc', 'c++', 'clang', 'cmake', 'make', 'python3'];

/** A minimal Debian (11 or 12), made once below the folder for that: debootstrap checks its packages' signatures. */
export function debianRoot({ work }, release) {
  const root = join(work, `debian${release}`);
  if (existsSync(root)) return root;
  const partial = `${root}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  // libatomic1 is for Node 26 itself.
  const options = ['--variant=minbase', '--include=libatomic1'];
  run('debootstrap', [...options, debianNames[release], partial, debianMirror()]);
  // What package managers need from a network: names of hosts and whom to trust.
  copyFileSync('/etc/resolv.conf', join(partial, 'etc/resolv.conf'));
  renameSync(partial, root);
  return root;
}

/**
 * A room: a copy of a Debian root in which /home/project is empty and /opt holds folders; `programs` are put on the path, by
 * name, as files of those. What runs in it has a process table and mounts of its own, and of the environment only what is given.
 */
export class Room {
  constructor({ work }, root, { folders, programs }) {
    this.root = join(work, 'room');
    this.remove();
    run('cp', ['--archive', '--reflink=auto', root, this.root]);
    this.project = join(this.root, 'home/project');
    mkdirSync(this.project, { recursive: true });
    for (const [name, folder] of Object.entries(folders))
      cpSync(folder, join(this.root, 'opt', name), { recursive: true, verbatimSymlinks: true });
    for (const [name, file] of Object.entries(programs)) {
      chmodSync(join(this.root, 'opt', file), 0o755);
      symlinkSync(join('/opt', file), join(this.root, 'usr/local/bin', name));
    }
    // Where this machine reaches the registry through a proxy of its own, its certificate comes along.
    const certificates = process.env.NODE_EXTRA_CA_CERTS;
    this.trust = certificates ? { NODE_EXTRA_CA_CERTS: '/opt/certificates.pem' } : {};
    if (certificates) copyFileSync(certificates, join(this.root, 'opt/certificates.pem'));
  }

  /** Runs a program of the room in its project's folder, bounded in time. */
  run(command, args, { seconds = 120, env = {} } = {}) {
    const script =
      'mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -c \'cd /home/project && exec "$@"\' sh "${@:2}"';
    const separate = ['--mount', '--pid', '--fork', '--kill-child'];
    return run('unshare', [...separate, 'bash', '-c', script, 'room', this.root, command, ...args], {
      seconds,
      label: [command, ...args].join(' '),
      env: {
        PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/home/project',
        ...this.trust,
        ...env,
      },
    });
  }

  /** Compilers, Python and OpenMP runtimes of its own, which a clean room has none of. */
  luxuries() {
    const libraries = readdirSync(join(this.root, 'usr/lib/x86_64-linux-gnu'));
    return [
      ...tools.filter((name) => existsSync(join(this.root, 'usr/bin', name))),
      ...libraries.filter((name) => /^lib(gomp|omp|iomp5)\b/.test(name)),
    ];
  }

  remove() {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Makes a room, works in it, and removes it in any case; what the work returns. */
export function inRoom(place, root, contents, work) {
  const room = new Room(place, root, contents);
  try {
    return work(room);
  } finally {
    room.remove();
  }
}
