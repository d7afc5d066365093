// A search that is killed at any moment and goes on in its folder ends in the same result as one that never was.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const child = fileURLToPath(new URL('children/searched.mjs', import.meta.url));
let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'striate-killed-'));
});
afterAll(() => rm(parent, { recursive: true }));

/** What a search in a folder prints last; '' where it was killed, `delay` ms after its first line. */
async function run(folder: string, delay = Infinity): Promise<string> {
  const running = spawn(process.execPath, [child, folder]);
  let [out, err] = ['', ''];
  running.stdout.on('data', (chunk: Buffer) => {
    if (out === '' && delay < Infinity) setTimeout(() => running.kill('SIGKILL'), delay);
    out += chunk.toString();
  });
  running.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    running.on('close', (...ended) => resolve(ended)),
  );
  expect(err).toBe('');
  if (signal !== 'SIGKILL') expect(code).toBe(0);
  const last = out.trimEnd().split('\n').at(-1)!;
  return last.startsWith('{') ? last : '';
}

test('to the same result, killed at 6 random moments', { timeout: 120_000 }, async () => {
  const whole = await mkdtemp(join(parent, 'whole-'));
  const began = performance.now();
  const reference = await run(whole);
  const longest = performance.now() - began;
  const left = async (folder: string) =>
    (await readdir(folder)).filter((name) => !name.endsWith('.tmp')).sort();
  const delays: number[] = [];
  for (let kills = 0, folder = ''; kills < 6;) {
    folder ||= await mkdtemp(join(parent, 'killed-'));
    const delay = Math.floor((Math.random() * longest) / 3);
    delays.push(delay);
    const result = await run(folder, delay);
    kills++;
    if (result === '' && kills < 6) continue;
    const told = `after ${delays.join(', ')} ms`;
    expect(result || (await run(folder)), told).toBe(reference);
    expect(await readFile(join(folder, 'search.json'), 'utf8'), told).toBe(
      await readFile(join(whole, 'search.json'), 'utf8'),
    );
    expect(await left(folder), told).toEqual(await left(whole));
    folder = '';
  }
});
