// The code of docs/pretraining.md, as one program.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../lib/native.js';

test('the guide runs from top to bottom, and gives what it says', async () => {
  const text = readFileSync(join(packageRoot, 'docs', 'pretraining.md'), 'utf8');
  const blocks = Array.from(text.matchAll(/^```js\n([^]*?)^```$/gm), ([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(5);
  const shapes = '[code, back, drawn, dreams].map(({ shape }) => shape)';
  const check = `console.log(JSON.stringify([${shapes}, [...energies].every(Number.isFinite)]));`;
  const child = spawn(process.execPath, ['--input-type=module', '-'], { cwd: packageRoot });
  const [out, err]: string[][] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out!.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => err!.push(chunk.toString()));
  child.stdin.end([...blocks, check].join('\n'));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(err!.join('')).toBe('');
  expect(code).toBe(0);
  const tensors = [[3, 8], [3, 64], [3, 64], [5, 64]]; // prettier-ignore
  expect(JSON.parse(out!.join(''))).toEqual([tensors, true]);
});
