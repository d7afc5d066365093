import { requireFlag, requireNumber } from '../options.js';
import { LRScheduler, optionsOf, type Scheduled } from './scheduler.js';

export interface ExponentialLROptions {
  /** What the rate is multiplied by in each step. */
  readonly gamma: number;
}

/**
 * lr = base·gammaᵗ
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range
 */
export class ExponentialLR extends LRScheduler {
  readonly #gamma: number;

  constructor(optimizer: Scheduled, options: ExponentialLROptions) {
    super(optimizer);
    const { gamma } = optionsOf('ExponentialLR', {}, options, ['gamma']);
    requireNumber('ExponentialLR: gamma', gamma, 0);
    this.#gamma = gamma;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    return base * this.#gamma ** t;
  }
}

export interface InverseTimeLROptions {
  /** How much the divisor grows in decaySteps. */
  readonly decayRate: number;
  /** Default: 1. */
  readonly decaySteps?: number;
  /** Whether the divisor grows only every decaySteps, rather than a little in each. Default: false. */
  readonly staircase?: boolean;
}

/**
 * Decay by 1/t: lr = base / (1 + decayRate·t / decaySteps), with staircase ⌊t / decaySteps⌋ (Keras' InverseTimeDecay).
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range
 */
export class InverseTimeLR extends LRScheduler {
  readonly #options: Required<InverseTimeLROptions>;

  constructor(optimizer: Scheduled, options: InverseTimeLROptions) {
    super(optimizer);
    const defaults = { decaySteps: 1, staircase: false };
    const complete = optionsOf('InverseTimeLR', defaults, options, ['decayRate']);
    requireNumber('InverseTimeLR: decayRate', complete.decayRate, 0);
    requireNumber('InverseTimeLR: decaySteps', complete.decaySteps, Number.MIN_VALUE);
    requireFlag('InverseTimeLR: staircase', complete.staircase);
    this.#options = complete;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    const { decayRate, decaySteps, staircase } = this.#options;
    const passed = t / decaySteps;
    return base / (1 + decayRate * (staircase ? Math.floor(passed) : passed));
  }
}
