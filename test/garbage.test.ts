import {
  constants,
  PerformanceObserver,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
} from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { zeros } from '../lib/ops/index.js';
import { memory } from '../lib/system.js';
import { synchronize } from '../lib/tensor.js';
import { collectGarbage } from './garbage.js';

/** 64 MB: as much as V8 takes before it looks for garbage. */
const large = () => zeros([1 << 24]);

/** How often V8 searched its whole heap while something ran. */
async function searches(work: () => Promise<void>): Promise<number> {
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as PerformanceEntry & { detail: NodeGCPerformanceDetail }).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR || kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL)
        count++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  await work();
  await setTimeout(10);
  observer.disconnect();
  return count;
}

test('the heap is not searched for memory that comes and goes', async () => {
  const steps = async (count: number) => {
    for (let step = 0; step < count; step++) {
      const taken = Array.from({ length: 4 }, large);
      for (const x of taken) x.dispose();
      await synchronize();
    }
  };
  await collectGarbage();
  await steps(2);
  expect(await searches(() => steps(20))).toBeLessThan(5);
});

test('memory that the program loses comes back', async () => {
  await collectGarbage();
  const before = memory().liveBytes;
  let most = 0;
  for (let step = 0; step < 60; step++) {
    large();
    await synchronize();
    await setTimeout(1);
    most = Math.max(most, memory().liveBytes - before);
  }
  expect(most).toBeLessThan(30 * 4 * (1 << 24));
  await collectGarbage();
  expect(memory().liveBytes).toBe(before);
});
