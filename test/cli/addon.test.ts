// What is said where no addon fits.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../lib/native.js';

/** A package as it is installed, with prebuilt addons of which none can be loaded. */
const installed = mkdtempSync(join(tmpdir(), 'striate-installed-'));
afterAll(() => rmSync(installed, { recursive: true }));
for (const name of ['package.json', 'bundle']) {
  cpSync(join(packageRoot, name), join(installed, name), { recursive: true });
}
symlinkSync(join(packageRoot, 'node_modules'), join(installed, 'node_modules'), 'junction');
for (const [platform, file] of [
  ['linux-x64', 'striate.glibc.node'],
  ['linux-x64', 'striate.musl.node'],
  ['linux-arm64', 'striate.glibc.node'],
  ['darwin-arm64', 'striate.node'],
] as const) {
  mkdirSync(join(installed, 'prebuilds', platform), { recursive: true });
  writeFileSync(join(installed, 'prebuilds', platform, file), 'not an addon');
}

const remedy =
  'this package carries: darwin-arm64, linux-arm64-glibc, linux-x64-glibc, linux-x64-musl. ' +
  'With a C++20 compiler and CMake, `npx striate build` makes one.\n';

function run(args: string[], machine: Record<string, string>): { status: number | null; stderr: string } {
  const env = { ...process.env, PREBUILDS_ONLY: '1', ...machine };
  return spawnSync(process.execPath, [join(installed, 'bundle/main.js'), ...args], {
    encoding: 'utf8',
    env,
  });
}

test('an unknown platform is told what there is, and how to build', () => {
  const { status, stderr } = run(['info'], { npm_config_platform: 'freebsd', npm_config_arch: 'riscv64' });
  expect(status).toBe(1);
  expect(stderr).toBe(`striate: no addon for freebsd-riscv64; ${remedy}`);
});

test('an addon that cannot be loaded is told with the reason, and how to build', () => {
  const { status, stderr } = run(['info'], { npm_config_platform: 'linux', npm_config_arch: 'arm64' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^striate: the addon cannot be loaded here: .*striate\.glibc\.node/);
  expect(stderr).toContain(`; ${remedy}`);
});

test('where Node may load none, building is no remedy', () => {
  const { status, stderr } = run(['info'], {
    npm_config_platform: 'linux',
    npm_config_arch: 'x64',
    NODE_OPTIONS: '--no-addons',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^striate: .*addons is disabled\.?\n$/);
});

test('build needs no addon to say what it wants', () => {
  const help = run(['build', '--help'], { npm_config_arch: 'riscv64' });
  expect(help.status).toBe(0);
  const { status, stderr } = run(['build'], { npm_config_arch: 'riscv64', PATH: '', CXX: 'none -O2' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^striate: build: wants CMake, .*which this machine does not have\./);
});

test('a build that fails leaves what there was, and nothing else', () => {
  const tools = join(installed, 'tools');
  const temporary = join(installed, 'temporary');
  const addon = join(installed, 'build/Release/striate.node');
  for (const folder of [tools, temporary, dirname(addon)]) mkdirSync(folder, { recursive: true });
  writeFileSync(addon, 'the old one');
  const program = (name: string, script: string) =>
    writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const build = () => run(['build'], { PATH: tools, CXX: '', TMPDIR: temporary });

  program('cmake', 'case "$1" in --build) exit 3;; esac');
  program('make', '');
  expect(build().stderr).toMatch(
    /^striate: build: wants a C\+\+ compiler, which this machine does not have\./,
  );
  program('clang++', '');
  const { status, stderr } = build();
  expect(status).toBe(1);
  expect(stderr).toBe('striate: build: cmake --build failed; its output is above\n');
  expect(readdirSync(temporary)).toEqual([]);
  expect(readFileSync(addon, 'utf8')).toBe('the old one');
});
