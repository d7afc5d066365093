// Ctrl-C while a network trains.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../lib/native.js';
import { lines, striate } from './striate.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-interrupt-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  child: ChildProcess;
  text: { out: string; err: string };
  /** Resolves when standard output, or error, has this in it. */
  until(stream: 'out' | 'err', wanted: RegExp): Promise<void>;
  ended: Promise<number | null>;
}

function start(args: string[], cwd: string): Run {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, ...args], { cwd });
  const text = { out: '', err: '' };
  const watchers = new Set<() => void>();
  const listen = (key: 'out' | 'err') => (chunk: Buffer) => {
    text[key] += chunk.toString();
    for (const watcher of watchers) watcher();
  };
  child.stdout.on('data', listen('out'));
  child.stderr.on('data', listen('err'));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const until = (key: 'out' | 'err', wanted: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!wanted.test(text[key])) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
      void ended.then((code) => reject(new Error(`ended with ${code}: ${text.out}${text.err}`)));
    });
  return { child, text, until, ended };
}

const training = ['train', '--epochs', '100000', '--batch-size', '64', '--seed', '2', '--json'];

describe('Ctrl-C', () => {
  test.each([
    ['where it has no place of its own', [], 'striate-checkpoint'],
    ['where checkpoints go anyway', ['--checkpoint', 'mine', '--set', 'checkpoint.everyEpochs=1000'], 'mine'],
  ])('ends the epoch and leaves a checkpoint, %s', async (_, options, place) => {
    const run = start([...training, ...options], folder);
    await run.until('out', /"epoch":1,/);
    run.child.kill('SIGINT');
    await run.until('err', /ends after this epoch, with a checkpoint/);
    expect(await run.ended, run.text.err).toBe(0);
    const rows = lines(run.text.out) as Record<string, unknown>[];
    const last = rows.at(-1)!;
    expect(last).toMatchObject({
      epochs: rows.length - 1,
      interrupted: join(place, 'last.safetensors'),
    });
    expect(last.testAccuracy).toBeGreaterThan(0.1);
    expect(await readdir(join(folder, place))).toContain('last.safetensors');

    const done = rows.length - 1;
    const more = ['--epochs', String(done + 1), '--json'];
    const resumed = await striate(['resume', join(folder, place), ...more]);
    expect(resumed.code, resumed.err).toBe(0);
    const after = lines(resumed.out) as Record<string, unknown>[];
    expect(after.map(({ epoch }) => epoch)).toEqual([done + 1, undefined]);
    const straight = await striate([...training, '--epochs', String(done + 1)]);
    expect(after.at(-1)).toMatchObject({
      testLoss: (lines(straight.out).at(-1) as Record<string, unknown>).testLoss,
    });
  });

  test('the second time ends at once', async () => {
    // An epoch of many seconds.
    const slow = ['--set', 'data.side=128', '--model', 'smallVgg', '--batch-size', '8', '--dashboard', '0'];
    const run = start([...training, ...slow], folder);
    await run.until('err', /see http:/);
    run.child.kill('SIGINT');
    await run.until('err', /ends after this epoch/);
    const from = performance.now();
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    expect(performance.now() - from).toBeLessThan(3000);
    expect(run.text.out).toBe('');
  });
});
