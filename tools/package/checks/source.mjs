// Where no addon fits: what is said, and that the guide's commands mend it.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { install, npmRoom, ownDebian, refusal, trained } from '../npmRoom.mjs';

/** The addons below `prebuilds`, as the error lists them. */
function carried(prebuilds) {
  return readdirSync(prebuilds).flatMap((platform) =>
    readdirSync(join(prebuilds, platform)).flatMap((file) => {
      const [, libc] = /^striate(?:\.(\w+))?\.node$/.exec(file) ?? [];
      return libc ? [`${platform}-${libc}`] : file === 'striate.node' ? [platform] : [];
    }),
  );
}

function expectToSay(said, parts) {
  for (const part of parts) if (!said.includes(part)) throw new Error(`'${part}' is not in: ${said}`);
}

export function builtFromSource({ work, programs, tarball, trials, guide }) {
  const room = npmRoom(ownDebian(work, 'compiler'), programs, '24');
  install(room, tarball, trials);
  const prebuilds = join(room.project, 'node_modules/striate/prebuilds');
  const alpine = join(room.root, 'etc/alpine-release');
  const remedy = '`npx striate build`';
  const expectRefusal = (platform) =>
    expectToSay(refusal(room, 'node', ['train.mjs']), [
      `no addon for ${platform}; this package carries: ${carried(prebuilds).sort().join(', ') || 'none'}.`,
      remedy,
    ]);

  // By this file, musl is told from glibc.
  rmSync(join(prebuilds, 'linux-x64/striate.musl.node'), { force: true });
  writeFileSync(alpine, '3.22.0\n');
  expectRefusal('linux-x64-musl');
  rmSync(alpine);
  rmSync(join(prebuilds, 'linux-x64'), { recursive: true });
  expectRefusal('linux-x64-glibc');

  expectToSay(refusal(room, 'npx', ['striate', 'build']), [
    'striate: build: wants CMake, a C++ compiler, make, which this machine does not have. On Debian: apt-get install',
  ]);
  for (const command of guide.commands('Where nothing fits')) {
    // Building has no network.
    const cutOff = command.startsWith('npx ') ? ['unshare', '--net'] : [];
    const [program, ...args] = [...cutOff, 'sh', '-c', command];
    room.run(program, args, { seconds: 1200, env: { DEBIAN_FRONTEND: 'noninteractive' } });
  }
  writeFileSync(alpine, '3.22.0\n');
  return trained(room.run('node', ['train.mjs']));
}
