// Makes a checkout runnable: checks the tools, installs dependencies, builds what changed. With --packages it only installs
// dependencies, with --library it makes what of the package needs no compiler as well.
// Runs before there is a node_modules, so it uses nothing but Node.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const windows = process.platform === 'win32';
const inputs = [
  'native',
  'lib',
  'binding.d.ts',
  'tools/bundle.mjs',
  'CMakeLists.txt',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];
const stamp = join(root, 'build/ready');
const library = join(root, 'bundle/index.js');
const buildFailed = 'The build failed; its output is above.';

function fail(message) {
  console.error(message);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`striate needs Node.js 20.19 or newer; this is ${process.version}.`);
}

function checkCompiler() {
  const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  if (!works('cmake'))
    fail('striate is built from source here, which needs CMake. On Debian: apt-get install cmake');
  // On Windows the compiler is not on the path: CMake itself looks for Visual Studio.
  const compilers = [process.env.CXX?.split(' ')[0], 'c++', 'g++', 'clang++'].filter(Boolean);
  if (!windows && !compilers.some(works))
    fail('striate is built from source here, which needs a C++ compiler. On Debian: apt-get install g++');
}

// The lock file that npm leaves in node_modules lists what is installed there. Its contents are compared, as a
// checkout of another branch changes times without changing packages, or the other way round.
function installed() {
  const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  try {
    const wanted = read('package-lock.json');
    const present = read('node_modules/.package-lock.json');
    return (
      Object.entries(present).every(([path, { version }]) => wanted[path]?.version === version) &&
      Object.entries(wanted).every(
        ([path, p]) => path === '' || path in present || p.optional || p.devOptional,
      )
    );
  } catch {
    return false;
  }
}

function npm(args, failure) {
  // The npm that started this script may not be the one on the path, or there may be none on the path.
  const cli = process.env.npm_execpath;
  const self = cli !== undefined && basename(cli) === 'npm-cli.js';
  const result = spawnSync(self ? process.execPath : 'npm', self ? [cli, ...args] : args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    shell: windows && !self,
  });
  if (result.status === 0) return;
  fail(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n${failure}`);
}

// Folders count as well: removing a file changes nothing else.
function changedSince(path, time) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return false;
  if (stat.mtimeMs > time) return true;
  return stat.isDirectory() && readdirSync(path).some((name) => changedSince(join(path, name), time));
}

/** tsc trusts a file of its own over what is really there. */
function distrustTsc() {
  if (!existsSync(library)) rmSync(join(root, 'build/tsconfig.build.tsbuildinfo'), { force: true });
}

function build() {
  const addon = join(root, 'build/Release/striate.node');
  const complete = existsSync(library) && existsSync(addon);
  const last = statSync(stamp, { throwIfNoEntry: false });
  if (complete && last && !inputs.some((path) => changedSince(join(root, path), last.mtimeMs))) return;

  const firstTime = 'Building the native core and the library (the first time takes a few minutes) ...';
  console.error(complete ? 'Rebuilding what changed ...' : firstTime);
  distrustTsc();
  // cmake-js trusts a file of its own over what is really there.
  if (!['Makefile', 'build.ninja'].some((file) => existsSync(join(root, 'build', file))))
    rmSync(join(root, 'build/CMakeCache.txt'), { force: true });
  const start = new Date();
  npm(['run', 'build:all'], buildFailed);
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(stamp, '');
  utimesSync(stamp, start, start);
}

const wanted = process.argv[2];
checkNode();
if (wanted === undefined) checkCompiler();
if (!installed()) {
  console.error('Installing the development dependencies ...');
  // What builds runs afterwards, so that it happens in one place, whatever npm thinks of scripts.
  npm(
    ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'],
    '`npm ci` failed; its output is above.',
  );
}
switch (wanted) {
  case '--packages':
    break;
  case '--library':
    distrustTsc();
    npm(['run', 'build:ts'], buildFailed);
    break;
  default:
    build();
}
