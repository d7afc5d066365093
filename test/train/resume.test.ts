// Training that is killed at any moment and goes on from its last checkpoint ends in the same bits as one that never was.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const child = fileURLToPath(new URL('children/resumed.mjs', import.meta.url));
let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'striate-resume-'));
});
afterAll(() => rm(parent, { recursive: true }));

interface Ended {
  killed: boolean;
  /** Batches that this process has trained on. */
  batches: number;
  result: string;
}

/** Trains in a folder; killed `delay` ms after the first batch, where it is given. */
async function train(folder: string, { delay = Infinity, checkpoints = 'checkpoints' } = {}): Promise<Ended> {
  const running = spawn(process.execPath, [child, folder, checkpoints]);
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
  const lines = out.trimEnd().split('\n');
  const done = lines.at(-1)?.startsWith('{') ?? false;
  return {
    killed: signal === 'SIGKILL',
    batches: lines.length - (done ? 1 : 0),
    result: done ? lines.at(-1)! : '',
  };
}

/** A log without what depends on the clock. */
async function log(folder: string): Promise<string[]> {
  const lines = (await readFile(join(folder, 'epochs.csv'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => line.split(',').slice(0, -2).join(','));
}

test('to the same bits, killed at 20 random moments', { timeout: 120_000 }, async () => {
  const whole = await mkdtemp(join(parent, 'whole-'));
  const bare = await mkdtemp(join(parent, 'bare-'));
  const reference = await train(whole);
  expect(reference.batches).toBe(156);
  // Checkpoints change nothing.
  expect((await train(bare, { checkpoints: 'none' })).result).toBe(reference.result);

  let folder = await mkdtemp(join(parent, 'killed-'));
  let [kills, finished, longest] = [0, 0, 300];
  const check = async (result: string, told: string) => {
    finished++;
    expect(result, told).toBe(reference.result);
    expect(await log(folder), told).toEqual(await log(whole));
    const files = (await readdir(folder)).sort();
    expect(files.filter((name) => !name.endsWith('.tmp'))).toEqual((await readdir(whole)).sort());
    folder = await mkdtemp(join(parent, 'killed-'));
  };
  const delays: number[] = [];
  while (kills < 20) {
    const delay = Math.floor(Math.random() * longest);
    delays.push(delay);
    const { killed, result } = await train(folder, { delay });
    if (killed) kills++;
    if (killed && result === '') continue;
    // It was done before it was to be killed.
    longest = Math.max(20, longest * 0.7);
    if (!killed) await check(result, `after ${delays.join(', ')} ms`);
  }
  const { result } = await train(folder);
  await check(result, `after ${delays.join(', ')} ms`);
  expect(finished).toBeGreaterThan(0);
});
