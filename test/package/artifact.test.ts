// The gate that prebuilt addons go through, given wrong ones.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../lib/native.js';

const arch = process.arch;
const folder = mkdtempSync(join(tmpdir(), 'striate-artifact-'));
afterAll(() => rmSync(folder, { recursive: true }));

function compile(args: string[]): void {
  const { status, stderr } = spawnSync(process.env['CXX'] ?? 'g++', args, { cwd: folder, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
}

/** What is as it should be; each test changes one thing. */
const good = {
  source: 'extern "C" int omp_get_max_threads();\n',
  exported: ['napi_register_module_v1', 'node_api_module_get_api_version_v1'],
  flags: ['-Wl,-rpath,$ORIGIN/glibc', '-Wl,-z,nodelete', '-s', '-L.', '-Lglibc', '-l:libgomp.so.1'],
};

function addon(name: string, { source, exported, flags }: typeof good): string {
  const functions = exported.map((f) => `extern "C" int ${f}() { return omp_get_max_threads(); }`).join('\n');
  writeFileSync(join(folder, `${name}.cc`), `${source}\n${functions}\n`);
  compile([
    '-shared',
    '-fPIC',
    '-nostdlib',
    '-Wl,--no-as-needed',
    `${name}.cc`,
    ...flags,
    '-o',
    `${name}.glibc.node`,
  ]);
  return join(folder, `${name}.glibc.node`);
}

function gate(file: string, wanted = arch): string[] {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(packageRoot, 'tools/package/artifact.mjs'), file, wanted],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('an addon', () => {
  beforeAll(() => {
    mkdirSync(join(folder, 'glibc'));
    writeFileSync(join(folder, 'gomp.cc'), 'extern "C" int omp_get_max_threads() { return 1; }\n');
    compile([
      '-shared',
      '-fPIC',
      '-nostdlib',
      '-s',
      '-Wl,-soname,libgomp.so.1',
      'gomp.cc',
      '-o',
      'glibc/libgomp.so.1',
    ]);
  });

  test('that is as it should be passes', () => {
    expect(gate(addon('good', good))).toEqual([]);
  });

  test('for another processor is refused, and its runtime', () => {
    const other = arch === 'x64' ? 'arm64' : 'x64';
    const problems = gate(addon('other', good), other);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^is for .*, wants /);
    expect(problems[1]).toMatch(/^libgomp\.so\.1 is for .*, wants /);
  });

  test.each([
    ['/usr/lib', ['-Wl,-rpath,/usr/lib']],
    ['', []],
    ['$ORIGIN', ['-Wl,-rpath,$ORIGIN']],
  ])("that looks for libraries in '%s' is refused", (path, flags) => {
    const problems = gate(addon('path', { ...good, flags: [...flags, ...good.flags.slice(1)] }));
    expect(problems).toEqual([`looks for libraries in '${path}', wants $ORIGIN/glibc`]);
  });

  test('that can be unloaded is refused', () => {
    const flags = good.flags.filter((flag) => !flag.includes('nodelete'));
    const problems = gate(addon('unloaded', { ...good, flags }));
    expect(problems).toEqual(['can be unloaded while its thread runs: nodelete is missing']);
  });

  test('that shows more or less than it should is refused', () => {
    const exported = ['napi_register_module_v1', 'striateAdd'];
    expect(gate(addon('exports', { ...good, exported }))).toEqual([
      'exports striateAdd',
      'does not export node_api_module_get_api_version_v1',
    ]);
  });

  test('with symbols for a debugger is refused', () => {
    const flags = good.flags.filter((flag) => flag !== '-s');
    expect(gate(addon('symbols', { ...good, flags }))).toEqual(['is not stripped']);
  });

  test('that wants a newer glibc, or a C++ runtime from outside, is refused', () => {
    writeFileSync(
      join(folder, 'newer.cc'),
      'extern "C" int fresh() { return 1; }\nextern "C" int thrown() { return 1; }\n',
    );
    writeFileSync(join(folder, 'newer.map'), 'GLIBC_2.99 { fresh; };\nGLIBCXX_3.4.99 { thrown; };\n');
    compile([
      '-shared',
      '-fPIC',
      '-nostdlib',
      '-Wl,-soname,libc.so.6',
      '-Wl,--version-script=newer.map',
      'newer.cc',
      '-o',
      'libnewer.so',
    ]);
    const source = `${good.source}extern "C" int fresh(), thrown();\nextern "C" __attribute__((visibility("hidden"))) int both() { return fresh() + thrown(); }\n`;
    const problems = gate(addon('newer', { ...good, source, flags: [...good.flags, '-lnewer'] }));
    expect(problems.sort()).toEqual([
      'fresh wants glibc 2.99, at most 2.31 is allowed',
      'thrown wants GLIBCXX_3.4.99, but the C++ runtime is to be inside',
    ]);
  });

  test('that needs another library is refused', () => {
    compile(['-shared', '-fPIC', '-nostdlib', '-Wl,-soname,libother.so.3', 'gomp.cc', '-o', 'libother.so']);
    const flags = [...good.flags, '-lother'];
    expect(gate(addon('needs', { ...good, flags }))).toEqual(['needs libother.so.3']);
  });

  test('without the OpenMP runtime beside it, or with no addon in the file, is refused', () => {
    const alone = mkdtempSync(join(folder, 'alone-'));
    copyFileSync(addon('alone', good), join(alone, 'alone.glibc.node'));
    expect(gate(join(alone, 'alone.glibc.node'))).toEqual(['has no glibc/libgomp.so.1 beside it']);
    writeFileSync(join(folder, 'text.glibc.node'), 'not an addon');
    expect(gate(join(folder, 'text.glibc.node'))).toEqual([expect.stringContaining('is not an ELF file')]);
    expect(gate(join(folder, 'absent.glibc.node'))).toEqual(['is missing']);
  });

  test('for one C library under the name of the other, or of none, is refused', () => {
    const flags = ['-Wl,-soname,libc.so.6', '-nostdlib', '-shared', '-fPIC', 'gomp.cc', '-o', 'libplain.so'];
    compile(flags);
    const file = addon('named', { ...good, flags: [...good.flags, '-lplain'] });
    expect(gate(file)).toEqual([]);
    const musl = join(folder, 'named.musl.node');
    copyFileSync(file, musl);
    expect(gate(musl)).toEqual([
      'needs libc.so.6',
      "looks for libraries in '$ORIGIN/glibc', wants $ORIGIN/musl",
      'has no musl/libgomp.so.1 beside it',
    ]);
    const nameless = join(folder, 'named.node');
    copyFileSync(file, nameless);
    expect(gate(nameless)).toEqual(['is not named after a C library']);
  });

  test('whose OpenMP runtime needs another library is refused', () => {
    const here = mkdtempSync(join(folder, 'needy-'));
    compile(['-shared', '-fPIC', '-nostdlib', '-Wl,-soname,libfar.so.1', 'gomp.cc', '-o', 'libfar.so']);
    mkdirSync(join(here, 'glibc'));
    const runtime = join(here, 'glibc/libgomp.so.1');
    const flags = ['-Wl,--no-as-needed', '-Wl,-soname,libgomp.so.1', '-L.', '-lfar', '-s'];
    compile(['-shared', '-fPIC', '-nostdlib', 'gomp.cc', ...flags, '-o', runtime]);
    copyFileSync(addon('needy', good), join(here, 'needy.glibc.node'));
    expect(gate(join(here, 'needy.glibc.node'))).toEqual(['libgomp.so.1 needs libfar.so.1']);
  });

  test('that is too large is refused', () => {
    const source = `${good.source}__attribute__((used, visibility("hidden"))) char ballast[13 << 20] = {1};\n`;
    expect(gate(addon('large', { ...good, source }))).toEqual([
      expect.stringMatching(/^has 13\.\d MiB, at most 12/),
    ]);
  });
});
