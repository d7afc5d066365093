// The guide whose code npm run check:package runs: what nobody took is told.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../lib/native.js';

const folder = mkdtempSync(join(tmpdir(), 'striate-guide-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'guide.md');
const block = (language: string, code: string) => `\`\`\`${language}\n${code}\n\`\`\`\n`;
writeFileSync(
  file,
  `# Guide\n\n## One\n\n${block('sh', 'a\nb')}\n## Two\n\n${block('text', 'c')}\n${block('text', 'd')}`,
);

/** What an expression with the guide comes to, or what it says. */
function outcome(expression: string): unknown {
  const module = pathToFileURL(join(packageRoot, 'tools/package/guide.mjs'));
  const program = `
    import { Guide } from ${JSON.stringify(module)};
    const guide = new Guide(${JSON.stringify(file)});
    try {
      console.log(JSON.stringify(${expression}));
    } catch ({ message }) {
      console.log(JSON.stringify(message));
    }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

test('commands are the lines of the one block below a heading', () => {
  expect(outcome("guide.commands('One')")).toEqual(['a', 'b']);
  expect(outcome("guide.commands('Two')")).toBe("the guide has 0 blocks of sh below 'Two', wants 1");
  expect(outcome("guide.take('Two', 'text')")).toBe("the guide has 2 blocks of text below 'Two', wants 1");
});

test('what was not taken is told', () => {
  expect(outcome("(guide.commands('One'), guide.allTaken())")).toBe('not run: Two: c; Two: d');
});
