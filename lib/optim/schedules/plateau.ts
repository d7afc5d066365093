import { StriateError } from '../../native.js';
import { kind, requireChoice, requireNumber, requireWhole } from '../options.js';
import { numbersFor, optionsOf, requireScheduled, type Scheduled } from './scheduler.js';

export interface ReduceLROnPlateauOptions {
  /** Whether the metric is to fall, as a loss, or to rise, as accuracy. Default: 'min'. */
  readonly mode?: 'min' | 'max';
  /** What rates are multiplied by, less than 1. Default: 0.1. */
  readonly factor?: number;
  /** Steps without improvement that are let pass. Default: 10. */
  readonly patience?: number;
  /** How much better than the best the metric must be, to count. Default: 1e-4. */
  readonly threshold?: number;
  /** Whether that is a share of the best, or an amount. Default: 'rel'. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Steps after a reduction that do not count. Default: 0. */
  readonly cooldown?: number;
  /** The least rate, or one for each group. Default: 0. */
  readonly minLr?: number | readonly number[];
  /** Rates are left where they would change by no more. Default: 1e-8. */
  readonly eps?: number;
}

/** What the schedule knows: plain JSON. */
export interface ReduceLROnPlateauState {
  lastEpoch: number;
  /** null before the first step. */
  best: number | null;
  numBadEpochs: number;
  cooldownCounter: number;
  lastLr: number[];
}

const defaults = {
  mode: 'min',
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: 'rel',
  cooldown: 0,
  minLr: 0,
  eps: 1e-8,
} as const;

/**
 * Multiplies the learning rates by `factor` when a metric has not got better for more than `patience` steps.
 *
 * ```ts
 * const schedule = new optim.ReduceLROnPlateau(optimizer, { patience: 3 });
 * const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, schedule });
 * await trainer.fit(train, { epochs: 30, validation });
 * ```
 *
 * @throws TypeError or RangeError for options unknown or out of range
 */
export class ReduceLROnPlateau {
  readonly optimizer: Scheduled;
  readonly #options: Required<ReduceLROnPlateauOptions>;
  readonly #minLrs: readonly number[];
  #lastEpoch = 0;
  #best: number | null = null;
  #numBadEpochs = 0;
  #cooldownCounter = 0;

  constructor(optimizer: Scheduled, options: ReduceLROnPlateauOptions = {}) {
    const name = 'ReduceLROnPlateau';
    this.optimizer = requireScheduled(name, optimizer);
    const complete = optionsOf(name, defaults, options);
    requireChoice(`${name}: mode`, complete.mode, ['min', 'max']);
    requireNumber(`${name}: factor`, complete.factor, 0, 1);
    requireWhole(`${name}: patience`, complete.patience, 0);
    requireNumber(`${name}: threshold`, complete.threshold, 0);
    requireChoice(`${name}: thresholdMode`, complete.thresholdMode, ['rel', 'abs']);
    requireWhole(`${name}: cooldown`, complete.cooldown, 0);
    requireNumber(`${name}: eps`, complete.eps, 0);
    this.#minLrs = numbersFor(`${name}: minLr`, complete.minLr, optimizer.groups.length);
    this.#options = complete;
  }

  /** Steps taken; PyTorch's name, whatever a step is. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** The best metric so far; null before the first step. */
  get best(): number | null {
    return this.#best;
  }

  /** The learning rates as they are. */
  get lastLr(): number[] {
    return this.optimizer.groups.map(({ lr }) => lr);
  }

  /** Takes note of a metric, and reduces the rates where it is time. What is not a number counts as no better. */
  step(metric: number): void {
    if (typeof metric !== 'number') {
      throw new TypeError(`ReduceLROnPlateau: metric is ${kind(metric)}, wants a number`);
    }
    this.#requireGroups();
    const { patience, cooldown } = this.#options;
    this.#lastEpoch++;
    if (this.#isBetter(metric)) {
      this.#best = metric;
      this.#numBadEpochs = 0;
    } else {
      this.#numBadEpochs++;
    }
    if (this.#cooldownCounter > 0) {
      this.#cooldownCounter--;
      this.#numBadEpochs = 0;
    }
    if (this.#numBadEpochs <= patience) return;
    this.#reduce();
    this.#cooldownCounter = cooldown;
    this.#numBadEpochs = 0;
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const best = this.#best;
    if (best === null) return mode === 'min' ? metric < Infinity : metric > -Infinity;
    const sign = mode === 'min' ? -1 : 1;
    const bound = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === 'min' ? metric < bound : metric > bound;
  }

  #reduce(): void {
    const { factor, eps } = this.#options;
    for (const [i, group] of this.optimizer.groups.entries()) {
      const reduced = Math.max(group.lr * factor, this.#minLrs[i]!);
      if (group.lr - reduced > eps) group.lr = reduced;
    }
  }

  #requireGroups(): void {
    const count = this.optimizer.groups.length;
    if (count === this.#minLrs.length) return;
    throw new StriateError(
      `ReduceLROnPlateau: the optimizer has ${count} groups, had ${this.#minLrs.length} when the schedule was made`,
    );
  }

  /** What a checkpoint holds of it. */
  stateDict(): ReduceLROnPlateauState {
    return {
      lastEpoch: this.#lastEpoch,
      best: this.#best,
      numBadEpochs: this.#numBadEpochs,
      cooldownCounter: this.#cooldownCounter,
      lastLr: this.lastLr,
    };
  }

  /**
   * Goes on where another schedule with the same options was, also with its learning rates.
   *
   * @throws TypeError or RangeError, before anything is changed, for what is no such state
   */
  loadStateDict({ lastEpoch, best, numBadEpochs, cooldownCounter, lastLr }: ReduceLROnPlateauState): void {
    const name = 'ReduceLROnPlateau';
    this.#requireGroups();
    requireWhole(`${name}: lastEpoch`, lastEpoch, 0);
    if (best !== null) requireNumber(`${name}: best`, best);
    requireWhole(`${name}: numBadEpochs`, numBadEpochs, 0);
    requireWhole(`${name}: cooldownCounter`, cooldownCounter, 0);
    const lrs = numbersFor(`${name}: lastLr`, lastLr, this.#minLrs.length);
    for (const [i, group] of this.optimizer.groups.entries()) group.lr = lrs[i]!;
    this.#lastEpoch = lastEpoch;
    this.#best = best;
    this.#numBadEpochs = numBadEpochs;
    this.#cooldownCounter = cooldownCounter;
  }
}
