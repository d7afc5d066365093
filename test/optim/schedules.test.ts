import { describe, expect, test } from 'vitest';
import * as optim from '../../lib/optim/index.js';
import { StriateError } from '../../lib/tensor.js';
import { lowerCamelCase, vectors } from '../fixtures/pattern.js';
import { parameter } from './formulas.js';

const lrs = [0.1, 0.02, 0.5];

function optimizerOf(kind: 'SGD' | 'Adam' = 'SGD', rates: readonly number[] = lrs): optim.Optimizer {
  const groups = rates.map((lr) => ({ parameters: [parameter([1], [1])], lr }));
  return kind === 'SGD' ? new optim.SGD(groups, { momentum: 0.9 }) : new optim.Adam(groups);
}

/** What names in test/fixtures/schedules.py stand for. */
const lambdas: Record<string, (t: number) => number> = {
  power: (t) => 0.95 ** t,
  hyperbola: (t) => 1 / (1 + t),
  flat: () => 0.7,
};

const kinds = {
  StepLR: optim.StepLR,
  MultiStepLR: optim.MultiStepLR,
  ExponentialLR: optim.ExponentialLR,
  LinearLR: optim.LinearLR,
  CosineAnnealingLR: optim.CosineAnnealingLR,
  CosineAnnealingWarmRestarts: optim.CosineAnnealingWarmRestarts,
  PolynomialLR: optim.PolynomialLR,
  LambdaLR: optim.LambdaLR,
  OneCycleLR: optim.OneCycleLR,
  SequentialLR: optim.SequentialLR,
  ReduceLROnPlateau: optim.ReduceLROnPlateau,
};
type Kind = keyof typeof kinds;
type Schedule = optim.LRScheduler | optim.ReduceLROnPlateau;

interface Vector {
  schedule: Kind;
  optimizer: 'SGD' | 'Adam';
  options: Record<string, unknown>;
  lrs: number[][];
  momenta?: number[][];
  metrics?: (number | null)[];
}

function make(optimizer: optim.Scheduled, kind: Kind, given: Record<string, unknown>): Schedule {
  const options = lowerCamelCase(given);
  const { lrLambda, schedulers } = options;
  if (typeof lrLambda === 'string') options.lrLambda = lambdas[lrLambda];
  if (Array.isArray(lrLambda)) options.lrLambda = lrLambda.map((name: string) => lambdas[name]);
  if (Array.isArray(schedulers)) {
    options.schedulers = (schedulers as [Kind, Record<string, unknown>][]).map(([name, own]) =>
      make(optimizer, name, own),
    );
  }
  return new kinds[kind](optimizer, options as never);
}

const momentaOf = (optimizer: optim.Optimizer) =>
  optimizer.groups.map(({ options }) => {
    const { momentum, betas } = options as { momentum?: number; betas?: [number, number] };
    return betas ? betas[0] : momentum;
  });

function expectNumbers(actual: readonly unknown[], expected: readonly number[], label: string): void {
  const wanted = expected.map((v) => expect.closeTo(v, 10) as number);
  expect(actual, label).toEqual(wanted);
}

const step = (schedule: Schedule, metric: number | null | undefined) => {
  if (schedule instanceof optim.ReduceLROnPlateau) schedule.step(metric ?? NaN);
  else schedule.step();
};

describe("PyTorch's sequences", () => {
  test.each(vectors<Vector>('schedules'))('$schedule $optimizer $options', (v) => {
    const optimizer = optimizerOf(v.optimizer);
    const schedule = make(optimizer, v.schedule, v.options);
    for (const [t, expected] of v.lrs.entries()) {
      expectNumbers(schedule.lastLr, expected, `step ${t}`);
      expect(schedule.lastEpoch).toBe(t);
      if (v.momenta) expectNumbers(momentaOf(optimizer), v.momenta[t]!, `momenta of step ${t}`);
      if (t + 1 < v.lrs.length) step(schedule, v.metrics?.[t]);
    }
  });

  test.each(vectors<Vector>('schedules'))('$schedule $optimizer $options, gone on with from JSON', (v) => {
    let optimizer = optimizerOf(v.optimizer);
    let schedule = make(optimizer, v.schedule, v.options);
    for (const [t, expected] of v.lrs.entries()) {
      if (t % 13 === 5) {
        const state = JSON.parse(JSON.stringify(schedule.stateDict())) as never;
        // The rates that the groups are made with are no longer those that the schedule began with.
        optimizer = optimizerOf(v.optimizer, [9, 8, 7]);
        schedule = make(optimizer, v.schedule, v.options);
        schedule.loadStateDict(state);
      }
      expectNumbers(schedule.lastLr, expected, `step ${t}`);
      expect(schedule.lastEpoch).toBe(t);
      if (v.momenta) expectNumbers(momentaOf(optimizer), v.momenta[t]!, `momenta of step ${t}`);
      if (t + 1 < v.lrs.length) step(schedule, v.metrics?.[t]);
    }
  });
});

describe('InverseTimeLR', () => {
  test('divides by 1 + decayRate·t/decaySteps, smoothly or in stairs', () => {
    const optimizer = optimizerOf();
    const smooth = new optim.InverseTimeLR(optimizer, { decayRate: 0.5 });
    const stairs = new optim.InverseTimeLR(optimizer, { decayRate: 0.5, decaySteps: 4, staircase: true });
    for (let t = 0; t < 64; t++) {
      expectNumbers(
        smooth.lrsAt(t),
        lrs.map((lr) => lr / (1 + 0.5 * t)),
        `step ${t}`,
      );
      expectNumbers(
        stairs.lrsAt(t),
        lrs.map((lr) => lr / (1 + 0.5 * Math.floor(t / 4))),
        `step ${t}`,
      );
    }
  });
});

describe('a schedule', () => {
  test('sets rates that steps follow, and shows them without setting them', async () => {
    const p = parameter([8], [1]);
    const optimizer = new optim.SGD([p], { lr: 1 });
    const schedule = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    expect([0, 1, 2, 3].map((t) => schedule.lrsAt(t)[0])).toEqual([1, 0.5, 0.25, 0.125]);
    expect([schedule.lastEpoch, optimizer.lr]).toEqual([0, 1]);
    for (let t = 0; t < 3; t++) {
      p.grad = parameter([1], [1]).detach();
      optimizer.step();
      schedule.step();
    }
    expect(await p.item()).toBe(8 - 1.75);
    expect([schedule.lastLr, schedule.baseLrs, schedule.lastEpoch]).toEqual([[0.125], [1], 3]);
    schedule.moveTo(1);
    expect([optimizer.lr, schedule.lastEpoch]).toEqual([0.5, 1]);
  });

  test('made after another begins at the same base rate', () => {
    const optimizer = optimizerOf();
    const warmUp = new optim.LinearLR(optimizer, { startFactor: 0.1 });
    expectNumbers(warmUp.lastLr, [0.01, 0.002, 0.05], 'warm-up');
    expect(new optim.ExponentialLR(optimizer, { gamma: 0.5 }).lastLr).toEqual(lrs);
  });

  test('of one, another or further groups', () => {
    const optimizer = optimizerOf();
    const schedules = [new optim.StepLR(optimizer, { stepSize: 1 }), new optim.ReduceLROnPlateau(optimizer)];
    optimizer.addGroup({ parameters: [parameter([1], [1])] });
    for (const schedule of schedules) {
      expect(() => step(schedule, 1)).toThrow(/the optimizer has 4 groups, had 3 when the schedule was made/);
      expect(() => step(schedule, 1)).toThrow(StriateError);
    }
    expect(new optim.LambdaLR(new optim.SGD([parameter([1], [1])]), { lrLambda: () => 2 }).lastLr).toEqual([
      2e-3,
    ]);
  });

  test('nested in another', () => {
    const optimizer = optimizerOf('SGD', [1]);
    const inner = new optim.SequentialLR(optimizer, {
      schedulers: [
        new optim.LambdaLR(optimizer, { lrLambda: (t) => t }),
        new optim.LambdaLR(optimizer, { lrLambda: () => 10 }),
      ],
      milestones: [2],
    });
    const last = new optim.LambdaLR(optimizer, { lrLambda: (t) => 100 + t });
    const schedule = new optim.SequentialLR(optimizer, { schedulers: [inner, last], milestones: [4] });
    const seen = [0, 1, 2, 3, 4, 5].map(() => {
      const [lr] = schedule.lastLr;
      schedule.step();
      return lr;
    });
    expect(seen).toEqual([0, 1, 10, 10, 100, 101]);
  });

  test('of one cycle reaches its end, and goes no further', () => {
    const optimizer = optimizerOf('SGD', [1]);
    const schedule = new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 4, finalDivFactor: 10 });
    for (let t = 0; t < 4; t++) schedule.step();
    expectNumbers(schedule.lastLr, [1 / 250], 'the end');
    expect(() => schedule.step()).toThrow(/^OneCycleLR: step 5 is beyond the 4 of the cycle$/);
    expect(schedule.lastEpoch).toBe(4);
  });
});

describe('refused', () => {
  const optimizer = optimizerOf();
  const constant = new optim.LambdaLR(optimizer, { lrLambda: () => 1 });
  const elsewhere = new optim.LambdaLR(optimizerOf(), { lrLambda: () => 1 });
  const adagrad = new optim.Adagrad([parameter([1], [1])]);

  test.each<[Kind | 'InverseTimeLR', unknown, RegExp]>([
    ['StepLR', undefined, /^StepLR: options is undefined, wants an object$/],
    ['StepLR', {}, /^StepLR: option 'stepSize' is missing$/],
    ['StepLR', { stepSize: 0 }, /^StepLR: stepSize is 0, wants a whole number from 1 on$/],
    ['StepLR', { stepSize: 1, gama: 1 }, /^StepLR: option 'gama' is unknown, wants one of stepSize, gamma$/],
    ['StepLR', { stepSize: 1, gamma: NaN }, /^StepLR: gamma is NaN/],
    ['MultiStepLR', { milestones: 3 }, /^MultiStepLR: milestones is no list/],
    ['MultiStepLR', { milestones: [1, 2.5] }, /^MultiStepLR: milestones\[1\] is 2.5/],
    ['ExponentialLR', { gamma: -1 }, /^ExponentialLR: gamma is -1/],
    ['InverseTimeLR', { decayRate: -1 }, /^InverseTimeLR: decayRate is -1/],
    ['InverseTimeLR', { decayRate: 1, decaySteps: 0 }, /^InverseTimeLR: decaySteps is 0/],
    ['InverseTimeLR', { decayRate: 1, staircase: 1 }, /^InverseTimeLR: staircase is of type number/],
    ['LinearLR', { startFactor: 0 }, /^LinearLR: startFactor is 0, wants a number above 0$/],
    ['LinearLR', { endFactor: 2 }, /^LinearLR: endFactor is 2, wants at most 1$/],
    ['LinearLR', { totalIters: 0 }, /^LinearLR: totalIters is 0/],
    ['PolynomialLR', { power: -1 }, /^PolynomialLR: power is -1/],
    ['CosineAnnealingLR', { tMax: 0 }, /^CosineAnnealingLR: tMax is 0/],
    ['CosineAnnealingLR', { tMax: 5, etaMin: -1 }, /^CosineAnnealingLR: etaMin is -1/],
    ['CosineAnnealingWarmRestarts', { t0: 1.5 }, /^CosineAnnealingWarmRestarts: t0 is 1.5/],
    ['CosineAnnealingWarmRestarts', { t0: 2, tMult: 0 }, /^CosineAnnealingWarmRestarts: tMult is 0/],
    ['LambdaLR', { lrLambda: 1 }, /^LambdaLR: lrLambda is no function/],
    [
      'LambdaLR',
      { lrLambda: [() => 1] },
      /^LambdaLR: lrLambda has 1 functions, wants 3, one for each group$/,
    ],
    ['LambdaLR', { lrLambda: () => NaN }, /^LambdaLR: lr of step 0 is NaN, wants a finite number from 0 on$/],
    ['LambdaLR', { lrLambda: () => -1 }, /^LambdaLR: lr of step 0 is -/],
    ['OneCycleLR', { maxLr: 1 }, /^OneCycleLR: option 'totalSteps' is missing, or epochs and stepsPerEpoch$/],
    ['OneCycleLR', { totalSteps: 5 }, /^OneCycleLR: option 'maxLr' is missing$/],
    ['OneCycleLR', { maxLr: [1, 2], totalSteps: 5 }, /^OneCycleLR: maxLr has 2 numbers, wants 3/],
    ['OneCycleLR', { maxLr: [1, 2, NaN], totalSteps: 5 }, /^OneCycleLR: maxLr\[2\] is NaN/],
    ['OneCycleLR', { maxLr: 1, totalSteps: 5, pctStart: 2 }, /^OneCycleLR: pctStart is 2, wants at most 1$/],
    ['OneCycleLR', { maxLr: 1, totalSteps: 5, divFactor: 0 }, /^OneCycleLR: divFactor is 0/],
    [
      'OneCycleLR',
      { maxLr: 1, totalSteps: 5, annealStrategy: 'sine' },
      /^OneCycleLR: annealStrategy is 'sine', wants 'cos' or 'linear'$/,
    ],
    ['SequentialLR', { schedulers: [], milestones: [] }, /^SequentialLR: schedulers is no list of schedules/],
    ['SequentialLR', { schedulers: [constant], milestones: [1] }, /milestones has 1 steps, wants 0/],
    ['SequentialLR', { schedulers: [elsewhere], milestones: [] }, /schedulers\[0\] is of another optimizer/],
    [
      'SequentialLR',
      { schedulers: [new optim.ReduceLROnPlateau(optimizer)], milestones: [] },
      /schedulers\[0\] is no schedule whose steps are counted/,
    ],
    [
      'SequentialLR',
      { schedulers: [constant, constant, constant], milestones: [4, 4] },
      /^SequentialLR: milestones are 4, 4, want to rise$/,
    ],
    ['ReduceLROnPlateau', { mode: 'least' }, /^ReduceLROnPlateau: mode is 'least', wants 'min' or 'max'$/],
    ['ReduceLROnPlateau', { factor: 1 }, /^ReduceLROnPlateau: factor is 1, wants .* less than 1$/],
    ['ReduceLROnPlateau', { patience: -1 }, /^ReduceLROnPlateau: patience is -1/],
    ['ReduceLROnPlateau', { minLr: [1] }, /^ReduceLROnPlateau: minLr has 1 numbers, wants 3/],
  ])('%s %o', (kind, options, message) => {
    const Schedule = { ...kinds, InverseTimeLR: optim.InverseTimeLR }[kind];
    expect(() => new Schedule(optimizer, options as never)).toThrow(message);
  });

  test('what is no optimizer, and one whose momentum cannot be cycled', () => {
    for (const wrong of [null, {}, { groups: [{ lr: 1 }] }, [optimizer]]) {
      expect(() => new optim.LinearLR(wrong as never)).toThrow(/^LinearLR: optimizer is none$/);
      expect(() => new optim.ReduceLROnPlateau(wrong as never)).toThrow(
        /^ReduceLROnPlateau: optimizer is none$/,
      );
    }
    const options = { maxLr: 1, totalSteps: 5 };
    expect(() => new optim.OneCycleLR(adagrad, options)).toThrow(/has neither momentum nor betas/);
    const { lastLr } = new optim.OneCycleLR(adagrad, { ...options, cycleMomentum: false });
    expectNumbers(lastLr, [0.04], 'the first step');
  });

  test('metrics, steps and states that are none', () => {
    const plateau = new optim.ReduceLROnPlateau(optimizer);
    expect(() => plateau.step('1' as never)).toThrow(/metric is of type string, wants a number/);
    expect(() => plateau.step(undefined as never)).toThrow(/metric is undefined/);
    expect(plateau.best).toBe(null);
    expect(() => plateau.loadStateDict({ ...plateau.stateDict(), lastLr: [1] })).toThrow(
      /lastLr has 1 numbers/,
    );
    expect(() => plateau.loadStateDict({ ...plateau.stateDict(), numBadEpochs: -1 })).toThrow(
      /numBadEpochs is -1/,
    );
    const schedule = new optim.LinearLR(optimizer);
    expect(() => schedule.moveTo(-1)).toThrow(/^LinearLR: step is -1, wants a whole number from 0 on$/);
    expect(() => schedule.lrsAt(0.5)).toThrow(/^LinearLR: step is 0.5/);
    expect(() => schedule.loadStateDict({ lastEpoch: -1, baseLrs: lrs })).toThrow(/lastEpoch is -1/);
    expect(() => schedule.loadStateDict({ lastEpoch: 1, baseLrs: [1] })).toThrow(
      /baseLrs has 1 numbers, wants 3/,
    );
  });
});
