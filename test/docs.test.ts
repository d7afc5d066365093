// The table of docs/course.md names what there is.
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
  return [...cell.matchAll(/\b(?:nn|ops|loss|optim|init|io|visual|metrics|data)\.[\w.]+(?:\/\dd)?/g)].flatMap(
    ([name]) => (name.includes('/') ? [name.slice(0, -3), name.slice(0, -5) + name.slice(-2)] : [name]),
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
