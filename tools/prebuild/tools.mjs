import { spawnSync } from 'node:child_process';
import process from 'node:process';

const quiet = { stdio: ['ignore', 'ignore', 'inherit'] };

/** Has programs on the path: `wanted` gives the Debian package of each, which is installed where that is allowed. */
export function haveTools(wanted) {
  const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
  const missing = Object.entries(wanted)
    .filter(([command]) => !works(command))
    .map(([, name]) => name);
  if (missing.length === 0) return;
  const install = ['apt-get', '-qq', 'install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid() !== 0) throw new Error(`as root: ${install.join(' ')}`);
  for (const [command, ...args] of [['apt-get', '-qq', 'update'], install]) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { status, error } = spawnSync(command, args, { ...quiet, env });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`, { cause: error });
  }
}
