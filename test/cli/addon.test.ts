// What is said where no addon fits.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  expect(stderr).toMatch(/^striate: no addon for freebsd-riscv64/);
  for (const carried of ['linux-x64-glibc', 'linux-x64-musl', 'linux-arm64-glibc', 'darwin-arm64']) {
    expect(stderr).toContain(carried);
  }
  expect(stderr).toContain('`npx striate build`');
});

test('an addon that cannot be loaded is told with the reason, and how to build', () => {
  const { status, stderr } = run(['info'], { npm_config_platform: 'linux', npm_config_arch: 'arm64' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^striate: the addon cannot be loaded here: .*striate\.glibc\.node/);
  expect(stderr).toContain('`npx striate build`');
});

test('build needs no addon to say what it wants', () => {
  const help = run(['build', '--help'], { npm_config_arch: 'riscv64' });
  expect(help.status).toBe(0);
  const { status, stderr } = run(['build'], { npm_config_arch: 'riscv64', PATH: '' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^striate: build: CMake is missing/);
});
