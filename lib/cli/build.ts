import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../packageRoot.js';

/** For platforms that no prebuilt addon is carried for; so it may not need one itself. */
export function buildCommand(): Command {
  return new Command('build')
    .description('Build the native side from source, where none is carried for this platform.')
    .addHelpText('after', '\nNeeds a C++20 compiler and CMake, and fetches cmake-js from the registry.')
    .action(build);
}

function build(): void {
  if (spawnSync('cmake', ['--version'], { stdio: 'ignore' }).status !== 0) {
    throw new Error(
      'build: CMake is missing. On Debian: apt-get install cmake g++; on Alpine: apk add cmake g++ make',
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'striate-build-'));
  try {
    const { devDependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const packages = ['cmake-js', 'node-addon-api'].map(
      (name) => `${name}@${devDependencies[name] ?? 'latest'}`,
    );
    run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder, ...packages],
      folder,
    );
    const modules = join(folder, 'node_modules');
    run(
      process.execPath,
      [
        join(modules, 'cmake-js/bin/cmake-js'),
        'build',
        `--directory=${packageRoot}`,
        `--out=${join(packageRoot, 'build')}`,
        '--parallel',
      ],
      folder,
      // CMake asks Node where the headers of node-addon-api are.
      { NODE_PATH: modules },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (!existsSync(join(packageRoot, 'build/Release/striate.node'))) throw new Error('build: made no addon');
  process.stdout.write('Built. `npx striate info` tells what it uses.\n');
}

function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): void {
  const { status, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    // npm is a script there.
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (status !== 0)
    throw new Error(`build: ${command} ${args[0] ?? ''} failed${error ? `: ${error.message}` : ''}`);
}
