import { describe, expect, test } from 'vitest';
import { data, loss, memory, models, nn, optim, pretrain, setSeed, tensor } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { noise } from '../check.js';
import { collectGarbage } from '../garbage.js';

/** Rows of 12 numbers from 0 to 1 that follow from three. */
function rows(n = 70): data.TensorDataset {
  const hidden = noise(n * 3, 4);
  const x = Float32Array.from({ length: n * 12 }, (_, i) => {
    const [a, b, c] = hidden.subarray(Math.floor(i / 12) * 3);
    return 0.5 + 0.45 * Math.sin(3 * (a! + (i % 4) * b! + (i % 3) * c!));
  });
  return new data.TensorDataset(tensor(x, [n, 3, 4, 1]), tensor(new Int32Array(n)));
}

const kinds = {
  stack: () => new models.StackedAutoencoder([12, 8, 5, 3], { corruption: () => new nn.MaskingNoise(0.2) }),
  dbn: () => new models.DBN([12, 8, 5, 3], { chains: 6 }),
};

const options = { epochs: 12, batchSize: 16, seed: 5, progress: false };

describe.each(Object.entries(kinds))('%s', (_, make) => {
  async function trained(threads: number): Promise<Map<string, number[]>> {
    const before = native.cpuInfo().threads;
    native.setThreads(threads);
    try {
      setSeed(3);
      const stack = make();
      await pretrain.greedy(stack, rows(), options);
      return new Map(Array.from(stack.stateDict(), ([name, t]) => [name, [...t.dataSync()]]));
    } finally {
      native.setThreads(before);
    }
  }

  test('is pretrained to the same bits with 1 and 2 threads, and again', async () => {
    const one = await trained(1);
    expect(await trained(2)).toEqual(one);
    expect(await trained(2)).toEqual(one);
  });

  test('each layer learns, the second from what the first makes of the data', async () => {
    setSeed(3);
    const stack = make();
    const first = stack.layers[0]!;
    const before = await Promise.all(stack.parameters().map((p) => p.data()));
    const histories = await pretrain.greedy(stack, rows(), {
      ...options,
      // So that machines, whose biases are learnt first, get beyond these in few steps.
      optimizer: (layer) => new optim.Adam(layer.parameters(), { lr: 1e-2 }),
    });
    expect(histories.map(({ epochs }) => epochs.length)).toEqual([12, 12, 12]);
    for (const { epochs } of histories) expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss);
    for (const [i, p] of stack.parameters().entries()) expect(await p.data()).not.toEqual(before[i]);
    const codes = await pretrain.encode(first, rows());
    expect(codes.length).toBe(70);
    const [x, y] = codes.batch(Int32Array.of(69, 0));
    const [whole] = rows().batch(Int32Array.of(69, 0));
    expect(await x.data()).toEqual(await first.eval().encode(whole).data());
    expect(await y.data()).toEqual(await x.data());
  });

  test('leaves nothing behind, also when aborted', async () => {
    const stack = make();
    const train = rows();
    await collectGarbage();
    const before = memory().liveTensors;
    await pretrain.greedy(stack, train, { ...options, epochs: 1 });
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
    const abort = new AbortController();
    const told: number[] = [];
    const done = pretrain.greedy(stack, train, {
      ...options,
      signal: abort.signal,
      callbacks: (_layer, i) => [
        {
          onEpochEnd() {
            told.push(i);
            if (i === 1) abort.abort();
          },
        },
      ],
    });
    await expect(done).rejects.toThrow(/aborted/);
    expect(told).toEqual([...new Array<number>(12).fill(0), 1]);
    stack.zeroGrad();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  });
});

test('takes a list of layers, with optimizers and losses for each', async () => {
  setSeed(1);
  const layers = [new models.RBM(12, 6), models.autoencoder([6, 3], { tied: true })] as const;
  const asked: string[] = [];
  await pretrain.greedy(layers, rows(), {
    epochs: 1,
    progress: false,
    optimizer(layer, i) {
      asked.push(`${layer.constructor.name} ${i}`);
      return new optim.SGD(layer.parameters(), { lr: 0.01 });
    },
    loss: (layer) =>
      layer instanceof models.RBM
        ? pretrain.contrastiveDivergence(layer, { k: 2 })
        : loss.binaryCrossEntropyWithLogits,
  });
  expect(asked).toEqual(['RBM 0', 'Autoencoder 1']);
});

test('codes are of clean data, by layers in use', async () => {
  const layer = new models.Autoencoder(
    new nn.Sequential(new nn.Flatten(), new nn.Dropout(0.5)),
    new nn.Identity(),
    {
      corruption: new nn.MaskingNoise(0.9),
    },
  );
  const codes = await pretrain.encode(layer.train(), rows(), { batchSize: 32 });
  const all = Int32Array.from({ length: 70 }, (_, i) => i);
  expect(await codes.batch(all)[0].data()).toEqual(await rows().batch(all)[0].data());
  expect(layer.training).toBe(true);
});

test('refuses', async () => {
  const train = rows();
  for (const stack of [null, 3, {}, [], { layers: [] }]) {
    await expect(pretrain.greedy(stack as never, train)).rejects.toThrow(/^greedy: stack is/);
  }
  await expect(pretrain.greedy([new nn.Linear(1, 1)] as never, train)).rejects.toThrow(
    'greedy: layers[0] is an object, wants an Autoencoder or an RBM',
  );
  const stack = kinds.stack();
  await expect(pretrain.greedy(stack, train, { epochs: -1, progress: false })).rejects.toThrow(/fit: epochs/);
  await expect(pretrain.greedy(stack, new data.Subset(train, []), { progress: false })).rejects.toThrow(
    RangeError,
  );
  await expect(pretrain.encode(stack, new data.Subset(train, []))).rejects.toThrow(
    'encode: the data set has 0 samples, wants some',
  );
});
