import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trained, withPackage } from '../npmRoom.mjs';

/** The addons below `prebuilds`, as the error lists them. */
function carried(prebuilds) {
  const names = readdirSync(prebuilds).flatMap((platform) =>
    readdirSync(join(prebuilds, platform)).flatMap((file) => {
      const [addon, libc] = /^striate(?:\.(\w+))?\.node$/.exec(file) ?? [];
      return addon === undefined ? [] : [libc ? `${platform}-${libc}` : platform];
    }),
  );
  return names.sort().join(', ') || 'none';
}

/** Has a program fail, and say this. */
function expectRefusal(room, command, args, part) {
  let said;
  try {
    room.run(command, args);
  } catch (error) {
    said = error.message;
  }
  if (said === undefined) throw new Error(`${command} ${args.join(' ')} did not fail`);
  if (!said.includes(part)) throw new Error(`'${part}' is not in what was said: ${said}`);
}

/** Where no addon fits, it is said what is carried and how to build one; the guide's commands do. */
export function source(place, guide) {
  return withPackage(place, [], (room) => {
    const prebuilds = join(room.project, 'node_modules/striate/prebuilds');
    // By this file, musl is told from glibc.
    const alpine = join(room.root, 'etc/alpine-release');
    const refused = (platform) => {
      const remedy = 'With a C++20 compiler and CMake, `npx striate build` makes one.';
      const said = `no addon for ${platform}; this package carries: ${carried(prebuilds)}. ${remedy}`;
      expectRefusal(room, 'node', ['train.mjs'], said);
    };
    rmSync(join(prebuilds, 'linux-x64/striate.musl.node'), { force: true });
    writeFileSync(alpine, '3.22.0\n');
    refused('linux-x64-musl');
    rmSync(alpine);
    rmSync(join(prebuilds, 'linux-x64'), { recursive: true });
    refused('linux-x64-glibc');

    const missing = 'striate: build: wants CMake, a C++ compiler, make, which this machine does not have.';
    expectRefusal(room, 'npx', ['striate', 'build'], missing);
    for (const command of guide.commands('Where nothing fits')) {
      const program = ['sh', '-c', command];
      // Building has no network.
      if (command.startsWith('npx ')) program.unshift('unshare', '--net');
      const env = { DEBIAN_FRONTEND: 'noninteractive' };
      room.run(program[0], program.slice(1), { seconds: 1200, env });
    }
    if (existsSync(join(prebuilds, 'linux-x64'))) throw new Error('an addon came from elsewhere');
    return trained(room.run('node', ['train.mjs']));
  });
}
