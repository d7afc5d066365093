// Clean rooms: Debian roots that have Node and nothing else, and programs that run in them, cut off from this machine's files.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { debianMirror } from '../prebuild/debian.mjs';

const debianNames = { 11: 'bullseye', 12: 'bookworm' };

/** Runs a command to its end or to its limit; what it printed, or an error that has it. */
export function run(command, args, { seconds = 600, ...options } = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    ...options,
  });
  if (status === 0) return stdout;
  const reason =
    error?.code === 'ETIMEDOUT' ? `took more than ${seconds} s` : (error?.message ?? signal ?? status);
  throw new Error(`${command} ${args.join(' ')}: ${reason}\n${stdout ?? ''}${stderr ?? ''}`);
}

/** A minimal Debian (11 or 12) below `folder`, made once: debootstrap checks its packages' signatures. */
export function debianRoot(folder, release) {
  const root = join(folder, `debian${release}`);
  if (existsSync(root)) return root;
  const partial = `${root}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run('debootstrap', ['--variant=minbase', debianNames[release], partial, debianMirror()]);
  // What package managers need from a network: names of hosts and whom to trust.
  copyFileSync('/etc/resolv.conf', join(partial, 'etc/resolv.conf'));
  renameSync(partial, root);
  return root;
}

/** A program of the npm registry, unpacked below `folder` once: Node itself and package managers come this way. */
export function fromRegistry(folder, specification) {
  const place = join(folder, specification.replaceAll(/[@/]/g, '_'));
  if (existsSync(place)) return place;
  const partial = `${place}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const archive = run('npm', ['pack', '--silent', specification], { cwd: partial }).trim().split('\n').at(-1);
  run('tar', ['xzf', archive, '--strip-components=1'], { cwd: partial });
  rmSync(join(partial, archive));
  renameSync(partial, place);
  return place;
}

/**
 * A room: a Debian root in which /opt holds the programs given and /home/project is empty. What runs in it has a process
 * table and mounts of its own, and of the environment only what is given.
 */
export class Room {
  constructor(root, programs) {
    this.root = root;
    this.project = join(root, 'home/project');
    rmSync(this.project, { recursive: true, force: true });
    rmSync(join(root, 'opt'), { recursive: true, force: true });
    mkdirSync(this.project, { recursive: true });
    for (const [name, folder] of Object.entries(programs))
      cpSync(folder, join(root, 'opt', name), { recursive: true, verbatimSymlinks: true });
    // Where this machine reaches the registry through a proxy of its own, its certificate comes along.
    const certificates = process.env.NODE_EXTRA_CA_CERTS;
    this.trust = certificates ? { NODE_EXTRA_CA_CERTS: '/opt/certificates.pem' } : {};
    if (certificates) copyFileSync(certificates, join(root, 'opt/certificates.pem'));
  }

  /** Runs a program of the room in its project's folder, bounded in time. */
  run(command, args, { seconds = 120, env = {} } = {}) {
    const script =
      'mount -t proc proc "$1/proc" && cd "$1/home/project" && exec chroot "$1" /bin/sh -c \'cd /home/project && exec "$@"\' sh "${@:2}"';
    return run(
      'unshare',
      [
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        'bash',
        '-c',
        script,
        'room',
        this.root,
        command,
        ...args,
      ],
      {
        seconds,
        env: {
          PATH: '/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: '/home/project',
          ...this.trust,
          ...env,
        },
      },
    );
  }
}
