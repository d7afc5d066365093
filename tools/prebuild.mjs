// `npm run prebuild [-- linux-x64 linux-arm64]`: the addon for each platform below prebuilds/, with the OpenMP runtime beside
// it. For Linux with glibc it is linked against Debian 11's libraries; elsewhere, with what the machine has, for its own kind.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import prebuildify from 'prebuildify';
import { makeSysroot, toLinkAgainst } from './prebuild/sysroot.mjs';
import { haveTools } from './prebuild/tools.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = `${process.platform}-${process.arch}`;
const processors = { x64: 'x86_64', arm64: 'aarch64' };
/** The C library of Linux, as Node was built with it. */
const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
const cross =
  process.platform === 'linux' && libc === 'glibc'
    ? Object.keys(processors).map((arch) => `linux-${arch}`)
    : [];

/** The environment in which cmakeJs.mjs builds for Linux on `arch`. */
function linuxEnvironment(arch) {
  if (libc !== 'glibc') return { STRIATE_LIBC: libc };
  const gnu = processors[arch];
  haveTools({
    [`${gnu}-linux-gnu-g++`]: `g++-${gnu.replace('_', '-')}-linux-gnu`,
    cmake: 'cmake',
    make: 'make',
  });
  const sysroot = join(root, 'build/sysroot', arch);
  makeSysroot(sysroot, arch, toLinkAgainst);
  return { STRIATE_LIBC: libc, STRIATE_SYSROOT: sysroot, STRIATE_PROCESSOR: gnu };
}

async function prebuild(target) {
  const [platform, arch] = target.split('-');
  const linux = platform === 'linux';
  const staging = join(root, 'build/prebuild', target);
  const place = join(root, 'prebuilds', target);
  const addon = linux ? `striate.${libc}.node` : 'striate.node';
  mkdirSync(staging, { recursive: true });
  Object.assign(process.env, { PREBUILD_ARCH: arch }, linux ? linuxEnvironment(arch) : {});
  // What is for another C library stays.
  for (const old of linux ? [addon, libc] : ['']) rmSync(join(place, old), { recursive: true, force: true });
  const options = {
    name: 'striate',
    platform,
    arch,
    cwd: staging,
    out: root,
    napi: true,
    targets: [{ runtime: 'node', target: process.versions.node }],
    nodeGyp: join(root, 'tools/prebuild/cmakeJs.mjs'),
    tagLibc: linux,
    libc,
    strip: platform !== 'win32',
    stripBin: cross.includes(target) ? `${processors[arch]}-linux-gnu-strip` : 'strip',
  };
  await new Promise((resolve, reject) =>
    prebuildify(options, (error) => (error ? reject(error) : resolve())),
  );
  if (linux) cpSync(join(staging, 'build/Release', libc), join(place, libc), { recursive: true });
}

const targets = process.argv.slice(2);
if (targets.length === 0) targets.push(...(cross.length > 0 ? cross : [here]));
for (const target of targets) {
  if (target !== here && !cross.includes(target))
    throw new Error(`prebuild: ${target} cannot be built on ${here}`);
  await prebuild(target);
}
