import { describe, expect, test } from 'vitest';
import {
  data,
  EMA,
  loss,
  memory,
  nn,
  ops,
  optim,
  randn,
  setSeed,
  tensor,
  Trainer,
  type Callback,
  type FitOptions,
  type TrainerOptions,
} from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { expectClose, expectSameBits, f32, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';
import { points } from './points.js';

function classifier(
  options: (optimizer: optim.SGD) => Partial<TrainerOptions> = () => ({}),
  lr = 0.3,
): Trainer {
  setSeed(1);
  const model = new nn.Sequential(new nn.Linear(2, 7), new nn.Tanh(), new nn.Linear(7, 2));
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.5 });
  return new Trainer(model, { optimizer, loss: loss.crossEntropy, ...options(optimizer) });
}

const fit = (trainer: Trainer, options: FitOptions = {}, n = 48) =>
  trainer.fit(points(n), { shuffle: false, progress: false, ...options });
const weights = async ({ model }: Trainer) =>
  (await Promise.all(model.parameters().map((p) => p.data()))).flatMap((p) => [...p]);

/** The learning rates of an epoch's batches. */
async function rates(trainer: Trainer, options: FitOptions): Promise<number[]> {
  const lrs: number[] = [];
  await fit(trainer, {
    ...options,
    callbacks: [{ onBatchEnd: ({ learningRate }) => void lrs.push(learningRate) }],
  });
  return lrs;
}

describe('accumulate', () => {
  test.each([
    [48, 4],
    [48, 12],
    // Fewer batches, and a smaller one, at the end.
    [43, 4],
    [31, 5],
  ])('is as one large batch: %i samples, %i at a time', async (n, batchSize) => {
    const [small, large] = [classifier(() => ({ accumulate: 3 })), classifier()];
    await fit(small, { batchSize, epochs: 3 }, n);
    await fit(large, { batchSize: 3 * batchSize, epochs: 3 }, n);
    const wanted = await weights(large);
    await expectClose(f32(await weights(small), [wanted.length]), wanted, 2e-6);
    expect(small.optimizer.stateDict().steps).toEqual(large.optimizer.stateDict().steps);
    expect(small.history.epochs[2]!.loss).toBeGreaterThan(0);
  });

  test('calls onStep for steps alone', async () => {
    const steps: number[] = [];
    const callbacks: Callback[] = [{ onStep: ({ step }) => void steps.push(step) }];
    await fit(
      classifier(() => ({ accumulate: 3 })),
      { batchSize: 6, epochs: 2, callbacks },
    );
    expect(steps).toEqual([3, 6, 8, 11, 14, 16]);
  });
});

describe('clipping', () => {
  test("sets the optimizer's options", async () => {
    const clipped = classifier(() => ({ clipNorm: 1e-3, clipValue: 0.5 }));
    expect(clipped.optimizer.options).toMatchObject({ clipNorm: 1e-3, clipValue: 0.5 });
    const before = await weights(clipped);
    await fit(clipped, { batchSize: 48 });
    const after = await weights(clipped);
    const moved = Math.hypot(...after.map((w, i) => w - before[i]!));
    expect(moved).toBeCloseTo(0.3 * 1e-3, 7);
  });
});

describe('schedule', () => {
  const lr = (factor: number) => 0.3 * factor;

  test('goes on after each epoch, or as it says, or as it is told', async () => {
    const byEpoch = classifier((o) => ({ schedule: new optim.ExponentialLR(o, { gamma: 0.5 }) }));
    expect(await rates(byEpoch, { batchSize: 24, epochs: 3 })).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25].map(lr));
    const cycle = classifier((o) => ({ schedule: new optim.OneCycleLR(o, { maxLr: 1, totalSteps: 4 }) }));
    const shape = new optim.OneCycleLR(classifier().optimizer, { maxLr: 1, totalSteps: 4 });
    expect(await rates(cycle, { batchSize: 24, epochs: 2 })).toEqual(
      [0, 1, 2, 3].map((t) => shape.lrsAt(t)[0]),
    );
    const byStep = classifier((o) => ({
      accumulate: 2,
      schedule: { scheduler: new optim.ExponentialLR(o, { gamma: 0.5 }), interval: 'step' },
    }));
    expect(await rates(byStep, { batchSize: 12, epochs: 1 })).toEqual([1, 1, 0.5, 0.5].map(lr));
  });

  test('ReduceLROnPlateau is told what it watches', async () => {
    const options = { factor: 0.5, patience: 0 } as const;
    const watching = (monitor?: string) =>
      classifier((o) => ({
        metrics: ['accuracy'],
        schedule: { scheduler: new optim.ReduceLROnPlateau(o, options), monitor },
      }));
    const measure: Callback = { onValidationEnd: () => undefined };
    // The loss falls, so only accuracy that is taken for a loss does not.
    expect(await rates(watching(), { batchSize: 48, epochs: 3, callbacks: [measure] })).toEqual(
      [1, 1, 1].map(lr),
    );
    const risen = await rates(watching('accuracy'), { batchSize: 48, epochs: 4 });
    expect(risen[3]).toBeLessThan(0.3);
    await expect(fit(watching('validationLoss'))).rejects.toThrow(
      /ReduceLROnPlateau: epochs have no validationLoss, only loss, accuracy; give fit\(\) validation data/,
    );
  });
});

describe('EMA', () => {
  test('averages as the formula says, in validation and at the end', async () => {
    const trainer = classifier();
    const seen = [await weights(trainer)];
    const validated: number[][] = [];
    const trained: number[][] = [];
    const callbacks: Callback[] = [
      { async onStep() { seen.push(await weights(trainer)); } },
      new EMA({ decay: 0.75 }),
      { async onValidationBegin() { validated.push(await weights(trainer)); } },
      { async onEpochEnd() { trained.push(await weights(trainer)); } },
    ]; // prettier-ignore
    await fit(trainer, { batchSize: 16, epochs: 2, validation: points(20), callbacks });
    let averages = seen[0]!;
    const wanted = seen.slice(1).map((w) => (averages = averages.map((a, i) => 0.75 * a + 0.25 * w[i]!)));
    expect(seen).toHaveLength(7);
    for (const [i, step] of [3, 6].entries()) {
      expect(trained[i]).toEqual(seen[step]);
      await expectClose(f32(validated[i]!, [validated[i]!.length]), wanted[step - 1]!);
    }
    expect(await weights(trainer)).toEqual(validated[1]);
    const { loss: measured } = await trainer.evaluate(points(20), { batchSize: 16 });
    expect(measured).toBe(trainer.history.epochs[1]!.validation!.loss);
  });

  test('warms up, and leaves the weights alone, where it is told to', async () => {
    const [trainer, other] = [classifier(), classifier()];
    await fit(trainer, { batchSize: 16, callbacks: [new EMA({ apply: false })] });
    await fit(other, { batchSize: 16 });
    expect(await weights(trainer)).toEqual(await weights(other));
    const [slow, warm] = [classifier(), classifier()];
    const start = await weights(slow);
    await fit(slow, { batchSize: 16, callbacks: [new EMA({ decay: 0.9999 })] });
    await fit(warm, { batchSize: 16, callbacks: [new EMA({ decay: 0.9999, warmUp: true })] });
    const moved = async (t: Trainer) => Math.hypot(...(await weights(t)).map((w, i) => w - start[i]!));
    expect(await moved(slow)).toBeLessThan(1e-3);
    expect(await moved(warm)).toBeGreaterThan(0.1);
  });

  test('of many parameters of odd sizes, the same bits for 1 and 2 threads', async () => {
    const shapes = [[3], [70_001], [5, 7], [], [0], [33_000]];
    await expectSameBits(() => {
      const averages = shapes.map((shape, i) => noisy(shape, i));
      const values = shapes.map((shape, i) => noisy(shape, 50 + i));
      native.movingAverage(averages.map((t) => t.handle), values.map((t) => t.handle), 0.9); // prettier-ignore
      return averages;
    });
    const average = f32([1, NaN, Infinity, 2], [4]);
    native.movingAverage([average.handle], [f32([3, 1, 1, 2], [4]).handle], 0.5);
    expect([...(await average.data())].map(String)).toEqual(['2', 'NaN', '-Infinity', '2'].map((v) => (v === '-Infinity' ? 'NaN' : v))); // prettier-ignore
  });

  test('refuses options that are none, and holds no memory afterwards', async () => {
    expect(() => new EMA({ decay: 1 })).toThrow(/^EMA: decay is 1/);
    expect(() => new EMA({ warmUp: 1 as never })).toThrow(/^EMA: warmUp is of type number/);
    const trainer = classifier();
    const run = () => fit(trainer, { batchSize: 16, validation: points(20), callbacks: [new EMA()] });
    await run();
    await collectGarbage();
    const before = memory().liveTensors;
    await run();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before);
  });
});

describe('maxSeconds', () => {
  test('ends after the batch in which they are over', async () => {
    const trainer = classifier();
    const batches: number[] = [];
    const reasons: string[] = [];
    const slow: Callback = {
      onBatchBegin: async () => new Promise((resolve) => setTimeout(resolve, 20)),
      onBatchEnd: ({ batch }) => void batches.push(batch),
      onTrainEnd: ({ reason }) => void reasons.push(reason),
    };
    const { epochs } = await fit(trainer, { batchSize: 1, maxSeconds: 0.1, callbacks: [slow] });
    expect(epochs).toEqual([]);
    expect(reasons).toEqual(['stopped']);
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.length).toBeLessThan(12);
    expect((await fit(trainer, { batchSize: 24, maxSeconds: 0 })).epochs).toEqual([]);
    expect((await fit(trainer, { batchSize: 48, epochs: 3, maxSeconds: 0 })).epochs).toHaveLength(1);
    expect((await fit(trainer, { maxSeconds: Infinity })).epochs).toHaveLength(1);
    await expect(fit(trainer, { maxSeconds: NaN })).rejects.toThrow(/fit: maxSeconds is NaN/);
  });
});

describe('data', () => {
  test('values as targets: regression and an autoencoder', async () => {
    setSeed(2);
    const x = randn([64, 3]);
    const y = ops.matmul(x, tensor([[1], [-2], [0.5]]));
    const regress = new nn.Linear(3, 1);
    const trainer = new Trainer(regress, {
      optimizer: new optim.SGD(regress.parameters(), { lr: 0.2 }),
      loss: loss.mse,
    });
    const { epochs } = await trainer.fit(new data.TensorDataset(x, y), { epochs: 20, progress: false });
    expect(epochs.at(-1)!.loss).toBeLessThan(1e-3);
    await expectClose(regress.weight, [1, -2, 0.5], 0.02);
    const auto = new nn.Sequential(new nn.Linear(3, 3));
    const coder = new Trainer(auto, {
      optimizer: new optim.Adam(auto.parameters(), { lr: 0.05 }),
      loss: loss.mse,
    });
    const history = await coder.fit(new data.TensorDataset(x, x), { epochs: 30, progress: false });
    expect(history.epochs.at(-1)!.loss).toBeLessThan(history.epochs[0]!.loss / 20);
  });

  test('batches of an async iterable, and of a DataLoader', async () => {
    const set = points(48);
    const made: { disposed: boolean }[] = [];
    const batches: AsyncIterable<data.Batch> = {
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < 48; i += 16) {
          const batch = set.batch(Int32Array.from({ length: 16 }, (_, k) => i + k));
          made.push(...batch);
          yield batch;
          await Promise.resolve();
        }
      },
    };
    const [one, two, three] = [classifier(), classifier(), classifier()];
    await fit(one, { batchSize: 16, epochs: 2 });
    const options = { epochs: 2, progress: false } as const;
    const { epochs } = await two.fit(batches, { ...options, callbacks: [{ onTrainBegin: (e) => { expect(e.batches).toBeUndefined(); } }] }); // prettier-ignore
    expect(epochs).toHaveLength(2);
    expect(made).toHaveLength(12);
    expect(made.every(({ disposed }) => disposed)).toBe(true);
    await three.fit(new data.DataLoader(set, { batchSize: 16 }), options);
    expect(await weights(two)).toEqual(await weights(one));
    expect(await weights(three)).toEqual(await weights(one));
    expect(await two.evaluate(batches)).toEqual(await one.evaluate(set, { batchSize: 16 }));
  });

  test('that can be gone through but once, or is none, is refused', async () => {
    const once = (async function* () {
      yield points(8).batch(Int32Array.of(0, 1));
      await Promise.resolve();
    })();
    const trainer = classifier();
    await expect(trainer.fit(once, { epochs: 2, progress: false })).rejects.toThrow(
      /fit: epoch 2 has no batches; the data is to be gone through once an epoch/,
    );
    expect(trainer.history.epochs).toHaveLength(1);
    await expect(trainer.fit(7 as never)).rejects.toThrow(/fit: data is 7, wants a Dataset/);
    await expect(trainer.evaluate(null as never)).rejects.toThrow(/evaluate: data is null/);
  });
});

test('options that are none are refused', () => {
  const wrong: [object, RegExp][] = [
    [{ accumulate: 0 }, /^Trainer: accumulate is 0/],
    [{ accumulate: 1.5 }, /^Trainer: accumulate is 1.5/],
    [{ clipNorm: -1 }, /^SGD: clipNorm is -1/],
    [{ clipValue: NaN }, /^SGD: clipValue is NaN/],
    [{ schedule: 'cosine' }, /^Trainer: schedule is 'cosine', wants one of optim's/],
    [{ schedule: { interval: 'step' } }, /^Trainer: schedule is an object/],
    [{ metrics: ['accuracy', 'accuracy'] }, /^Trainer: two metrics go by the name 'accuracy'/],
  ];
  for (const [options, message] of wrong) expect(() => classifier(() => options)).toThrow(message);
  const intervals = (interval: string) => () =>
    classifier((o) => ({
      schedule: { scheduler: new optim.ReduceLROnPlateau(o), interval: interval as 'step' },
    }));
  expect(intervals('step')).toThrow(/ReduceLROnPlateau watches is of epochs/);
  expect(intervals('batch')).toThrow(/schedule.interval is 'batch'/);
});

test('a loss that is no single number is refused', async () => {
  const trainer = classifier(() => ({
    loss: (y, labels) => loss.crossEntropy(y, labels, { reduction: 'none' }),
  }));
  await expect(fit(trainer)).rejects.toThrow(
    /fit: the loss is \[32\], wants one number, the mean over the batch/,
  );
});
