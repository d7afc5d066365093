// How processes and Workers end while the compute thread works.
import { describe, expect, it } from 'vitest';
import { runChild, type ChildOptions } from './child.js';
import { slow } from '../slow.js';

async function lifecycle(way: string, args: readonly (string | number)[] = [], options: ChildOptions = {}) {
  return runChild('lifecycle.mjs', [way, ...args], options);
}

describe('a Worker that is terminated', () => {
  it.each(['training', 'profiling', 'ahead', 'blocked', 'reads', 'failures'])('while it is at "%s"', async (kind) => {
    const times = slow ? 3 : kind === 'training' ? 25 : 10;
    expect(await lifecycle('terminate', [kind, times])).toMatchObject({
      status: 0,
      stdout: 'same\n',
      stderr: '',
    });
  });
});

it('a Worker that ends itself with a full queue', async () => {
  expect(await lifecycle('workerExits')).toMatchObject({ status: 0, stdout: '5\n', stderr: '' });
});

it('two Workers train at once, and get the bits that each gets alone', async () => {
  expect(await lifecycle('twoWorkers', [slow ? 2 : 20])).toMatchObject({ status: 0, stdout: 'same\n' });
});

it('Workers load and unload the addon, one after the other', async () => {
  const times = slow ? 5 : 50;
  expect(await lifecycle('reload', [times])).toMatchObject({ status: 0, stdout: `${2 * times}\n` });
});

describe('a process with a full queue', () => {
  it('exits with its own code', async () => {
    expect(await lifecycle('exit')).toMatchObject({ status: 7, stderr: '' });
  });

  it('throws', async () => {
    const ended = await lifecycle('throws');
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('Error: boom');
  });

  it('leaves a rejection unhandled', async () => {
    const ended = await lifecycle('rejects');
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('StriateError: full: out of memory');
  });

  it.each(['training', 'ahead', 'blocked'])('exits beside a Worker at "%s"', async (kind) => {
    expect(await lifecycle('exitBesideAWorker', [kind])).toMatchObject({ status: 3, stderr: '' });
  });
});

describe('a process that comes to its end', () => {
  it('gets its reads first', async () => {
    const ended = await lifecycle('endsAfterReads');
    expect(ended).toMatchObject({ status: 0, stdout: 'read\n'.repeat(3), stderr: '' });
  });

  it('does not wait for what nobody reads', async () => {
    const ended = await lifecycle('endsWithoutReads', [], { seconds: slow ? 120 : 30 });
    expect(ended).toMatchObject({ status: 0, stdout: 'asked\n', stderr: '' });
  });

  it.each(['its end', 'process.exit'])('reads in an exit handler, after %s', async (how) => {
    expect(await lifecycle('readsAtExit', [how])).toMatchObject({ status: 0, stdout: '7,7\n', stderr: '' });
  });
});
