import { describe, expect, test } from 'vitest';
import {
  Adadelta,
  Adagrad,
  Adam,
  Lion,
  NAdam,
  RMSprop,
  SGD,
  type AdadeltaOptions,
  type AdagradOptions,
  type AdamOptions,
  type LionOptions,
  type NAdamOptions,
  type RMSpropOptions,
  type SGDOptions,
} from '../../lib/optim/index.js';
import { clipping, describeKinds, kindsOf, parameter, setGradient, type Formula } from './formulas.js';

const sgdFormula: Formula<SGDOptions> =
  ({ lr, momentum, dampening, weightDecay, nesterov }) =>
  (p, gradient, s, t) => {
    const g = gradient + weightDecay * p;
    s.v = t === 1 ? g : momentum * s.v! + (1 - dampening) * g;
    return p - lr * (nesterov ? g + momentum * s.v : momentum === 0 ? g : s.v);
  };

const adamFormula: Formula<AdamOptions> =
  ({ lr, betas: [b1, b2], eps, weightDecay, decoupledWeightDecay, biasCorrection, amsgrad }) =>
  (p, gradient, s, t) => {
    const g = gradient + (decoupledWeightDecay ? 0 : weightDecay * p);
    const kept = decoupledWeightDecay ? p - lr * weightDecay * p : p;
    s.m = b1 * (s.m ?? 0) + (1 - b1) * g;
    s.v = b2 * (s.v ?? 0) + (1 - b2) * g * g;
    s.w = amsgrad ? Math.max(s.w ?? 0, s.v) : s.v;
    if (!biasCorrection) return kept - (lr * s.m) / (Math.sqrt(s.w) + eps);
    return kept - (lr * (s.m / (1 - b1 ** t))) / (Math.sqrt(s.w / (1 - b2 ** t)) + eps);
  };

const nadamFormula: Formula<NAdamOptions> =
  ({ lr, betas: [b1, b2], eps, weightDecay, momentumDecay, decoupledWeightDecay }) =>
  (p, gradient, s, t) => {
    const g = gradient + (decoupledWeightDecay ? 0 : weightDecay * p);
    const kept = decoupledWeightDecay ? p - lr * weightDecay * p : p;
    const mu = (step: number) => b1 * (1 - 0.96 ** (step * momentumDecay) / 2);
    s.product = (s.product ?? 1) * mu(t);
    s.m = b1 * (s.m ?? 0) + (1 - b1) * g;
    s.v = b2 * (s.v ?? 0) + (1 - b2) * g * g;
    const d = (g * (1 - mu(t))) / (1 - s.product) + (s.m * mu(t + 1)) / (1 - s.product * mu(t + 1));
    return kept - (lr * d) / (Math.sqrt(s.v / (1 - b2 ** t)) + eps);
  };

const adadeltaFormula: Formula<AdadeltaOptions> =
  ({ lr, rho, eps, weightDecay }) =>
  (p, gradient, s) => {
    const g = gradient + weightDecay * p;
    s.s = rho * (s.s ?? 0) + (1 - rho) * g * g;
    const d = (Math.sqrt((s.a ?? 0) + eps) / Math.sqrt(s.s + eps)) * g;
    s.a = rho * (s.a ?? 0) + (1 - rho) * d * d;
    return p - lr * d;
  };

const lionFormula: Formula<LionOptions> =
  ({ lr, betas: [b1, b2], weightDecay }) =>
  (p, g, s) => {
    const c = b1 * (s.m ?? 0) + (1 - b1) * g;
    s.m = b2 * (s.m ?? 0) + (1 - b2) * g;
    return p - lr * (Math.sign(c) + weightDecay * p);
  };

const adagradFormula: Formula<AdagradOptions> =
  ({ lr, lrDecay, weightDecay, initialAccumulatorValue, eps }) =>
  (p, gradient, s, t) => {
    const g = gradient + weightDecay * p;
    s.sum = (s.sum ?? initialAccumulatorValue) + g * g;
    return p - ((lr / (1 + (t - 1) * lrDecay)) * g) / (Math.sqrt(s.sum) + eps);
  };

const rmsPropFormula: Formula<RMSpropOptions> =
  ({ lr, alpha, eps, weightDecay, momentum, centered }) =>
  (p, gradient, s) => {
    const g = gradient + weightDecay * p;
    s.v = alpha * (s.v ?? 0) + (1 - alpha) * g * g;
    s.m = alpha * (s.m ?? 0) + (1 - alpha) * g;
    const d = g / (Math.sqrt(s.v - (centered ? s.m * s.m : 0)) + eps);
    s.b = momentum * (s.b ?? 0) + d;
    return p - lr * s.b;
  };

const sgd = { lr: 0.05, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, ...clipping };
const adam = {
  lr: 0.01,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  decoupledWeightDecay: false,
  biasCorrection: true,
  amsgrad: false,
  ...clipping,
} as const;
const nadam = {
  lr: 0.01,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  ...clipping,
} as const;
const adadelta = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, ...clipping };
const lion = { lr: 0.01, betas: [0.9, 0.99], weightDecay: 0, ...clipping } as const;
const adagrad = {
  lr: 0.02,
  lrDecay: 0,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  eps: 1e-10,
  ...clipping,
};
const rmsProp = {
  lr: 0.01,
  alpha: 0.99,
  eps: 1e-8,
  weightDecay: 0,
  momentum: 0,
  centered: false,
  ...clipping,
};
const kinds = [
  ...kindsOf<SGDOptions>(SGD, sgdFormula, [
    sgd,
    { ...sgd, weightDecay: 0.1 },
    { ...sgd, momentum: 0.9 },
    { ...sgd, momentum: 0.9, dampening: 0.4, weightDecay: 0.03 },
    { ...sgd, momentum: 0.7, weightDecay: 0.03, nesterov: true },
    { ...sgd, momentum: 0.9, clipValue: 0.7, clipNorm: 20, maxNorm: 3 },
  ]),
  ...kindsOf<AdamOptions>(Adam, adamFormula, [
    adam,
    { ...adam, betas: [0.7, 0.9], eps: 1e-2, weightDecay: 0.1 },
    { ...adam, weightDecay: 0.2, decoupledWeightDecay: true, clipNorm: 30, maxNorm: 2 },
    { ...adam, biasCorrection: false, lr: 1e-3 },
    { ...adam, betas: [0.9, 0.8], amsgrad: true },
    { ...adam, biasCorrection: false, amsgrad: true, betas: [0.5, 0.7], weightDecay: 0.1, clipValue: 0.5 },
  ]),
  ...kindsOf<NAdamOptions>(NAdam, nadamFormula, [
    nadam,
    { ...nadam, betas: [0.7, 0.9], eps: 1e-2, weightDecay: 0.1, momentumDecay: 0.1 },
    { ...nadam, weightDecay: 0.2, decoupledWeightDecay: true, clipNorm: 30, maxNorm: 2 },
  ]),
  ...kindsOf<AdagradOptions>(Adagrad, adagradFormula, [
    adagrad,
    { ...adagrad, lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.2, eps: 1e-3, clipValue: 0.5 },
  ]),
  ...kindsOf<RMSpropOptions>(RMSprop, rmsPropFormula, [
    rmsProp,
    { ...rmsProp, alpha: 0.9, weightDecay: 0.1, momentum: 0.8, eps: 1e-3 },
    { ...rmsProp, centered: true, eps: 1e-2, clipNorm: 50 },
    { ...rmsProp, centered: true, momentum: 0.5, eps: 1e-2, maxNorm: 2.5 },
  ]),
  ...kindsOf<AdadeltaOptions>(Adadelta, adadeltaFormula, [
    adadelta,
    { ...adadelta, lr: 0.5, rho: 0.7, eps: 1e-2, weightDecay: 0.1, clipNorm: 50 },
  ]),
  ...kindsOf<LionOptions>(Lion, lionFormula, [
    lion,
    { ...lion, betas: [0.6, 0.8], weightDecay: 0.3, maxNorm: 2 },
  ]),
];

describeKinds(kinds);

describe("Nesterov's momentum", () => {
  const [lr, mu] = [0.03, 0.9];
  // The gradient of a valley that is steeper one way than the other, and curved.
  const slope = ([a, b]: readonly number[]) => [
    3 * a! + 0.4 * Math.sin(b!),
    0.2 * b! + 0.4 * a! * Math.cos(b!),
  ];
  const start = [1, -2];
  // Of places that come to lie around 0, from where an error would have no scale.
  const distance = (x: number[], y: number[]) => Math.hypot(...x.map((xi, i) => xi - y[i]!));

  async function iterates(): Promise<number[][]> {
    const p = parameter(start, [2]);
    const optimizer = new SGD([p], { lr, momentum: mu, nesterov: true });
    const all: number[][] = [];
    for (let step = 0; step < 100; step++) {
      setGradient(p, slope([...(await p.data())]));
      optimizer.step();
      all.push([...(await p.data())]);
    }
    return all;
  }

  test('goes where the look-ahead form looks: v ← μv − lr·∇f(x + μv), x ← x + v', async () => {
    let [x, v] = [start, [0, 0]];
    for (const ahead of await iterates()) {
      const g = slope(x.map((xi, i) => xi + mu * v[i]!));
      v = v.map((vi, i) => mu * vi - lr * g[i]!);
      x = x.map((xi, i) => xi + v[i]!);
      const expected = x.map((xi, i) => xi + mu * v[i]!);
      expect(distance(ahead, expected)).toBeLessThan(1e-5);
    }
  });

  test('is the form rewritten in terms of where it looks: x ← x − μv_before + (1 + μ)v', async () => {
    let [x, v] = [start, [0, 0]];
    for (const ahead of await iterates()) {
      const before = v;
      const g = slope(x);
      v = v.map((vi, i) => mu * vi - lr * g[i]!);
      x = x.map((xi, i) => xi - mu * before[i]! + (1 + mu) * v[i]!);
      expect(distance(ahead, x)).toBeLessThan(1e-5);
    }
  });
});
