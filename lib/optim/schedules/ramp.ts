import { requireNumber, requireShare, requireWhole } from '../options.js';
import { LRScheduler, optionsOf, type Scheduled } from './scheduler.js';

export interface LinearLROptions {
  /** What the rate is multiplied by at first, above 0 to 1. Default: 1/3. */
  readonly startFactor?: number;
  /** What it is multiplied by at last, from 0 to 1. Default: 1. */
  readonly endFactor?: number;
  /** Steps from the one to the other. Default: 5. */
  readonly totalIters?: number;
}

/**
 * Linear warm-up, or decay: lr = base·(startFactor + (endFactor − startFactor)·min(t, totalIters) / totalIters)
 *
 * @throws TypeError or RangeError for options unknown or out of range
 */
export class LinearLR extends LRScheduler {
  readonly #options: Required<LinearLROptions>;

  constructor(optimizer: Scheduled, options: LinearLROptions = {}) {
    super(optimizer);
    const defaults = { startFactor: 1 / 3, endFactor: 1, totalIters: 5 };
    const complete = optionsOf('LinearLR', defaults, options);
    requireShare('LinearLR: startFactor', complete.startFactor);
    if (complete.startFactor === 0)
      throw new RangeError('LinearLR: startFactor is 0, wants a number above 0');
    requireShare('LinearLR: endFactor', complete.endFactor);
    requireWhole('LinearLR: totalIters', complete.totalIters, 1);
    this.#options = complete;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    const { startFactor, endFactor, totalIters } = this.#options;
    return base * (startFactor + ((endFactor - startFactor) * Math.min(t, totalIters)) / totalIters);
  }
}

export interface PolynomialLROptions {
  /** Steps until the rate is 0. Default: 5. */
  readonly totalIters?: number;
  /** Default: 1. */
  readonly power?: number;
}

/**
 * lr = base·(1 − min(t, totalIters) / totalIters)^power
 *
 * @throws TypeError or RangeError for options unknown or out of range
 */
export class PolynomialLR extends LRScheduler {
  readonly #options: Required<PolynomialLROptions>;

  constructor(optimizer: Scheduled, options: PolynomialLROptions = {}) {
    super(optimizer);
    const complete = optionsOf('PolynomialLR', { totalIters: 5, power: 1 }, options);
    requireWhole('PolynomialLR: totalIters', complete.totalIters, 1);
    requireNumber('PolynomialLR: power', complete.power, 0);
    this.#options = complete;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    const { totalIters, power } = this.#options;
    return base * (1 - Math.min(t, totalIters) / totalIters) ** power;
  }
}
