// `npm run check:package`: what `npm pack` makes, as its users get it. Each prebuilt addon has what it needs and no more; the
// tarball is small and complete; package managers install it with scripts off into clean rooms, where LeNet-5 trains.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { problemsOf } from './package/artifact.mjs';
import { debianRoot, fromRegistry, Room, run } from './package/rooms.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = join(root, 'build/package');
const trials = join(root, 'tools/package/trials');
const maxPacked = 12 * 1e6;
const maxUnpacked = 30 * 1e6;
const rows = [];
let failures = 0;

function check(what, trial) {
  const start = performance.now();
  let outcome;
  try {
    outcome = trial() ?? 'ok';
  } catch (error) {
    failures += 1;
    outcome = `FAILED: ${error.message}`;
  }
  rows.push({ what, outcome: String(outcome).split('\n')[0].slice(0, 80) });
  console.log(`${what}: ${outcome} (${((performance.now() - start) / 1000).toFixed(0)} s)`);
}

for (const platform of ['linux-x64', 'linux-arm64']) {
  check(`artifact ${platform}`, () => {
    const problems = problemsOf(
      join(root, 'prebuilds', platform, 'striate.glibc.node'),
      platform.split('-')[1],
    );
    if (problems.length > 0) throw new Error(problems.join('; '));
  });
}

rmSync(join(work, 'tarball'), { recursive: true, force: true });
mkdirSync(join(work, 'tarball'), { recursive: true });
let tarball;
check('tarball', () => {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', `--pack-destination=${join(work, 'tarball')}`], {
      cwd: root,
    }),
  );
  tarball = join(work, 'tarball', packed.filename);
  if (packed.size > maxPacked) throw new Error(`has ${packed.size} bytes, at most ${maxPacked} are allowed`);
  if (packed.unpackedSize > maxUnpacked)
    throw new Error(`has ${packed.unpackedSize} bytes unpacked, at most ${maxUnpacked} are allowed`);
  return `${(packed.size / 1e6).toFixed(1)} MB, unpacked ${(packed.unpackedSize / 1e6).toFixed(1)} MB`;
});
check('publint', () => void run('npx', ['publint', 'run', '--strict', tarball], { cwd: root }));
check('arethetypeswrong', () => void run('npx', ['attw', '--profile', 'esm-only', tarball], { cwd: root }));

const programs = join(work, 'programs');
const node = (version, arch = 'x64') => fromRegistry(programs, `node-linux-${arch}@${version}`);

const off = ['--ignore-scripts'];
const npm = ['bin/npm-cli.js', 'install', ...off, '--no-audit', '--no-fund'];
/** Ways to add a tarball with scripts off: a package of the registry, and what to run of it. */
const managers = {
  'npm 11': { from: 'npm@11', command: npm },
  'npm 12': { from: 'npm@12', command: npm },
  pnpm: { from: 'pnpm@10', command: ['bin/pnpm.cjs', 'add', ...off] },
  yarn: { from: '@yarnpkg/cli-dist@4', command: ['bin/yarn.js', 'add'] },
  bun: { from: '@oven/bun-linux-x64@1', command: ['bin/bun', 'add', ...off] },
};
/** Yarn has variables for what others have arguments for. */
const yarn = { YARN_ENABLE_SCRIPTS: '0', YARN_NODE_LINKER: 'node-modules', YARN_ENABLE_TELEMETRY: '0' };

/** What the last line of train.mjs says. */
function trained(output) {
  return JSON.parse(output.trim().split('\n').at(-1));
}

function room(release, version, manager) {
  const { from, command } = managers[manager];
  const clean = new Room(debianRoot(work, release), {
    node: node(version),
    manager: fromRegistry(programs, from),
  });
  writeFileSync(join(clean.project, 'package.json'), '{ "private": true }\n');
  cpSync(tarball, join(clean.project, 'striate.tgz'));
  cpSync(trials, clean.project, { recursive: true });
  const [script, ...args] = [`/opt/manager/${command[0]}`, ...command.slice(1), 'striate@file:./striate.tgz'];
  if (manager === 'bun') clean.run(script, args);
  else clean.run('node', [script, ...args], { env: yarn });
  const env = { PREBUILDS_ONLY: '1' };
  const { accuracy, isa } = trained(clean.run('node', ['train.mjs'], { env }));
  clean.run('node', ['required.cjs'], { env });
  clean.run('node', ['threads.mjs'], { env });
  const permission =
    Number(version) >= 22 ? ['--permission', '--allow-addons'] : ['--experimental-permission'];
  clean.run('node', [...permission, '--allow-fs-read=*', 'train.mjs'], { env });
  return `LeNet-5 ${accuracy} (${isa})`;
}

for (const release of [11, 12])
  for (const version of ['20', '22', '24', '26']) room(release, version, 'npm 11');
for (const manager of ['npm 12', 'pnpm', 'yarn']) room(12, '24', manager);

check('TypeScript', () => {
  const project = join(work, 'types');
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  cpSync(join(root, 'tools/package/types/typed.ts'), join(project, 'typed.ts'));
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball, 'typescript@5', '@types/node@20'],
    {
      cwd: project,
    },
  );
  const resolutions = { node16: 'Node16', bundler: 'ESNext' };
  for (const [moduleResolution, module] of Object.entries(resolutions)) {
    const options = {
      module,
      moduleResolution,
      target: 'ES2022',
      strict: true,
      noEmit: true,
      types: ['node'],
    };
    const compilerOptions = { ...options, lib: ['ES2023', 'ESNext.Disposable'], skipLibCheck: false };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
    run('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: project });
  }
  return Object.keys(resolutions).join(', ');
});

check('arm64 with Debian 11 libraries, under qemu', () => {
  const project = join(work, 'types');
  cpSync(trials, project, { recursive: true });
  const emulator = ['-L', join(root, 'build/sysroot/arm64'), join(node('24', 'arm64'), 'bin/node')];
  const env = { ...process.env, PREBUILDS_ONLY: '1', QEMU_CPU: 'cortex-a57' };
  const here = trained(run(process.execPath, ['train.mjs'], { cwd: project, env }));
  const there = trained(run('qemu-aarch64', [...emulator, 'train.mjs'], { cwd: project, env }));
  if (!(Math.abs(here.loss - there.loss) < 0.05 * here.loss))
    throw new Error(`LeNet-5 came to a loss of ${there.loss}, on x64 to ${here.loss}`);
  return `LeNet-5 ${there.accuracy} (${there.isa})`;
});

const width = Math.max(...rows.map(({ what }) => what.length));
console.log(`\n${rows.map(({ what, outcome }) => `${what.padEnd(width)}  ${outcome}`).join('\n')}`);
console.log(`\n${rows.length - failures} passed, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
