// The threads that share out an operation's work: they come, sleep and go while commands run.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { native } from '../../lib/native.js';
import { localResponseNorm, matmul, mean, relu, square, sum } from '../../lib/ops/index.js';
import { scope, synchronize, type Tensor } from '../../lib/tensor.js';
import { f32, noise } from '../check.js';
import { slow } from '../slow.js';

const before = native.cpuInfo().threads;
afterEach(() => native.setThreads(before));

const x = f32(noise(300 * 401), [300, 401]);
const w = f32(noise(401 * 57, 2), [401, 57]);

/** Operations cut into many pieces and into few, which the result shows if one is left out or done twice. */
function work(): Tensor {
  return scope(() => sum(square(relu(matmul(square(x), w)))));
}

it('changes its size between commands that are queued already', async () => {
  native.setThreads(1);
  const expected = await work().item();
  const results: Promise<number>[] = [];
  for (let i = 0; i < (slow ? 60 : 400); i++) {
    native.setThreads([1, 2, 3, 2, 7, 1, 64][i % 7]!);
    results.push(work().item());
  }
  expect(new Set(await Promise.all(results))).toEqual(new Set([expected]));
});

it.each([2, 5])('of %i works on, whether its threads sleep or not', async (threads) => {
  native.setThreads(1);
  const expected = await work().item();
  native.setThreads(threads);
  for (let i = 0; i < 60; i++) {
    // From no time for anyone to sleep, to much.
    if (i % 3 > 0) await delay(i % 3);
    expect(await work().item()).toBe(expected);
  }
});

it('does every piece of thousands of small operations once', async () => {
  native.setThreads(3);
  const ones = f32(new Float32Array(3 * 32_768).fill(1), [3 * 32_768]);
  for (let round = 0; round < (slow ? 3 : 30); round++) {
    const last = scope(() => {
      let y = ones;
      for (let i = 0; i < 100; i++) y = relu(y);
      return mean(y);
    });
    expect(await last.item()).toBe(1);
    last.dispose();
  }
  await synchronize();
});

it('gives each thread scratch memory of its own', async () => {
  const rows = f32(noise(7000 * 19, 5), [7000, 19]);
  const run = async () => Buffer.from((await localResponseNorm(rows, 5, { alpha: 1 }).data()).buffer);
  native.setThreads(1);
  const expected = await run();
  for (const threads of [2, 4, 9]) {
    native.setThreads(threads);
    expect(expected.equals(await run())).toBe(true);
  }
});
