// Formats the C++ sources, or with --check says which are not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

// Releases format differently, so everyone has to use the same one.
const major = 19;
const root = fileURLToPath(new URL('..', import.meta.url));

const formatter = [`clang-format-${major}`, 'clang-format'].find((name) =>
  spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout?.includes(`version ${major}.`),
);
if (!formatter) {
  console.error(`clang-format ${major} is missing. On Debian: apt-get install clang-format-${major}`);
  process.exit(1);
}

const files = readdirSync(join(root, 'native'), { recursive: true })
  .filter((name) => /\.(h|cc)$/.test(name))
  .map((name) => join('native', name));
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status } =
  files.length === 0
    ? { status: 0 }
    : spawnSync(formatter, [...mode, ...files], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
