import { describe, expect, test } from 'vitest';
import {
  data,
  EarlyStopping,
  loss,
  memory,
  nn,
  optim,
  setSeed,
  StriateError,
  tensor,
  Trainer,
  type Callback,
  type EarlyStoppingOptions,
} from '../../lib/index.js';
import { noise } from '../check.js';
import { collectGarbage } from '../garbage.js';

function points(n: number, seed: number): data.TensorDataset {
  const x = noise(n * 2, seed);
  const labels = Int32Array.from({ length: n }, (_, i) => (x[2 * i]! + x[2 * i + 1]! > 0 ? 1 : 0));
  return new data.TensorDataset(tensor(x, [n, 2]), tensor(labels));
}

function classifier(): Trainer {
  setSeed(1);
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Linear(8, 2));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
}

const quiet = { progress: false } as const;

/** Trains with given values in place of what was measured; gives the epochs that ran, and the weights after each. */
async function run(values: number[], options: EarlyStoppingOptions) {
  const trainer = classifier();
  const stopping = new EarlyStopping(options);
  const weights: Float32Array[] = [];
  const measure: Callback = {
    async onEpochEnd({ record }) {
      const value = values[record.epoch - 1]!;
      const validation = { loss: value, metrics: { accuracy: value } };
      Object.assign(record, { validation, ...validation });
      weights.push(await trainer.model.parameters()[0]!.data());
    },
  };
  const history = await trainer.fit(points(40, 1), {
    epochs: values.length,
    batchSize: 10,
    callbacks: [measure, stopping],
    ...quiet,
  });
  return { epochs: history.epochs.length, stopping, weights, trainer };
}

describe('EarlyStopping', () => {
  test.each([
    [{}, [3, 2, 2.5, 1], 3, 2],
    [{ patience: 1 }, [3, 2, 2.5, 1], 3, 2],
    [{ patience: 2 }, [3, 2, 2.5, 1, 4, 4, 0], 6, 4],
    [{ patience: 3 }, [3, 2, 2.5, 1, 4, 4], 6, 4],
    [{ patience: 2, minDelta: 0.5 }, [3, 2.6, 2.55, 0], 3, 1],
    [{ patience: 1, mode: 'max' }, [1, 2, 3, 2, 9], 4, 3],
    [{ patience: 1, monitor: 'validationAccuracy' }, [0.1, 0.2, 0.3, 0.2, 0.9], 4, 3],
    [{ patience: 1, monitor: 'accuracy', minDelta: 0.2 }, [0.1, 0.2, 0.9], 2, 1],
    [{ patience: 1, monitor: 'loss' }, [1, NaN, 0.5], 2, 1],
    [{ patience: 2 }, [NaN, 3, 4, 5, 6], 4, 2],
  ] as [EarlyStoppingOptions, number[], number, number][])(
    '%j ends %j after epoch %i, the best being %i',
    async (options, values, last, best) => {
      const { epochs, stopping } = await run(values, options);
      expect(epochs).toBe(last);
      expect(stopping.bestEpoch).toBe(best);
      expect(stopping.best).toBe(values[best - 1]);
      expect(stopping.stoppedEpoch).toBe(last < values.length ? last : stopping.stoppedEpoch);
    },
  );

  test('leaves training alone that improves', async () => {
    const { epochs, stopping } = await run([5, 4, 3, 2], { patience: 1 });
    expect(epochs).toBe(4);
    expect(stopping.stoppedEpoch).toBeNull();
  });

  test.each([
    [[5, 2, 3, 4, 1], 2],
    [[5, 2, 3], 2],
  ])('gives the model its best weights back: %j', async (values, best) => {
    const { stopping, weights, trainer } = await run(values, { patience: 2, restoreBestWeights: true });
    expect(stopping.bestEpoch).toBe(best);
    expect(weights[best]).not.toEqual(weights[best - 1]);
    expect(await trainer.model.parameters()[0]!.data()).toEqual(weights[best - 1]);
    const { weights: kept, trainer: other } = await run(values, { patience: 2 });
    expect(await other.model.parameters()[0]!.data()).toEqual(kept.at(-1));
  });

  test('can be used again, and holds no memory in between', async () => {
    const trainer = classifier();
    const stopping = new EarlyStopping({ monitor: 'loss', mode: 'max', restoreBestWeights: true });
    const fit = () =>
      trainer.fit(points(40, 1), { epochs: 9, batchSize: 10, callbacks: [stopping], ...quiet });
    await fit();
    await collectGarbage();
    const before = memory().liveTensors;
    const { epochs } = await fit();
    expect(epochs).toHaveLength(2);
    expect(stopping.stoppedEpoch).toBe(2);
    expect(memory().liveTensors - before).toBeLessThanOrEqual(2);
  });

  test('watches the validation loss of itself', async () => {
    const trainer = classifier();
    const stopping = new EarlyStopping({ patience: 2 });
    await trainer.fit(points(60, 1), {
      epochs: 4,
      validation: points(40, 2),
      callbacks: [stopping],
      ...quiet,
    });
    const losses = trainer.history.epochs.map(({ validation }) => validation!.loss);
    expect(stopping.best).toBe(Math.min(...losses));
  });

  test('tells of what epochs lack', async () => {
    const fitting = classifier().fit(points(20, 1), { callbacks: [new EarlyStopping()], ...quiet });
    await expect(fitting).rejects.toThrow(
      new StriateError(
        'EarlyStopping: epochs have no validationLoss, only loss, accuracy; give fit() validation data',
      ),
    );
  });

  test('refuses options that are none', () => {
    const wrong: [object, RegExp][] = [
      [{ monitor: 7 }, /^EarlyStopping: monitor is 7, wants the name/],
      [{ patience: -1 }, /^EarlyStopping: patience is -1/],
      [{ patience: 1.5 }, /patience is 1.5/],
      [{ minDelta: NaN }, /minDelta is NaN/],
      [{ minDelta: '1' }, /minDelta is '1'/],
      [{ mode: 'best' }, /mode is 'best'/],
      [{ restoreBestWeights: 1 }, /restoreBestWeights is 1/],
    ];
    for (const [options, message] of wrong) {
      expect(() => new EarlyStopping(options as EarlyStoppingOptions)).toThrow(message);
    }
  });
});

describe('stop', () => {
  test('ends fit() after the epoch that runs, and calls callbacks in order', async () => {
    const trainer = classifier();
    const calls: string[] = [];
    const callback: Callback = {
      onTrainBegin: (event) => void calls.push(event.trainer === trainer ? 'begin' : 'another'),
      onBatchEnd({ epoch, batch }) {
        if (epoch === 2 && batch === 1) trainer.stop();
      },
      onEpochEnd: ({ epoch }) => void calls.push(`${epoch}`),
      onTrainEnd: async ({ reason }) => void calls.push(reason),
    };
    const fit = () =>
      trainer.fit(points(40, 1), { epochs: 5, batchSize: 10, callbacks: [callback], ...quiet });
    expect((await fit()).epochs).toHaveLength(2);
    expect(calls).toEqual(['begin', '1', '2', 'stopped']);
    trainer.stop();
    expect((await fit()).epochs).toHaveLength(2);
  });
});
