// What has to hold of a prebuilt addon and of the OpenMP runtime beside it, as binutils tells it without running them.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const machines = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };
const runtime = 'libgomp.so.1';
/** What a C library brings; libstdc++ and libgcc are inside. */
const librariesOf = {
  glibc: /^(lib(c\.so\.6|m\.so\.6|dl\.so\.2|pthread\.so\.0)|ld-linux-(x86-64\.so\.2|aarch64\.so\.1))$/,
  musl: /^libc\.musl-(x86_64|aarch64)\.so\.1$/,
};
const expectedExports = new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);

export const limits = { glibc: '2.31', megabytes: 12 };

function readelf(option, file) {
  const { status, stdout, stderr, error } = spawnSync('readelf', ['--wide', option, file], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error) throw error;
  // It complains of what is no such file, and says that it succeeded.
  if (status !== 0 || /Not an ELF file|Error:/.test(stderr)) throw new Error(`${file} is not an ELF file`);
  return stdout;
}

const compareVersions = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** What the dynamic loader sees: machine, libraries, run path, flags, names given and names wanted with their versions. */
export function inspect(file) {
  const header = readelf('--file-header', file);
  const dynamic = readelf('--dynamic', file);
  const entries = (kind) =>
    [...dynamic.matchAll(new RegExp(`\\(${kind}\\).*?\\[(.*?)\\]`, 'g'))].map(([, value]) => value);
  const symbols = readelf('--dyn-syms', file)
    .split('\n')
    .map((line) => /^\s*\d+:\s+\S+\s+\S+\s+\S+\s+(\S+)\s+\S+\s+(\S+)\s+([^@\s]+)(?:@+(\S+))?/.exec(line))
    .filter((match) => match !== null)
    .map(([, binding, section, name, version]) => ({ binding, section, name, version }));
  const wanted = symbols.filter(({ section }) => section === 'UND');
  return {
    machine: /Machine:\s+(.*)/.exec(header)?.[1].trim(),
    libraries: entries('NEEDED'),
    runPath: [...entries('RUNPATH'), ...entries('RPATH')].join(':'),
    stays: /\(FLAGS_1\).*NODELETE/.test(dynamic),
    stripped: !/\.symtab|\.debug_/.test(readelf('--section-headers', file)),
    exports: symbols
      .filter(({ section, binding }) => section !== 'UND' && binding !== 'LOCAL')
      .map(({ name }) => name),
    versions: wanted.flatMap(({ name, version }) => (version ? [{ name, version }] : [])),
  };
}

/** The newest glibc that a file asks for. */
export function glibcOf({ versions }) {
  return versions
    .flatMap(({ version }) => /^GLIBC_([\d.]+)$/.exec(version)?.[1] ?? [])
    .sort(compareVersions)
    .at(-1);
}

function* problemsOfBoth(found, arch, libc) {
  if (found.machine !== machines[arch]) yield `is for ${found.machine}, wants ${machines[arch]}`;
  for (const { name, version } of found.versions) {
    const [, library, number] = /^([A-Z]+)_([\d.]+)$/.exec(version) ?? [];
    if (library === 'GLIBC' && compareVersions(number, limits.glibc) > 0)
      yield `${name} wants glibc ${number}, at most ${limits.glibc} is allowed`;
    if (['GLIBCXX', 'CXXABI', 'GCC'].includes(library))
      yield `${name} wants ${version}, but the C++ runtime is to be inside`;
  }
  for (const library of found.libraries)
    if (library !== runtime && !librariesOf[libc].test(library)) yield `needs ${library}`;
  if (!found.stripped) yield 'is not stripped';
}

/**
 * What is wrong with a prebuilt addon for Linux on `arch`, a line each; nothing where it is good. Its name tells the C library,
 * as in striate.glibc.node, and in a folder of that name is the OpenMP runtime.
 */
export function problemsOf(file, arch) {
  if (!existsSync(file)) return ['is missing'];
  const libc = /\.(glibc|musl)\.node$/.exec(file)?.[1];
  if (libc === undefined) return ['is not named after a C library'];
  const problems = [];
  try {
    const found = inspect(file);
    problems.push(...problemsOfBoth(found, arch, libc));
    if (!found.libraries.includes(runtime)) problems.push(`does not need ${runtime}`);
    const runPath = `$ORIGIN/${libc}`;
    if (found.runPath !== runPath)
      problems.push(`looks for libraries in '${found.runPath}', wants ${runPath}`);
    if (!found.stays) problems.push('can be unloaded while its thread runs: nodelete is missing');
    for (const name of found.exports) if (!expectedExports.has(name)) problems.push(`exports ${name}`);
    for (const name of expectedExports)
      if (!found.exports.includes(name)) problems.push(`does not export ${name}`);
  } catch (error) {
    problems.push(error.message);
  }
  const megabytes = statSync(file).size / 2 ** 20;
  if (megabytes > limits.megabytes)
    problems.push(`has ${megabytes.toFixed(1)} MiB, at most ${limits.megabytes} are allowed`);
  const beside = join(dirname(file), libc, runtime);
  if (!existsSync(beside)) return [...problems, `has no ${libc}/${runtime} beside it`];
  try {
    for (const problem of problemsOfBoth(inspect(beside), arch, libc)) problems.push(`${runtime} ${problem}`);
  } catch (error) {
    problems.push(error.message);
  }
  return problems;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, arch] = process.argv.slice(2);
  if (!(arch in machines)) throw new Error('wants an addon and what it is for, x64 or arm64');
  const problems = problemsOf(file, arch);
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
