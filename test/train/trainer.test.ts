import { describe, expect, test } from 'vitest';
import {
  data,
  loss,
  memory,
  models,
  nn,
  optim,
  randn,
  setSeed,
  setThreads,
  StriateError,
  synchronize,
  tensor,
  Trainer,
  cpuInfo,
  type Callback,
} from '../../lib/index.js';
import type { Progress } from '../../lib/train/progress.js';
import { noise } from '../check.js';

/** Two classes of noisy points on either side of a line. */
function points(n: number, seed: number): data.TensorDataset {
  const x = noise(n * 2, seed);
  const labels = Int32Array.from({ length: n }, (_, i) => (x[2 * i]! + x[2 * i + 1]! > 0 ? 1 : 0));
  return new data.TensorDataset(tensor(x, [n, 2]), tensor(labels));
}

function classifier(seed = 1): Trainer {
  setSeed(seed);
  const model = new nn.Sequential(
    new nn.Linear(2, 16),
    new nn.ReLU(),
    new nn.Dropout(0.1),
    new nn.Linear(16, 2),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
}

const quiet = { progress: false } as const;

describe('fit', () => {
  test('learns, and records each epoch', async () => {
    const trainer = classifier();
    const history = await trainer.fit(points(500, 1), {
      epochs: 8,
      batchSize: 33,
      validation: points(200, 2),
      ...quiet,
    });
    expect(history.epochs.map((e) => e.epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const [first, last] = [history.epochs[0]!, history.epochs[7]!];
    expect(last.loss).toBeLessThan(first.loss / 2);
    expect(last.validation!.metrics.accuracy).toBeGreaterThan(0.95);
    expect(last.samplesPerSecond).toBeGreaterThan(0);
    const measured = await trainer.evaluate(points(200, 2), { batchSize: 33 });
    const { loss, metrics } = last.validation!;
    expect(measured).toEqual({ loss, metrics, accuracy: metrics.accuracy, samples: 200 });
  });

  test('gives the mean loss and accuracy over samples, whatever the batches', async () => {
    const trainer = classifier();
    const set = points(101, 3);
    const whole = await trainer.evaluate(set, { batchSize: 101 });
    const parts = await trainer.evaluate(set, { batchSize: 7 });
    expect(parts.accuracy).toBe(whole.accuracy);
    expect(parts.loss).toBeCloseTo(whole.loss, 6);
  });

  test.each([false, true])(
    'same seed, same bits: with 1 and 2 threads, twice (LeNet-5: %s)',
    async (lenet) => {
      const before = cpuInfo().threads;
      const run = async (threads: number) => {
        setThreads(threads);
        setSeed(7);
        const model = lenet
          ? models.lenet5()
          : new nn.Sequential(
              new nn.Conv2d(1, 9, 3),
              new nn.BatchNorm2d(9),
              new nn.ReLU(),
              new nn.Dropout(0.3),
              new nn.Flatten(),
              new nn.Linear(676 * 9, 10),
            );
        const labels = Int32Array.from({ length: 60 }, (_, i) => i % 10);
        const set = new data.TensorDataset(randn([60, 28, 28, 1]), tensor(labels));
        const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
        await new Trainer(model, { optimizer, loss: loss.crossEntropy }).fit(set, {
          epochs: 2,
          batchSize: 17,
          ...quiet,
        });
        return Promise.all(model.parameters().map((p) => p.data()));
      };
      try {
        const one = await run(1);
        expect(await run(2)).toEqual(one);
        expect(await run(2)).toEqual(one);
      } finally {
        setThreads(before);
      }
    },
  );

  test('refuses a second fit while one runs, and takes one afterwards', async () => {
    const trainer = classifier();
    const running = trainer.fit(points(50, 1), { epochs: 2, ...quiet });
    await expect(trainer.fit(points(50, 1), quiet)).rejects.toThrow(StriateError);
    await expect(trainer.fit(points(50, 1), quiet)).rejects.toThrow(/another fit/);
    await running;
    await trainer.fit(points(50, 1), quiet);
  });

  test('ends when its signal is aborted, with the epochs so far', async () => {
    const trainer = classifier();
    const controller = new AbortController();
    const onEpochEnd: Callback['onEpochEnd'] = ({ epoch }) => {
      if (epoch === 2) controller.abort();
    };
    const fitting = trainer.fit(points(50, 1), {
      epochs: 9,
      signal: controller.signal,
      callbacks: [{ onEpochEnd }],
      ...quiet,
    });
    await expect(fitting).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(trainer.history.epochs).toHaveLength(2);
    await expect(trainer.fit(points(50, 1), { signal: AbortSignal.abort(), ...quiet })).rejects.toThrow();
    await trainer.fit(points(50, 1), quiet);
  });

  test('calls callbacks in order, with what happened', async () => {
    const calls: string[] = [];
    const trainer = classifier();
    const [train, validation] = [points(50, 1), points(20, 2)];
    const callback: Callback = {
      onTrainBegin(event) {
        expect(event).toEqual({ trainer, epochs: 2, batches: 3, train, validation, resumed: false });
        calls.push('begin');
      },
      onEpochBegin: ({ epoch }) => void calls.push(`epoch ${epoch}`),
      onBatchBegin: ({ epoch, batch, step }) => void calls.push(`to ${epoch}.${batch} ${step}`),
      onBatchEnd({ epoch, batch, step, samples, loss, metrics, running, learningRate }) {
        calls.push(`${epoch}.${batch} ${step} ${samples}`);
        expect(learningRate).toBe(0.02);
        expect(Object.keys(metrics)).toEqual(['accuracy']);
        if (batch === 1) expect(running).toEqual({ loss, metrics });
        else expect(running.loss).not.toBe(loss);
      },
      onEpochEnd: async ({ epoch, record }) => {
        await new Promise(setImmediate);
        expect(record).toBe(trainer.history.epochs[epoch - 1]);
        calls.push(`${epoch}`);
      },
      onTrainEnd: ({ history, reason }) => void calls.push(`${reason} ${history.epochs.length}`),
    };
    await trainer.fit(train, { epochs: 2, batchSize: 20, validation, callbacks: [callback], ...quiet });
    expect(calls.filter((call) => !call.startsWith('to'))).toEqual([
      ...['begin', 'epoch 1', '1.1 1 20', '1.2 2 20', '1.3 3 10', '1'],
      ...['epoch 2', '2.1 4 20', '2.2 5 20', '2.3 6 10', '2', 'finished 2'],
    ]);
    expect(calls.filter((call) => call.startsWith('to'))).toEqual(
      ['1.1 1', '1.2 2', '1.3 3', '2.1 4', '2.2 5', '2.3 6'].map((call) => `to ${call}`),
    );
  });

  test("a batch's loss and metrics, weighed by samples, make up the epoch's", async () => {
    const seen: { samples: number; loss: number; accuracy: number }[] = [];
    const { epochs } = await classifier().fit(points(50, 1), {
      batchSize: 20,
      callbacks: [
        {
          onBatchEnd: ({ samples, loss, metrics }) =>
            void seen.push({ samples, loss, accuracy: metrics.accuracy! }),
        },
      ],
      ...quiet,
    });
    const mean = (key: 'loss' | 'accuracy') =>
      seen.reduce((sum, batch) => sum + batch[key] * batch.samples, 0) / 50;
    expect(epochs[0]!.loss).toBeCloseTo(mean('loss'), 12);
    expect(epochs[0]!.metrics.accuracy).toBeCloseTo(mean('accuracy'), 12);
  });

  test('tells callbacks of the end also when training fails or is aborted, and throws what came first', async () => {
    const reasons: string[] = [];
    const callbacks: Callback[] = [
      {
        onTrainEnd({ reason }) {
          reasons.push(reason);
          throw new Error('the end');
        },
      },
      { onTrainEnd: ({ reason }) => void reasons.push(reason) },
    ];
    const failing: Callback = {
      onBatchBegin() {
        throw new Error('a callback');
      },
    };
    const fit = (more: Callback[], signal?: AbortSignal) =>
      classifier().fit(points(50, 1), {
        callbacks: [...callbacks, ...more],
        ...(signal && { signal }),
        ...quiet,
      });
    await expect(fit([failing])).rejects.toThrow('a callback');
    const controller = new AbortController();
    await expect(fit([{ onBatchEnd: () => controller.abort() }], controller.signal)).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    await expect(fit([])).rejects.toThrow('the end');
    expect(reasons).toEqual(['failed', 'failed', 'aborted', 'aborted', 'finished', 'finished']);
  });

  test('shows progress through a display, which is told of the end also when training fails', async () => {
    const calls: string[] = [];
    const display: Progress = {
      onTrainBegin: ({ epochs, batches }) => void calls.push(`begin ${epochs} ${batches}`),
      onBatchEnd: ({ batch }) => void calls.push(`batch ${batch}`),
      onEpochEnd: () => void calls.push('epoch'),
      onTrainEnd: () => void calls.push('end'),
    };
    await classifier().fit(points(50, 1), { batchSize: 25, progress: display });
    expect(calls).toEqual(['begin 1 2', 'batch 1', 'batch 2', 'epoch', 'end']);
    calls.length = 0;
    const wrong = new data.TensorDataset(randn([4, 2]), tensor(new Int32Array([0, 1, 2, 0])));
    await expect(classifier().fit(wrong, { batchSize: 2, progress: display })).rejects.toThrow(
      /crossEntropy/,
    );
    expect(calls.at(-1)).toBe('end');
  });

  test('leaves nothing behind a step', async () => {
    const trainer = classifier();
    const set = points(320, 1);
    await trainer.fit(set, { batchSize: 10, ...quiet });
    await synchronize();
    const before = memory();
    await trainer.fit(set, { epochs: 5, batchSize: 10, ...quiet });
    await synchronize();
    const after = memory();
    expect(after.liveTensors).toBe(before.liveTensors);
    expect(after.liveBytes).toBe(before.liveBytes);
  });

  test('refuses empty data and epochs that are none', async () => {
    const empty = new data.TensorDataset(tensor(new Float32Array(), [0, 2]), tensor(new Int32Array()));
    await expect(classifier().fit(empty, quiet)).rejects.toThrow(/fit: the dataset is empty/);
    await expect(classifier().evaluate(empty)).rejects.toThrow(/evaluate: the dataset is empty/);
    await expect(classifier().fit(points(5, 1), { epochs: 1.5, ...quiet })).rejects.toThrow(/epochs is 1.5/);
    await expect(classifier().fit(points(5, 1), { batchSize: 0, ...quiet })).rejects.toThrow(
      /batchSize is 0/,
    );
    expect(
      () =>
        new Trainer(classifier().model, {
          optimizer: classifier().optimizer,
          loss: loss.crossEntropy,
          metrics: ['f2' as never],
        }),
    ).toThrow(/metric 'f2' is none, wants 'accuracy', or a Metric/);
    const { model } = classifier();
    const optimizer = new optim.LBFGS(model.parameters()) as never;
    expect(() => new Trainer(model, { optimizer, loss: loss.crossEntropy })).toThrow(
      /Trainer: optimizer is an object, wants one that makes a step of one batch/,
    );
  });
});

describe('predict', () => {
  test('gives the output for every input, in eval mode, and returns to the mode before', async () => {
    const trainer = classifier();
    trainer.model.train();
    const x = randn([23, 2]);
    const parts = await trainer.predict(x, { batchSize: 5 });
    expect(parts.shape).toEqual([23, 2]);
    expect(parts.requiresGrad).toBe(false);
    const whole = trainer.model.eval().forward(x);
    expect(await parts.data()).toEqual(await whole.data());
  });

  test('works while fit runs', async () => {
    const trainer = classifier();
    const fitting = trainer.fit(points(200, 1), { epochs: 3, batchSize: 10, ...quiet });
    const y = await trainer.predict(randn([3, 2]));
    expect((await y.data()).every(Number.isFinite)).toBe(true);
    await fitting;
  });

  test('an empty input gives an empty output', async () => {
    const y = await classifier().predict(tensor(new Float32Array(), [0, 2]));
    expect(y.shape).toEqual([0, 2]);
  });
});
