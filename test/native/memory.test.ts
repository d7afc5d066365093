import { constants, PerformanceObserver } from 'node:perf_hooks';
import { beforeEach, describe, expect, it } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { TensorDataset } from '../../lib/data/index.js';
import { crossEntropy } from '../../lib/loss/index.js';
import { native } from '../../lib/native.js';
import * as nn from '../../lib/nn/index.js';
import { add, full, matmul, mul, ones, randn, reshape, square, zeros } from '../../lib/ops/index.js';
import { Adam, SGD } from '../../lib/optim/index.js';
import { scope, synchronize, Tensor } from '../../lib/tensor.js';
import { Trainer } from '../../lib/train/index.js';
import { f32, i32, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { runChild } from './child.js';
import { slow } from '../slow.js';

const megabyte = 2 ** 20;

beforeEach(collectGarbage);

/** What is held when all commands have run. */
async function held() {
  await synchronize();
  const { liveTensors, liveBytes } = native.memory();
  return { liveTensors, liveBytes };
}

function megabytes(n: number): Tensor {
  return zeros([(n * megabyte) / 4]);
}

describe('memory()', () => {
  it('counts tensors and their bytes', async () => {
    const before = await held();
    const x = megabytes(1);
    const y = megabytes(2);
    expect(await held()).toEqual({
      liveTensors: before.liveTensors + 2,
      liveBytes: before.liveBytes + 3 * megabyte,
    });
    x.dispose();
    y.dispose();
    expect(await held()).toEqual(before);
  });

  it('counts nothing before a command has run', async () => {
    const before = await held();
    const square = ones([256, 256]);
    const results = Array.from({ length: 50 }, () => matmul(square, square));
    expect(native.memory().liveTensors).toBe(before.liveTensors + 51);
    // A quarter of a megabyte each.
    expect(native.memory().liveBytes - before.liveBytes).toBeLessThan(12 * megabyte);
    for (const tensor of [...results, square]) tensor.dispose();
    expect(await held()).toEqual(before);
  });

  it('is told to V8 once for all tensors over one storage, and not where there is none', async () => {
    // V8 collects garbage when it hears of much memory.
    let collections = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail } = entry as typeof entry & { detail: { kind: number } };
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections++;
      }
    });
    observer.observe({ entryTypes: ['gc'] });
    using x = megabytes(32);
    using huge = zeros([2 ** 42]);
    const views = Array.from({ length: 500 }, () => [x.detach(), huge.detach(), zeros([2 ** 42])]);
    for (const view of views.flat()) view.dispose();
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    expect(collections).toBeLessThan(8);
  });

  it('knows the peak, and starts it anew', async () => {
    const x = megabytes(40);
    await synchronize();
    x.dispose();
    await synchronize();
    const { peakBytes, liveBytes } = native.memory();
    expect(peakBytes - liveBytes).toBeGreaterThanOrEqual(40 * megabyte);
    native.resetPeak();
    expect(native.memory().peakBytes).toBe(native.memory().liveBytes);
  });
});

describe('the pool', () => {
  it('uses memory again', async () => {
    native.emptyPool();
    const x = megabytes(8);
    await synchronize();
    x.dispose();
    await synchronize();
    const kept = native.memory().pooledBytes;
    expect(kept).toBeGreaterThanOrEqual(8 * megabyte);
    const y = megabytes(8);
    await synchronize();
    expect(native.memory().pooledBytes).toBe(kept - 8 * megabyte);
    y.dispose();
    await synchronize();
    expect(native.memory().pooledBytes).toBe(kept);
  });

  it('gives memory back to the system when asked', async () => {
    await megabytes(8).data();
    native.emptyPool();
    expect(native.memory().pooledBytes).toBe(0);
    expect(await f32([1, 2], [2]).data()).toEqual(Float32Array.of(1, 2));
  });

  it('keeps no more than the peak', async () => {
    native.emptyPool();
    native.resetPeak();
    for (let size = 1; size < 40; size++) {
      megabytes(size * 4).dispose();
      await synchronize();
    }
    const { pooledBytes, peakBytes } = native.memory();
    expect(pooledBytes).toBeLessThanOrEqual(Math.max(64 * megabyte, peakBytes));
    native.emptyPool();
  });
});

describe('memory comes back', () => {
  it('by dispose(), once, and whatever waits in the queue is done first', async () => {
    const before = await held();
    const x = full([megabyte], 2);
    const y = square(x);
    x.dispose();
    x.dispose();
    const z = add(y, y);
    y.dispose();
    const data = z.data();
    z.dispose();
    expect((await data).every((value) => value === 8)).toBe(true);
    expect(await held()).toEqual(before);
  });

  it('at the end of a using block', async () => {
    const before = await held();
    {
      using x = megabytes(1);
      using y = square(x);
      expect(y.disposed).toBe(false);
    }
    expect(await held()).toEqual(before);
  });

  it('at the end of a scope', async () => {
    const before = await held();
    const result = scope(() => add(square(megabytes(1)), 1));
    expect(await held()).toEqual({
      liveTensors: before.liveTensors + 1,
      liveBytes: before.liveBytes + megabyte,
    });
    result.dispose();
    expect(await held()).toEqual(before);
  });

  it.each(['dropped', 'graph', 'kept', 'module', 'reads', 'pressure'])(
    'by garbage collection: %s',
    async (way) => {
      const ended = await runChild('memory.mjs', [way], { flags: ['--expose-gc'] });
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      const { before, after, peak } = JSON.parse(ended.stdout) as {
        before: object;
        after: object;
        peak: number;
      };
      expect(after).toEqual(before);
      if (way === 'pressure') expect(peak).toBeLessThan(400);
    },
  );
});

it('tensors over one storage hold it together', async () => {
  const before = await held();
  const x = megabytes(1);
  const views = [reshape(x, [2, megabyte / 8]), x.detach(), new Tensor(native.alias(x.handle), 'f32')];
  expect(await held()).toEqual({
    liveTensors: before.liveTensors + 4,
    liveBytes: before.liveBytes + megabyte,
  });
  x.assign(ones([megabyte / 4]));
  x.dispose();
  for (const view of views.splice(0, 2)) view.dispose();
  const [last] = views;
  expect((await last!.data()).every((value) => value === 1)).toBe(true);
  expect((await held()).liveBytes).toBeGreaterThanOrEqual(before.liveBytes + megabyte);
  last!.dispose();
});

describe('training leaves nothing behind a step', () => {
  const makeModel = () =>
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Dropout(0.1),
      new nn.Flatten(),
      new nn.Linear(64, 10),
    );
  const labels = Int32Array.from({ length: 8 }, (_, i) => i);
  const count = slow ? 100 : 2000;

  it(`written by hand: ${count} steps`, async () => {
    const model = makeModel();
    const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const step = () => {
      using x = randn([8, 8, 8, 1]);
      using y = i32(labels, [8]);
      optimizer.zeroGrad();
      using output = model.forward(x);
      using l = crossEntropy(output, y);
      l.backward();
      optimizer.step();
    };
    step();
    const before = await held();
    for (let i = 0; i < count; i++) step();
    expect(await held()).toEqual(before);
    optimizer.zeroGrad();
    optimizer.dispose();
    model.dispose();
  });

  it('by Trainer, in fit, evaluate and predict', async () => {
    const model = makeModel();
    const trainer = new Trainer(model, {
      optimizer: new Adam(model.parameters()),
      loss: crossEntropy,
      metrics: ['accuracy'],
    });
    const n = slow ? 64 : 1000;
    const dataset = new TensorDataset(
      noisy([n, 8, 8, 1]),
      i32(
        Array.from({ length: n }, (_, i) => i % 10),
        [n],
      ),
    );
    const fit = (epochs: number) =>
      trainer.fit(dataset, { epochs, batchSize: 8, validation: dataset, progress: false });
    await fit(1);
    const before = await held();
    await fit(slow ? 1 : 16);
    await trainer.evaluate(dataset);
    (await trainer.predict(dataset.x as Tensor, { batchSize: 100 })).dispose();
    expect(await held()).toEqual(before);
  });

  it('in a graph that is used twice, or by grad()', async () => {
    const x = noisy([16]);
    x.requiresGrad = true;
    const step = () => {
      using squares = mul(x, x);
      using y = squares.sum();
      y.backward(undefined, { retainGraph: true });
      y.backward();
      using roots = square(x);
      using z = roots.sum();
      for (const gradient of grad(z, [x, x])) gradient.dispose();
      x.grad!.dispose();
      x.grad = null;
    };
    step();
    const before = await held();
    for (let i = 0; i < 100; i++) step();
    expect(await held()).toEqual(before);
  });
});
