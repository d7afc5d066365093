// The interpreter of the guide's Dockerfile, in an empty root; npm run check:package has it in a Debian.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../lib/native.js';

const folder = mkdtempSync(join(tmpdir(), 'striate-image-'));
const [context, root] = [join(folder, 'context'), join(folder, 'root')];
beforeAll(() => {
  for (const name of ['source/inner', 'stray']) mkdirSync(join(context, name), { recursive: true });
  writeFileSync(join(context, '.dockerignore'), 'stray\n');
  for (const name of ['package.json', 'source/inner/a.js', 'stray/b.js'])
    writeFileSync(join(context, name), name);
  mkdirSync(root);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What is run where, in an image that is built and started; or what is wrong with the Dockerfile. */
function build(...lines: string[]): { ran: string[]; error: string } {
  const program = `
    import { buildImage } from ${JSON.stringify(pathToFileURL(join(packageRoot, 'tools/package/dockerfile.mjs')))};
    const [text, context, root] = process.argv.slice(1);
    const ran = [];
    const room = { root, run: (...command) => ran.push(command.slice(0, 2).flat().join(' ')) };
    let error = '';
    try {
      buildImage(text, context, (image) => (ran.push(image), room)).start();
    } catch ({ message }) {
      error = message;
    }
    console.log(JSON.stringify({ ran, error }));`;
  const args = ['--input-type=module', '--eval', program, lines.join('\n'), context, root];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { ran: string[]; error: string };
}

test('steps are done in order, in the folder to work in', () => {
  const steps = [
    'FROM node:1-slim',
    'WORKDIR /app',
    'COPY package.json ./',
    'COPY source there',
    'RUN a && b',
  ];
  const { ran, error } = build(...steps, 'CMD ["node", "x y.js"]');
  expect(error).toBe('');
  expect(ran).toEqual([
    'node:1-slim',
    '/bin/sh -c cd /app && a && b',
    '/bin/sh -c cd "$0" && exec "$@" /app node x y.js',
  ]);
  expect(readFileSync(join(root, 'app/package.json'), 'utf8')).toBe('package.json');
  expect(readFileSync(join(root, 'app/there/inner/a.js'), 'utf8')).toBe('source/inner/a.js');
});

test('all is copied but what is to be ignored', () => {
  const { error } = build('FROM node:1-slim', 'WORKDIR /all', 'COPY . .', 'CMD ["node"]');
  expect(error).toBe('');
  expect(existsSync(join(root, 'all/source/inner/a.js'))).toBe(true);
  expect(existsSync(join(root, 'all/stray'))).toBe(false);
});

test.each([
  [['FROM node:1-slim', 'EXPOSE 80'], "'EXPOSE 80' is not understood here"],
  [['FROM node:1-slim', 'RUN a \\', '  b', 'CMD []'], "'  b' is not understood here"],
  [['RUN a', 'CMD ["node"]'], "'RUN a': FROM comes first, and once"],
  [['FROM node:1-slim', 'FROM node:2-slim'], "'FROM node:2-slim': FROM comes first, and once"],
  [['FROM node:1-slim'], 'no CMD says what the image runs'],
])('%j is refused', (lines, error) => {
  expect(build(...lines).error).toBe(error);
});
