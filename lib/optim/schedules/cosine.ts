import { requireNumber, requireWhole } from '../options.js';
import { LRScheduler, optionsOf, type Scheduled } from './scheduler.js';

export interface CosineAnnealingLROptions {
  /** Steps from the base rate to the least; after as many more it is back. */
  readonly tMax: number;
  /** The least rate. Default: 0. */
  readonly etaMin?: number;
}

/**
 * lr = etaMin + (base − etaMin)·(1 + cos(π·t / tMax)) / 2 (Loshchilov and Hutter, 2017)
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range
 */
export class CosineAnnealingLR extends LRScheduler {
  readonly #tMax: number;
  readonly #etaMin: number;

  constructor(optimizer: Scheduled, options: CosineAnnealingLROptions) {
    super(optimizer);
    const { tMax, etaMin } = optionsOf('CosineAnnealingLR', { etaMin: 0 }, options, ['tMax']);
    requireWhole('CosineAnnealingLR: tMax', tMax, 1);
    requireNumber('CosineAnnealingLR: etaMin', etaMin, 0);
    this.#tMax = tMax;
    this.#etaMin = etaMin;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    return annealed(base, this.#etaMin, t / this.#tMax);
  }
}

export interface CosineAnnealingWarmRestartsOptions {
  /** Steps of the first cycle. */
  readonly t0: number;
  /** How much longer each cycle is than the one before; whole. Default: 1. */
  readonly tMult?: number;
  /** The rate that cycles go to. Default: 0. */
  readonly etaMin?: number;
}

/**
 * SGDR (Loshchilov and Hutter, 2017): lr = etaMin + (base − etaMin)·(1 + cos(π·s / T)) / 2, s steps into a cycle of T, which
 * is t0·tMultⁱ in the i-th from 0 on.
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly #options: Required<CosineAnnealingWarmRestartsOptions>;

  constructor(optimizer: Scheduled, options: CosineAnnealingWarmRestartsOptions) {
    super(optimizer);
    const name = 'CosineAnnealingWarmRestarts';
    const complete = optionsOf(name, { tMult: 1, etaMin: 0 }, options, ['t0']);
    requireWhole(`${name}: t0`, complete.t0, 1);
    requireWhole(`${name}: tMult`, complete.tMult, 1);
    requireNumber(`${name}: etaMin`, complete.etaMin, 0);
    this.#options = complete;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    const { t0, tMult, etaMin } = this.#options;
    let [step, length] = [t, t0];
    if (tMult === 1) step %= length;
    while (step >= length) {
      step -= length;
      length *= tMult;
    }
    return annealed(base, etaMin, step / length);
  }
}

/** From `start` to `end` along half a cosine, as `share` goes from 0 to 1. */
export function annealed(start: number, end: number, share: number): number {
  return end + ((start - end) * (1 + Math.cos(Math.PI * share))) / 2;
}
