// What README and the guides name is there: functions, classes, tests, other guides.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as striate from '../lib/index.js';
import { packageRoot } from '../lib/native.js';
import { documents, guides, textOf } from './documents.js';

const rows = textOf('docs/course.md')
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\| (Topic|-)/.test(line))
  .map((line) => line.split('|').slice(1, -1));

const { Tensor, Trainer, nn } = striate;

/** What names in text begin with. */
const spaces: Record<string, object> = {
  ...striate,
  ...{ x: Tensor.prototype, a: Tensor.prototype, tensor: Tensor.prototype },
  ...{ Trainer: Trainer.prototype, trainer: Trainer.prototype, transforms: striate.data.transforms },
  layer: new nn.Conv2d(1, 1, 1),
  // One that was read from a file of ONNX has more.
  model: Object.assign(new nn.Conv2d(1, 1, 1), { inputs: [], outputs: [] }),
};

/** `nn.Conv1d/2d` is two names. */
function namesIn(text: string): string[] {
  return Array.from(text.matchAll(/`([^`\n]+)`/g))
    .flatMap(([, code]) =>
      Array.from(code!.matchAll(/(?<![\w.'/-])[a-zA-Z]+(?:\.[a-zA-Z]\w*)+(?:\/\dd)?/g)).flatMap(([name]) =>
        name.includes('/') ? [name.slice(0, -3), name.slice(0, -5) + name.slice(-2)] : [name],
      ),
    )
    .filter((name) => !/\.(mjs|md)$/.test(name));
}

test.each(documents)('%s names what exists', (document) => {
  const text = textOf(document).replace(/^```[^]*?^```$/gm, '');
  // The first column of these has what others call it.
  const ours = /pytorch|tensorflow/.test(document) ? text.replace(/^\|[^|]*/gm, '') : text;
  for (const name of namesIn(ours)) {
    const [head, ...members] = name.split('.');
    let space: unknown = Object.hasOwn(spaces, head!) ? spaces[head!] : null;
    for (const [i, member] of space === null ? [] : members.entries()) {
      expect(member in (space as object), name).toBe(true);
      if (i + 1 < members.length) space = (space as Record<string, unknown>)[member];
    }
  }
});

test('every row of the course names its API', () => {
  expect(rows.length).toBeGreaterThan(60);
  for (const row of rows) expect(row, row.join('|')).toHaveLength(4);
});

test('README and the site have all guides', () => {
  const site = JSON.parse(textOf('typedoc.json')) as { projectDocuments: string[] };
  const linked = Array.from(textOf('README.md').matchAll(/\]\((docs\/[\w-]+\.md)\)/g), ([, file]) => file!);
  const all = guides.map((name) => `docs/${name}`).sort();
  expect([...new Set(linked)].sort()).toEqual(all);
  expect(site.projectDocuments.sort()).toEqual(all);
});

test('every row of the course names its tests, which exist', () => {
  for (const row of rows) {
    const files = row[3]!.split(',').map((file) => file.trim());
    for (const file of files) {
      expect(existsSync(join(packageRoot, 'test', `${file}.test.ts`)), `${row[0]}: ${file}`).toBe(true);
    }
  }
});
