// A Worker that works in the way its workerData name, for others to disturb.
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { add, express, ones, profile, synchronize } from './operations.mjs';
import { digest, steps } from './training.mjs';

const going = () => parentPort.postMessage('going');

const ways = {
  /** Trains, and reads every loss. */
  async training() {
    let step = 0;
    for (const { loss } of steps(1)) {
      await loss.data();
      if (++step === 2) going();
    }
  },
  /** Trains, and never reads: it runs into the full queue. */
  ahead() {
    going();
    const all = steps(1);
    while (!all.next().done);
  },
  /** Trains under a profile that never ends. */
  async profiling() {
    await profile(() => ways.training());
  },
  /** Profiles so many sums of its own, and tells what was on record. */
  async profiled() {
    const x = ones([workerData.size]);
    const entries = await profile(() => {
      for (let i = 0; i < workerData.count; i++) add(x, x).dispose();
    });
    parentPort.postMessage([...new Set(entries.map(({ detail }) => detail)), entries.length].join());
  },
  /** Blocks in a read, again and again. */
  blocked() {
    going();
    for (const { loss } of steps(1)) loss.dataSync();
  },
  /** Has thousands of reads on their way, in both lanes. */
  async reads() {
    const x = ones([1000]);
    going();
    for (;;) {
      const many = Array.from({ length: 500 }, (_, i) =>
        i % 2 ? add(x, x).data() : express(() => add(x, x).data()),
      );
      await Promise.race(many);
    }
  },
  /** Has thousands of reads on their way that fail. */
  async failures() {
    const x = ones([2 ** 42]);
    going();
    for (;;) {
      const many = Array.from({ length: 500 }, () => x.data());
      await Promise.any([...many, synchronize()]);
      await Promise.allSettled(many.slice(0, 10));
    }
  },
  /** Ends itself with a full queue and reads on their way. */
  async exit() {
    let reads = 0;
    for (const { loss } of steps(1)) {
      loss.data().catch(() => undefined);
      if (++reads === 100) process.exit(5);
    }
  },
  /** Does one small thing. */
  async once() {
    const [sum] = await add(ones([3]), ones([3])).data();
    parentPort.postMessage(sum);
  },
  async digest() {
    parentPort.postMessage(await digest(workerData.seed, workerData.steps));
  },
};

process.on('unhandledRejection', () => undefined);
await ways[workerData.way]();
