// Restricted Boltzmann machines in double precision, by all their states.
import type { models } from '../../lib/index.js';
import { f32, noise } from '../check.js';

/** Parameters without a pattern, in ±scale. */
export function setParameters(rbm: models.RBM, scale: number): void {
  for (const [i, p] of rbm.parameters().entries()) {
    p.assign(f32(noise(p.size, i + 7).map((v) => scale * v), p.shape)); // prettier-ignore
  }
}

/** All states of n units, the last of them changing fastest. */
export function statesOf(n: number): number[][] {
  return Array.from({ length: 2 ** n }, (_, s) =>
    Array.from({ length: n }, (_, i) => (s >> (n - 1 - i)) & 1),
  );
}

export interface Parameters {
  w: ArrayLike<number>;
  b: ArrayLike<number>;
  c: ArrayLike<number>;
}

export function parametersOf({ weight, visibleBias, hiddenBias }: models.RBM): Parameters {
  return { w: weight.dataSync(), b: visibleBias.dataSync(), c: hiddenBias.dataSync() };
}

/** The energies of v with each state of the hidden units. */
export function energies(rbm: models.RBM, v: ArrayLike<number>, states: number[][]): number[] {
  const { w, b, c } = parametersOf(rbm);
  return states.map((h) => {
    let energy = 0;
    for (let i = 0; i < b.length; i++) {
      energy += rbm.visibleUnits === 'gaussian' ? (v[i]! - b[i]!) ** 2 / 2 : -v[i]! * b[i]!;
      for (let j = 0; j < c.length; j++) energy -= v[i]! * w[i * c.length + j]! * h[j]!;
    }
    return h.reduce((sum, unit, j) => sum - unit * c[j]!, energy);
  });
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The probabilities of the hidden units. */
export function hiddenOf({ w, c }: Parameters, v: ArrayLike<number>): number[] {
  return Array.from(c, (bias, j) => {
    let x = bias;
    for (let i = 0; i < v.length; i++) x += v[i]! * w[i * c.length + j]!;
    return sigmoid(x);
  });
}

/** The means of the visible units. */
export function visibleOf({ w, b, c }: Parameters, h: ArrayLike<number>, gaussian: boolean): number[] {
  return Array.from(b, (bias, i) => {
    let x = bias;
    for (let j = 0; j < c.length; j++) x += h[j]! * w[i * c.length + j]!;
    return gaussian ? x : sigmoid(x);
  });
}

function freeEnergy({ w, b, c }: Parameters, v: readonly number[]): number {
  let energy = 0;
  for (let i = 0; i < v.length; i++) energy -= v[i]! * b[i]!;
  for (let j = 0; j < c.length; j++) {
    let x = c[j]!;
    for (let i = 0; i < v.length; i++) x += v[i]! * w[i * c.length + j]!;
    energy -= Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
  return energy;
}

/** The probability of each state of Bernoulli units, in the order of statesOf, and ln Z. */
export function exact(rbm: models.RBM): { probabilities: number[]; logZ: number } {
  const p = parametersOf(rbm);
  const all = statesOf(p.b.length).map((v) => -freeEnergy(p, v));
  const most = Math.max(...all);
  const logZ = most + Math.log(all.reduce((sum, e) => sum + Math.exp(e - most), 0));
  return { probabilities: all.map((e) => Math.exp(e - logZ)), logZ };
}

/** The mean of ln p(v) over samples. */
export function logLikelihood(rbm: models.RBM, samples: readonly (readonly number[])[]): number {
  const p = parametersOf(rbm);
  const { logZ } = exact(rbm);
  return samples.reduce((sum, v) => sum - freeEnergy(p, v) - logZ, 0) / samples.length;
}

/** The gradient of −logLikelihood by W, b and c in one list. */
export function likelihoodGradient(rbm: models.RBM, samples: readonly (readonly number[])[]): number[] {
  const p = parametersOf(rbm);
  const [visible, hidden] = [p.b.length, p.c.length];
  const total = new Array<number>(visible * hidden + visible + hidden).fill(0);
  const count = (v: readonly number[], factor: number): void => {
    const h = hiddenOf(p, v);
    v.forEach((x, i) => h.forEach((y, j) => (total[i * hidden + j]! += factor * x * y)));
    v.forEach((x, i) => (total[visible * hidden + i]! += factor * x));
    h.forEach((y, j) => (total[visible * hidden + visible + j]! += factor * y));
  };
  for (const v of samples) count(v, -1 / samples.length);
  const { probabilities } = exact(rbm);
  statesOf(visible).forEach((v, s) => count(v, probabilities[s]!));
  return total;
}
