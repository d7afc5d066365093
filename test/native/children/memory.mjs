// Garbage collection gives memory back; run with --expose-gc. See memory.test.ts.
import process from 'node:process';
import { grad, memory, nn, ones, randn, scope, synchronize } from '../../../dist/index.js';
import { add, mul } from '../../../dist/ops/index.js';

const megabyte = 2 ** 20;

/** Collects until nothing more comes back: finalizers run some time after a collection. */
async function collected() {
  await synchronize();
  for (let last = -1, same = 0; same < 3; ) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 30));
    same = memory().liveTensors === last ? same + 1 : 0;
    last = memory().liveTensors;
  }
  await synchronize();
  const { liveTensors, liveBytes } = memory();
  return { liveTensors, liveBytes };
}

const ways = {
  /** Tensors that nobody holds any more. */
  dropped() {
    for (let i = 0; i < 100; i++) ones([megabyte / 4]);
  },
  /** A graph that nobody goes back through. */
  graph() {
    const x = ones([megabyte / 4]);
    x.requiresGrad = true;
    let y = x;
    for (let i = 0; i < 100; i++) y = mul(y, x);
  },
  /** What was kept from a scope, and gradients. */
  kept() {
    const x = ones([megabyte / 4]);
    x.requiresGrad = true;
    scope(() => add(x, x).keep());
    mul(x, x).backward(ones([megabyte / 4]));
    grad(mul(x, x), [x], ones([megabyte / 4]));
  },
  /** A module: its parameters, and their gradients. */
  module() {
    const model = new nn.Linear(512, 512);
    model.forward(randn([4, 512])).sum().backward();
  },
  /** A batch of reads that nobody awaits. */
  reads() {
    for (let i = 0; i < 50; i++) ones([megabyte / 4]).data();
  },
  /** Tensors that die while V8 knows nothing but their bytes: it has to collect by itself. */
  async pressure() {
    for (let i = 0; i < 4000; i++) {
      ones([megabyte / 4]);
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
  },
};

const before = await collected();
await ways[process.argv[2]]();
const peak = memory().peakBytes / megabyte;
const after = await collected();
console.log(JSON.stringify({ before, after, peak }));
