// `npm run prebuild [-- linux-x64 linux-arm64]`: the addon for each platform below prebuilds/, with the OpenMP runtime beside
// it. For Linux it is linked against Debian 11's libraries; elsewhere, with what the machine has, for that machine's kind.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import prebuildify from 'prebuildify';
import { makeSysroot } from './prebuild/sysroot.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = `${process.platform}-${process.arch}`;
const processors = { x64: 'x86_64', arm64: 'aarch64' };
const linux = Object.keys(processors).map((arch) => `linux-${arch}`);

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** What building for `arch` needs beside Node, by Debian's packages: installed where that is allowed. */
function haveTools(arch) {
  const gnu = processors[arch];
  const wanted = {
    [`${gnu}-linux-gnu-g++`]: `g++-${gnu.replace('_', '-')}-linux-gnu`,
    cmake: 'cmake',
    make: 'make',
  };
  const missing = Object.entries(wanted)
    .filter(([command]) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0)
    .map(([, name]) => name);
  if (missing.length === 0) return;
  const install = ['apt-get', '-qq', 'install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid() !== 0) fail(`prebuild: ${missing.join(', ')} missing: ${install.join(' ')}`);
  for (const command of [['apt-get', '-qq', 'update'], install]) {
    const { status } = spawnSync(command[0], command.slice(1), {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (status !== 0) fail(`prebuild: ${command.join(' ')} failed`);
  }
}

function prebuild(target) {
  const [platform, arch] = target.split('-');
  const staging = join(root, 'build/prebuild', target);
  mkdirSync(staging, { recursive: true });
  const environment = { PREBUILD_ARCH: arch };
  let strip = 'strip';
  if (platform === 'linux') {
    haveTools(arch);
    environment.STRIATE_SYSROOT = join(root, 'build/sysroot', arch);
    environment.STRIATE_PROCESSOR = processors[arch];
    strip = `${processors[arch]}-linux-gnu-strip`;
    makeSysroot(environment.STRIATE_SYSROOT, arch);
  }
  Object.assign(process.env, environment);
  rmSync(join(root, 'prebuilds', target), { recursive: true, force: true });
  return new Promise((resolve, reject) => {
    const options = {
      name: 'striate',
      platform,
      arch,
      cwd: staging,
      out: root,
      napi: true,
      targets: [{ runtime: 'node', target: process.versions.node }],
      nodeGyp: join(root, 'tools/prebuild/cmakeJs.mjs'),
      tagLibc: platform === 'linux',
      libc: 'glibc',
      strip: platform !== 'win32',
      stripBin: strip,
    };
    prebuildify(options, (error) => (error ? reject(error) : resolve()));
  });
}

const targets = process.argv.slice(2);
if (targets.length === 0) targets.push(...(process.platform === 'linux' ? linux : [here]));
for (const target of targets) {
  if (target !== here && !(process.platform === 'linux' && linux.includes(target)))
    fail(`prebuild: ${target} cannot be built on ${here}`);
  await prebuild(target);
}
