// Fails when code compiled for one instruction set defines a symbol that other code defines too. The linker keeps
// only one copy of, say, an inline function of the standard library: were it the AVX-512 copy, the addon would
// crash on a machine that lacks AVX-512.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const build = process.argv[2] ?? fileURLToPath(new URL('../build', import.meta.url));

function run(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    input,
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw error ?? new Error(`${command} failed: ${stderr}`);
  return stdout;
}

const folder = join(build, 'CMakeFiles');
const objects = existsSync(folder)
  ? readdirSync(folder, { recursive: true }).filter(
      (name) => name.endsWith('.o') && /^[^/]+\.dir\//.test(name),
    )
  : [];

// Scalar kernels are compiled like everything outside the kernels: for the oldest machine.
const codeFor = (object) => /^kernels_(?!scalar\.)(\w+)\.dir\//.exec(object)?.[1] ?? 'any machine';

const definitions = new Map();
for (const object of objects) {
  for (const line of run('nm', [
    '--defined-only',
    '--extern-only',
    '--format=posix',
    join(folder, object),
  ]).split('\n')) {
    const symbol = line.split(' ')[0];
    // The reference to the personality routine is data, the same in each copy.
    if (symbol === '' || symbol.startsWith('DW.ref.')) continue;
    if (!definitions.has(symbol)) definitions.set(symbol, new Set());
    definitions.get(symbol).add(codeFor(object));
  }
}

const kinds = new Set(objects.map(codeFor));
if (kinds.size < 2) {
  console.error(`No kernel objects of several instruction sets below ${build}: build first.`);
  process.exit(1);
}
const shared = [...definitions].filter(([, codes]) => codes.size > 1);
const names = run('c++filt', [], shared.map(([symbol]) => symbol).join('\n')).split('\n');
shared.forEach(([, codes], i) => console.error(`${names[i]}: defined for ${[...codes].join(', ')}`));
console.log(
  `${definitions.size} symbols in ${objects.length} objects for ${[...kinds].join(', ')}: ${shared.length} shared`,
);
process.exitCode = shared.length === 0 ? 0 : 1;
