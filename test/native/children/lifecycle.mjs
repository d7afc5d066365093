// One way for a process to end, or for Workers to come and go; see lifecycle.test.ts. Does not load the addon unless the
// way does.
import process from 'node:process';
import { Worker } from 'node:worker_threads';

const [way, ...args] = process.argv.slice(2);

function start(data) {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: data });
  const message = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const exit = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  return { worker, message, exit };
}

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks for so many products of matrices, more than the queue holds where count is above 4096. */
async function ask(count, side = 64) {
  const { matmul, randn } = await import('./operations.mjs');
  const a = randn([side, side]);
  let last;
  for (let i = 0; i < count; i++) {
    last?.dispose();
    last = matmul(a, a);
  }
  return last;
}

/** Asks for work that takes a minute, but is no more than the queue holds. */
async function askForAMinute() {
  const side = 512;
  await (await ask(2, side)).data();
  const start = performance.now();
  const { matmul, randn } = await import('./operations.mjs');
  await matmul(randn([side, side]), randn([side, side])).data();
  const each = performance.now() - start;
  // A larger side costs its cube.
  const larger = Math.ceil((side * Math.cbrt(Math.max(1, 60_000 / 3000 / each))) / 8) * 8;
  return ask(3000, larger);
}

const ways = {
  async terminate(kind, times) {
    const { digest } = await import('./training.mjs');
    const { memory } = await import('./operations.mjs');
    const before = await digest(3, 3);
    for (let i = 0; i < times; i++) {
      const { worker, message } = start({ way: kind });
      await message;
      await delay((i * 7) % 20);
      await worker.terminate();
      // What it has asked for is not worked off for nobody.
      const { queuedCommands } = memory();
      if (queuedCommands > 0) throw new Error(`${queuedCommands} commands are left of a Worker that has ended`);
    }
    const after = await digest(3, 3);
    console.log(before === after ? 'same' : 'different');
  },

  async workerExits() {
    console.log(await start({ way: 'exit' }).exit);
  },

  /** Two Workers profile their own sums while this thread profiles its products. */
  async profiles() {
    const { profile, matmul, ones } = await import('./operations.mjs');
    const workers = [3, 4].map((size) => start({ way: 'profiled', size, count: 2000 }));
    const x = ones([8, 8]);
    const entries = await profile(async () => {
      for (let i = 0; i < 500; i++) matmul(x, x).dispose();
      for (const { message } of workers) console.log(await message);
    });
    console.log([...new Set(entries.map(({ operation }) => operation)), entries.length].join());
  },
  async twoWorkers(count) {
    const steps = Number(count);
    const { digest } = await import('./training.mjs');
    const alone = [await digest(1, steps), await digest(2, steps)];
    const together = await Promise.all([1, 2].map((seed) => start({ way: 'digest', seed, steps }).message));
    console.log(alone[0] !== alone[1] && alone.join() === together.join() ? 'same' : 'different');
  },

  async reload(times) {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      const { message, exit } = start({ way: 'once' });
      sum += await message;
      await exit;
    }
    console.log(sum);
  },

  async exit() {
    await ask(6000);
    process.exit(7);
  },

  async exitBesideAWorker(kind) {
    const { message } = start({ way: kind });
    await message;
    await delay(100);
    process.exit(3);
  },

  async throws() {
    await ask(6000);
    setTimeout(() => {
      throw new Error('boom');
    });
  },

  async rejects() {
    const { full } = await import('./operations.mjs');
    await ask(1000);
    full([2 ** 42], 1).data();
  },

  async endsAfterReads() {
    const last = await ask(3000);
    for (let i = 0; i < 3; i++) last.data().then(() => console.log('read'));
  },

  async endsWithoutReads() {
    await askForAMinute();
    console.log('asked');
  },

  async readsAtExit(how) {
    const { full } = await import('./operations.mjs');
    const seven = full([2], 7);
    await ask(1000);
    process.on('exit', () => console.log(seven.dataSync().join()));
    if (how === 'process.exit') process.exit();
  },
};

await ways[way](...args);
