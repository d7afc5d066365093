// Debian 11's C and C++ libraries. Linked against these, a prebuilt addon runs wherever glibc is 2.31 or newer.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { debianMirror } from './debian.mjs';

const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What an addon is linked against. */
export const toLinkAgainst = [
  'libc6',
  'libc6-dev',
  'libgcc-10-dev',
  'libgcc-s1',
  'libgomp1',
  'libstdc++-10-dev',
  'libstdc++6',
  'linux-libc-dev',
];
const debianNames = { x64: 'amd64', arm64: 'arm64' };

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} failed`);
}

/** apt's options for a state of its own, so that neither the machine's sources nor what it has installed count. */
function ownState(folder, architecture) {
  const etc = join(folder, 'etc');
  for (const name of ['etc/apt.conf.d', 'etc/preferences.d', 'lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(etc, 'sources.list'), `deb [signed-by=${keys}] ${debianMirror()} bullseye main\n`);
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'Dir::Etc': etc,
    'Dir::Etc::sourcelist': join(etc, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/** Absolute links would lead out of the root, to this machine's libraries. */
function makeLinksRelative(root, folder = root) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeLinksRelative(root, path);
    if (!entry.isSymbolicLink()) continue;
    const target = readlinkSync(path);
    if (!target.startsWith('/')) continue;
    rmSync(path);
    symlinkSync(relative(dirname(path), join(root, target)), path);
  }
}

/** Makes `folder` a root of these packages for `arch`, x64 or arm64, whose signatures apt checks; once. */
export function makeSysroot(folder, arch, packages) {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const state = join(partial, 'apt');
  const options = ownState(state, debianNames[arch]);
  const archives = join(state, 'debs');
  mkdirSync(archives);
  run('apt-get', [...options, '-qq', 'update']);
  run('apt-get', [...options, '-qq', 'download', ...packages], { cwd: archives });
  const root = join(partial, 'root');
  for (const archive of readdirSync(archives)) run('dpkg-deb', ['--extract', join(archives, archive), root]);
  makeLinksRelative(root);
  renameSync(root, folder);
  rmSync(partial, { recursive: true });
}
