import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../packageRoot.js';

const headers = join(packageRoot, 'bundle/headers');
const windows = process.platform === 'win32';

/** For platforms that no prebuilt addon is carried for; so it may not need one itself. */
export function buildCommand(): Command {
  return new Command('build')
    .description('Build the native side from source, where none is carried for this platform.')
    .addHelpText('after', '\nNeeds a C++20 compiler, CMake 3.20 or newer and make or Ninja; no network.')
    .action(build);
}

function build(): void {
  checkTools();
  const folder = mkdtempSync(join(tmpdir(), 'striate-build-'));
  try {
    run('cmake', configuration(folder));
    // Without a number, make would start all compilations at once.
    run('cmake', ['--build', folder, '--config=Release', `--parallel=${availableParallelism()}`]);
    // Only now, so that a build that fails leaves what there was.
    const place = join(packageRoot, 'build/Release');
    rmSync(place, { recursive: true, force: true });
    cpSync(join(folder, 'Release'), place, { recursive: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  run(process.execPath, [join(packageRoot, 'bundle/main.js'), 'info']);
}

/** CMake's arguments: what cmake-js gives it in a checkout, from what the package carries. */
function configuration(folder: string): string[] {
  const nodeApi = join(headers, 'node-api-headers');
  const library = join(folder, 'node.lib');
  const variables = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(folder, 'Release'),
    // Compilers to come warn of what those of today do not.
    STRIATE_WARNINGS: 'OFF',
    NODE_ADDON_API_DIR: join(headers, 'node-addon-api'),
    CMAKE_JS_INC: join(nodeApi, 'include'),
    ...(windows && {
      CMAKE_JS_NODELIB_DEF: join(nodeApi, 'def/node_api.def'),
      CMAKE_JS_NODELIB_TARGET: library,
      CMAKE_JS_LIB: library,
      CMAKE_MSVC_RUNTIME_LIBRARY: 'MultiThreaded',
    }),
  };
  const definitions = Object.entries(variables).map(([name, value]) => `-D${name}=${slashed(value)}`);
  const generator = !windows && !works('make') && works('ninja') ? ['-G', 'Ninja'] : [];
  return ['-S', packageRoot, '-B', folder, ...generator, ...definitions];
}

/** CMake reads a backslash as the beginning of an escape. */
function slashed(path: string): string {
  return windows ? path.replaceAll('\\', '/') : path;
}

/** @throws what is missing, all at once, and how to get it */
function checkTools(): void {
  const missing: string[] = [];
  if (!works('cmake')) missing.push('CMake');
  // On Windows they are not on the path: CMake itself looks for Visual Studio.
  if (!windows) {
    const compilers = [process.env['CXX']?.split(' ')[0], 'c++', 'g++', 'clang++'];
    if (!compilers.some((name) => name && works(name))) missing.push('a C++ compiler');
    if (!works('make') && !works('ninja')) missing.push('make');
  }
  if (missing.length === 0) return;
  throw new Error(
    `build: wants ${missing.join(', ')}, which this machine does not have. ` +
      'On Debian: apt-get install cmake g++ make; on Alpine: apk add cmake g++ make; ' +
      'on macOS: xcode-select --install && brew install cmake libomp',
  );
}

function works(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function run(command: string, args: string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  const reason = error ? `: ${error.message}` : '; its output is above';
  throw new Error(`build: ${command} ${args[0] ?? ''} failed${reason}`);
}
