import { describe, expect, test } from 'vitest';
import { memory, randn, search, setSeed, synchronize } from '../../lib/index.js';
import { collectGarbage } from '../garbage.js';
import { common, made, points, weightsOf } from './runs.js';

describe('randomSearch', () => {
  test('finds what works, and gives it trained', async () => {
    const result = await search.randomSearch({ ...common(), trials: 12, epochs: 6 });
    expect(result.finished).toBe(true);
    expect(result.trials.map(({ number }) => number)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(result.best.score).toBe(Math.max(...result.trials.map(({ score }) => score!)));
    expect(result.best.score).toBeGreaterThan(0.9);
    expect((await result.trainer.evaluate(points(30, 2))).accuracy).toBe(result.best.score);
    expect(new Set(result.trials.map(({ sample }) => JSON.stringify(sample))).size).toBe(12);
    expect(search.codeOf(result.trainer.model, result.trainer.optimizer)).toContain('new nn.Linear(');
  });

  test('is the same again, and leaves the random numbers of others as they were', async () => {
    const run = async () => {
      setSeed(1);
      const first = await randn([3]).data();
      const { best, trials, trainer } = await search.randomSearch({
        ...common(),
        trials: 6,
        epochs: { min: 1, max: 4, eta: 2 },
      });
      return { best, trials, weights: await weightsOf(trainer), first, then: await randn([3]).data() };
    };
    const one = await run();
    expect(await run()).toEqual(one);
    setSeed(1);
    await randn([3]).data();
    expect(await randn([3]).data()).toEqual(one.then);
    const { trials } = await search.randomSearch({ ...common(), trials: 6, seed: 6 });
    expect(trials[0]!.sample).not.toEqual(one.trials[0]!.sample);
  });

  test('trains those that go on as if they had never stopped', async () => {
    const halved = await search.randomSearch({ ...common(), trials: 4, epochs: { min: 1, max: 4, eta: 2 } });
    expect(halved.best.epochs).toBe(4);
    // The same candidates, each for so long.
    const whole = await search.randomSearch({ ...common(), trials: 4, epochs: 4 });
    const same = whole.trials[halved.best.number - 1]!;
    expect([same.sample, same.score]).toEqual([halved.best.sample, halved.best.score]);
    if (whole.best.number === halved.best.number) {
      expect(await weightsOf(whole.trainer)).toEqual(await weightsOf(halved.trainer));
    }
  });

  test('successive halving lets the best share go on, round after round', async () => {
    const events: string[] = [];
    // Who is good at first is not good in the end.
    const score = (trial: number, epochs: number) =>
      epochs === 1 ? trial % 5 : epochs === 3 ? -trial : trial;
    const options = { ...made(score, events), trials: 14, bracket: 9, epochs: { min: 1, max: 9, eta: 3 } };
    const { best, trials } = await search.randomSearch(options);
    const first = Array.from({ length: 9 }, (_, i) => `${i + 1}:1:1`);
    const second = Array.from({ length: 5 }, (_, i) => `${i + 10}:1:1`);
    expect(events).toEqual([
      ...first,
      // Those of the least remainders by 5, of equals the first: 5, 1, 6; of these the last.
      ...['1:2:3', '5:2:3', '6:2:3', '6:3:9'],
      ...second,
      // A third of five is one.
      ...['10:2:3', '10:3:9'],
    ]);
    expect([best.number, best.score, best.epochs]).toEqual([6, 6, 9]);
    expect(trials.map(({ epochs }) => epochs)).toEqual([3, 1, 1, 1, 3, 9, 1, 1, 1, 9, 1, 1, 1, 1]);
  });

  test('a budget is divided among the rounds', async () => {
    const events: string[] = [];
    await search.randomSearch({ ...made((trial) => trial, events), trials: 4, epochs: { budget: 16 } });
    expect(events).toEqual(['1:1:2', '2:1:2', '3:1:2', '4:1:2', '1:2:6', '2:2:6']);
  });

  test('a sample that does not work is left out; what is wrong elsewhere is told', async () => {
    const options = made((trial) => (trial === 2 ? NaN : trial));
    const failing = {
      ...options,
      build: (sample: unknown, context: { trial: number }) => {
        if (context.trial === 1) throw new RangeError('no such layer');
        return options.build(sample, context);
      },
    };
    const { best, trials } = await search.randomSearch({ ...failing, trials: 3 });
    expect(best.number).toBe(3);
    expect(trials.map(({ score, error }) => [score, error === null])).toEqual([[null, false], [null, false], [3, true]]); // prettier-ignore
    expect(trials[0]!.error).toBe('no such layer');
    expect(trials[1]!.error).toMatch(/the loss of epoch 1, batch 1 is NaN/);
    const none = search.randomSearch({ ...made(() => NaN), trials: 2 });
    await expect(none).rejects.toThrow(/randomSearch: no candidate could be trained; trial 1: /);
    const broken = { ...options, build: () => { throw new TypeError('a mistake'); } }; // prettier-ignore
    await expect(search.randomSearch({ ...broken, trials: 2 })).rejects.toThrow('a mistake');
    const other = { ...options, build: () => 3 as never };
    await expect(search.randomSearch({ ...other, trials: 2 })).rejects.toThrow(
      /randomSearch: build gave 3, wants a Trainer/,
    );
    await expect(search.randomSearch({ ...options, monitor: 'accuracy', trials: 2 })).rejects.toThrow(
      /the trainers measure no accuracy, only loss/,
    );
  });

  test('a failure later on keeps what was reached before', async () => {
    const score = (trial: number, epochs: number) => (epochs > 1 && trial === 1 ? NaN : trial);
    const { best, trials } = await search.randomSearch({
      ...made(score),
      trials: 2,
      epochs: { min: 1, max: 2, eta: 2 },
    });
    expect([best.number, best.epochs, best.score]).toEqual([1, 1, 1]);
    expect(trials[0]!.error).not.toBe(null);
  });

  test('ends when its time is up, with what there is, and when it is aborted', async () => {
    const part = await search.randomSearch({ ...common(), trials: 20_000, maxSeconds: 2 });
    expect(part.finished).toBe(false);
    expect(part.best.score).not.toBe(null);
    expect(part.trials.length).toBeLessThan(20_000);
    await expect(search.randomSearch({ ...common(), trials: 5, maxSeconds: 0 })).rejects.toThrow(
      /the time was up before a candidate was trained/,
    );
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = search.randomSearch({
      ...common(),
      ...{ trials: 500, epochs: 20, signal: controller.signal },
      onProgress: ({ kind, trial }) => {
        if (kind === 'begin' && trial.number === 3) setTimeout(() => controller.abort(reason), 5);
      },
    });
    await expect(aborted).rejects.toBe(reason);
    await expect(
      search.randomSearch({ ...common(), trials: 2, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
  });

  test('leaves nothing behind but the result', async () => {
    const options = common();
    const first = await search.randomSearch({ ...options, trials: 2 });
    first.trainer.model.dispose();
    await collectGarbage();
    const before = memory().liveTensors;
    const again = await search.randomSearch({ ...options, trials: 9, epochs: { min: 1, max: 3, eta: 3 } });
    const { length } = again.trainer.model.parameters();
    await synchronize();
    await collectGarbage();
    expect(memory().liveTensors).toBe(before + length);
  });

  test('refuses options that are none', async () => {
    const run = (options: object) => search.randomSearch({ ...common(), trials: 4, ...options } as never);
    await expect(search.randomSearch(3 as never)).rejects.toThrow(
      /randomSearch: options is 3, wants an object/,
    );
    await expect(run({ space: 3 })).rejects.toThrow(/randomSearch: space is 3/);
    await expect(run({ build: null })).rejects.toThrow(/build is null, wants a function/);
    await expect(run({ onProgress: 3 })).rejects.toThrow(/onProgress is 3, wants a function/);
    await expect(run({ validation: [] })).rejects.toThrow(/validation is \[\], wants a Dataset/);
    await expect(run({ trials: 0 })).rejects.toThrow(/trials is 0/);
    await expect(run({ bracket: 5 })).rejects.toThrow(/bracket is 5, wants at most 4, trials/);
    await expect(run({ epochs: 0 })).rejects.toThrow(/epochs is 0/);
    await expect(run({ epochs: { min: 2, max: 1 } })).rejects.toThrow(/max is 1/);
    await expect(run({ seed: -1 })).rejects.toThrow(/seed is -1/);
    await expect(run({ maxSeconds: NaN })).rejects.toThrow(/maxSeconds is NaN/);
    await expect(run({ monitor: '' })).rejects.toThrow(/monitor is ''/);
    await expect(run({ folder: '' })).rejects.toThrow(/folder is ''/);
  });
});
