// The table of docs/course.md names what there is, and the code of guides runs.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as striate from '../lib/index.js';
import { packageRoot } from '../lib/native.js';

const rows = readFileSync(join(packageRoot, 'docs', 'course.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\| (Topic|-)/.test(line))
  .map((line) => line.split('|').slice(1, -1));

/** `nn.Conv1d/2d` is two names. */
function namesIn(cell: string): string[] {
  return [
    ...cell.matchAll(
      /\b(?:nn|ops|loss|optim|init|io|visual|metrics|data|transfer|search)\.[\w.]+(?:\/\dd)?/g,
    ),
  ].flatMap(([name]) =>
    name.includes('/') ? [name.slice(0, -3), name.slice(0, -5) + name.slice(-2)] : [name],
  );
}

test('every row names its API, which exists', () => {
  expect(rows.length).toBeGreaterThan(60);
  for (const row of rows) {
    expect(row, row.join('|')).toHaveLength(4);
    for (const name of namesIn(row[1]!)) {
      const found = name.split('.').reduce<unknown>((space, member) => (space as never)[member], striate);
      expect(found, name).toBeDefined();
    }
  }
});

test('every row names its tests, which exist', () => {
  for (const row of rows) {
    const files = row[3]!.split(',').map((file) => file.trim());
    for (const file of files) {
      expect(existsSync(join(packageRoot, 'test', `${file}.test.ts`)), `${row[0]}: ${file}`).toBe(true);
    }
  }
});

/** What a program prints, and how it ends; it is given as text. */
function run(program: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-'], { cwd: packageRoot });
  const [out, err]: string[][] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out!.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => err!.push(chunk.toString()));
  child.stdin.end(program);
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ code, out: out!.join(''), err: err!.join('') })),
  );
}

/** The guide's code as one program, with what looks at the results at its end; what it prints. */
async function outputOf(guide: string, blocksAtLeast: number, check = ''): Promise<string> {
  const text = readFileSync(join(packageRoot, 'docs', `${guide}.md`), 'utf8');
  const blocks = Array.from(text.matchAll(/^```js\n([^]*?)^```$/gm), ([, code]) => code!);
  expect(blocks.length).toBeGreaterThanOrEqual(blocksAtLeast);
  const { code, out, err } = await run([...blocks, check].join('\n'));
  expect(err).toBe('');
  expect(code).toBe(0);
  return out;
}

test('the code of docs/transfer.md runs from top to bottom', async () => {
  expect(await outputOf('transfer', 4)).toContain("import { nn, optim } from 'striate';");
});

test('the code of docs/pretraining.md runs from top to bottom, and gives what it says', async () => {
  const shapes = '[code, back, drawn, dreams].map(({ shape }) => shape)';
  const check = `console.log(JSON.stringify([${shapes}, [...energies].every(Number.isFinite)]));`;
  const tensors = [[3, 8], [3, 64], [3, 64], [5, 64]]; // prettier-ignore
  expect(JSON.parse(await outputOf('pretraining', 6, check))).toEqual([tensors, true]);
});
