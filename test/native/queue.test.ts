import { describe, expect, it } from 'vitest';
import { crossEntropy } from '../../lib/loss/index.js';
import { native } from '../../lib/native.js';
import { add, full, gather, matmul, ones, randn, slice, square, sum, zeros } from '../../lib/ops/index.js';
import { SGD } from '../../lib/optim/index.js';
import { profile } from '../../lib/profile.js';
import { express, StriateError, synchronize, type Tensor } from '../../lib/tensor.js';
import { f32, i32, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { slow } from '../slow.js';

/** Puts `count` products of matrices on the queue, each of the one before; returns the last, full of ones. */
function backlog(count = 200, side = slow ? 64 : 256): Tensor {
  const factor = full([side, side], 1 / side);
  let last = ones([side, side]);
  for (let i = 0; i < count; i++) {
    const next = matmul(last, factor);
    last.dispose();
    last = next;
  }
  return last;
}

/** The names of promises in the order in which they settle. */
async function orderOf(promises: Record<string, Promise<unknown>>): Promise<string[]> {
  const order: string[] = [];
  const all = Object.entries(promises).map(([name, promise]) => promise.finally(() => order.push(name)));
  await Promise.allSettled(all);
  return order;
}

/** A tensor whose producing command fails. */
function poisoned(): Tensor {
  return gather(f32([1, 2, 3], [3]), i32([0, 7], [2]));
}

const poison = 'gather: index 7 at place 1 is not in [0, 3)';

describe('commands', () => {
  it('run in order: each read sees what was asked for before it', async () => {
    const x = zeros([2]);
    const reads: Promise<Float32Array>[] = [];
    for (let i = 0; i < 500; i++) {
      x.assign(full([2], i));
      reads.push(x.data());
    }
    const seen = await Promise.all(reads);
    expect(seen.map(([value]) => value)).toEqual(seen.map((_, i) => i));
  });

  it('reads settle in order', async () => {
    const last = backlog(50);
    const x = zeros([1]);
    expect(await orderOf({ slow: last.data(), fast: x.data(), all: synchronize() })).toEqual([
      'slow',
      'fast',
      'all',
    ]);
  });

  it('synchronize waits for everything', async () => {
    backlog(100).dispose();
    expect(native.memory().queuedCommands).toBeGreaterThan(1);
    await synchronize();
    expect(native.memory().queuedCommands).toBeLessThanOrEqual(1);
  });

  it('are counted, the running one included', async () => {
    await synchronize();
    const before = native.memory().queuedCommands;
    const last = backlog(20);
    const { queuedCommands } = native.memory();
    expect(queuedCommands - before).toBeGreaterThan(0);
    // Those of before may run yet.
    expect(queuedCommands).toBeLessThanOrEqual(22 + before);
    await last.data();
  });
});

describe('the express lane', () => {
  it('overtakes', async () => {
    const a = f32([1, 2], [2]);
    await a.data();
    const long = backlog();
    const y = express(() => add(a, a));
    const [order, data] = await Promise.all([
      orderOf({ ordinary: long.data(), express: y.data() }),
      express(() => y.data()),
    ]);
    expect(order).toEqual(['express', 'ordinary']);
    expect([...data]).toEqual([2, 4]);
  });

  it('lets dataSync overtake', async () => {
    const a = f32([1, 2], [2]);
    await a.data();
    const long = backlog();
    const y = express(() => add(a, a));
    expect([...y.dataSync()]).toEqual([2, 4]);
    expect(native.memory().queuedCommands).toBeGreaterThan(1);
    await long.data();
  });

  it('waits for what the ordinary lane has yet to produce', async () => {
    const long = backlog(100);
    const y = express(() => square(add(long, long)));
    expect(await y.data()).toEqual(new Float32Array(y.size).fill(4));
  });

  it('gives way while it waits: later ordinary commands are not held up, nor are earlier ones', async () => {
    const long = backlog(100);
    const y = express(() => square(long));
    const z = express(() => add(y, y));
    const after = add(long, long);
    expect(await orderOf({ after: after.data(), z: z.data() })).toEqual(['z', 'after']);
  });

  it('does not let a read overtake an ordinary change of its tensor', async () => {
    const y = express(() => full([2], 1));
    const z = full([2], 5);
    const long = backlog(100);
    y.assign(z);
    expect([...(await y.data())]).toEqual([5, 5]);
    await long.data();
  });

  it('serves many of both lanes', async () => {
    const a = f32([1], [1]);
    let sum = a;
    for (let i = 0; i < 2000; i++) sum = i % 3 ? add(sum, a) : express(() => add(sum, a));
    expect(await sum.item()).toBe(2001);
  });
});

describe('a command of the express lane', () => {
  /** A product of matrices that takes a while, with `work` in the middle of it: what ran inside, and the product. */
  async function during(work: (factor: Tensor) => Promise<unknown>, wait = 2) {
    const side = slow || native.cpuInfo().isa === 'scalar' ? 700 : 2400;
    const factor = noisy([side, side]);
    await factor.data();
    let product: Tensor | undefined;
    const entries = await profile(async () => {
      product = matmul(factor, factor);
      await new Promise((resolve) => setTimeout(resolve, wait));
      await work(factor);
    });
    const long = entries.find(({ operation }) => operation === 'matmul')!;
    const others = entries.filter((entry) => entry !== long);
    return {
      inside: others.filter((e) => e.startNs > long.startNs && e.endNs < long.endNs).map((e) => e.operation),
      before: others.filter((e) => e.endNs <= long.startNs).length,
      y: await product!.data(),
    };
  }

  for (const threads of [1, 2]) {
    it(`overtakes in the middle of a long one, which gives the same, with ${threads} threads`, async () => {
      const team = native.cpuInfo().threads;
      native.setThreads(threads);
      try {
        const a = f32([1, 2], [2]);
        const { y: expected } = await during(() => a.data());
        const work = async () => {
          const b = express(() => sum(square(add(a, noisy([64, 2])))));
          expect(await b.item()).toBeGreaterThan(0);
        };
        let result = await during(work);
        // The compute thread may have been late: the other came first then.
        for (let wait = 4; result.before > 0 && wait < 100; wait *= 2) result = await during(work, wait);
        expect(result.inside).toEqual(['tensor', 'add', 'square', 'sum', 'data']);
        expect(Buffer.compare(Buffer.from(result.y.buffer), Buffer.from(expected.buffer))).toBe(0);
      } finally {
        native.setThreads(team);
      }
    });
  }

  it('waits for the end of one that uses the same', async () => {
    const { inside } = await during(async (factor) => {
      expect(await express(() => slice(factor, [0], [1])).data()).toHaveLength(factor.shape[1]!);
    });
    expect(inside).toEqual([]);
  });
});

describe('a full queue', () => {
  it('blocks a caller who never awaits, and goes on', () => {
    const one = f32([1], [1]);
    const large = randn([32, 32]);
    let sum = zeros([1]);
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      matmul(large, large).dispose();
      const next = add(sum, one);
      sum.dispose();
      sum = next;
      most = Math.max(most, native.memory().queuedCommands);
    }
    expect(most).toBeGreaterThan(1000);
    expect(most).toBeLessThanOrEqual(4097);
    expect(sum.itemSync()).toBe(10_000);
  });

  it('counts bytes of data that wait in it, too', async () => {
    const data = new Float32Array(4 << 20);
    // Fresh memory would take longer to fill than the backlog takes to run.
    const warm = Array.from({ length: 20 }, () => native.tensor(data, [data.length]));
    for (const handle of warm) native.dispose(handle);
    await synchronize();
    await collectGarbage();
    const before = native.memory().liveBytes;
    const long = backlog(300, slow ? 64 : 512);
    let most = 0;
    for (let i = 0; i < 64; i++) {
      native.dispose(native.tensor(data, [data.length]));
      most = Math.max(most, native.memory().liveBytes - before);
    }
    // 256 MiB wait, the next one waits outside; an eighth may be lost to the pool's rounding.
    if (!slow) expect(most).toBeGreaterThan(200 * 2 ** 20);
    expect(most).toBeLessThanOrEqual(((256 + 2 * 16) * 2 ** 20 * 9) / 8);
    await long.data();
  });
});

describe('a command that fails', () => {
  it('fails the reads of all that depends on it', async () => {
    const bad = poisoned();
    const dependent = add(square(bad), f32([1], [1]));
    const other = add(f32([1], [1]), f32([1], [1]));
    await expect(bad.data()).rejects.toThrow(new StriateError(poison));
    await expect(dependent.item()).rejects.toThrow();
    await expect(dependent.data()).rejects.toThrow(poison);
    expect(() => dependent.dataSync()).toThrow(new StriateError(poison));
    expect(await other.item()).toBe(2);
    await synchronize();
  });

  it('gives StriateError, with its name', async () => {
    const error: unknown = await poisoned()
      .data()
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StriateError);
    expect(String(error)).toBe(`StriateError: ${poison}`);
  });

  it('a label that is no class', async () => {
    const loss = crossEntropy(f32([1, 2, 3, 4], [2, 2]), i32([0, 2], [2]));
    await expect(loss.item()).rejects.toThrow('crossEntropy: labels[1] is 2, wants 0 to 1 for 2 classes');
  });

  it('memory that there is not', async () => {
    const huge = full([2 ** 42], 0);
    await expect(huge.data()).rejects.toThrow(/^full: out of memory: wanted \d+ bytes beside \d+ in use/);
    await expect(add(huge, huge).data()).rejects.toThrow(/^full: out of memory/);
    expect(() => huge.dataSync()).toThrow(/^full: out of memory/);
    expect(huge.shape).toEqual([2 ** 42]);
    expect(await add(f32([1], [1]), f32([1], [1])).item()).toBe(2);
  });

  it('gives back the memory that it had', async () => {
    await synchronize();
    const table = full([3, 2 ** 18], 1);
    const indices = i32([0, 7], [2]);
    await synchronize();
    await collectGarbage();
    const before = native.memory().liveBytes;
    const bad = gather(table, indices);
    await expect(bad.data()).rejects.toThrow('index 7');
    expect(native.memory().liveBytes - before).toBeLessThan(8192);
    expect(bad.disposed).toBe(false);
  });
});

describe('an update in place that fails', () => {
  function parametersAndPoison() {
    const p = f32([1, 2], [2]);
    p.requiresGrad = true;
    const q = f32([3, 4], [2]);
    q.requiresGrad = true;
    p.grad = f32([1, 1], [2]);
    q.grad = poisoned();
    const optimizer = new SGD([p, q], { lr: 1 });
    return { p, q, optimizer };
  }

  it('changes nothing, is told once, and is forgotten', async () => {
    const { p, q, optimizer } = parametersAndPoison();
    optimizer.step();
    await expect(p.data()).rejects.toThrow(new StriateError(poison));
    expect([...(await p.data())]).toEqual([1, 2]);
    expect([...(await q.data())]).toEqual([3, 4]);
    q.grad = f32([1, 2], [2]);
    optimizer.step();
    expect([...p.dataSync()]).toEqual([0, 1]);
    expect([...q.dataSync()]).toEqual([2, 2]);
  });

  it('is told by synchronize', async () => {
    parametersAndPoison().optimizer.step();
    await expect(synchronize()).rejects.toThrow(poison);
    await synchronize();
  });

  it('is told by dataSync', () => {
    const { p, optimizer } = parametersAndPoison();
    optimizer.step();
    expect(() => p.dataSync()).toThrow(poison);
    expect([...p.dataSync()]).toEqual([1, 2]);
  });

  it('is told once where the next read fails for the same reason', async () => {
    const { p, q, optimizer } = parametersAndPoison();
    optimizer.step();
    await expect(q.grad!.data()).rejects.toThrow(poison);
    expect([...(await p.data())]).toEqual([1, 2]);
  });

  it('is still told where the next read fails for another', async () => {
    const { p, optimizer } = parametersAndPoison();
    optimizer.step();
    await expect(gather(p, i32([9], [1])).data()).rejects.toThrow('index 9');
    await expect(p.data()).rejects.toThrow(poison);
    await p.data();
  });

  it('of several, the first is told', async () => {
    const target = zeros([2]);
    target.assign(poisoned());
    target.assign(gather(f32([1], [1]), i32([5, 6], [2])));
    await expect(synchronize()).rejects.toThrow(poison);
    await synchronize();
  });

  it('in the ordinary lane is not told to the express lane', async () => {
    const { optimizer } = parametersAndPoison();
    optimizer.step();
    while (native.memory().queuedCommands > 0) await new Promise((resolve) => setTimeout(resolve));
    const y = express(() => full([1], 2));
    expect(await y.item()).toBe(2);
    await expect(synchronize()).rejects.toThrow(poison);
  });
});
