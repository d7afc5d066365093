import { LRScheduler, optionsOf, type LRSchedulerState, type Scheduled } from './scheduler.js';
import { requireMilestones } from './stepDecay.js';

export interface SequentialLROptions {
  /** Schedules of this optimizer. */
  readonly schedulers: readonly LRScheduler[];
  /** The steps at which the second begins, the third, and so on; rising. */
  readonly milestones: readonly number[];
}

export interface SequentialLRState extends LRSchedulerState {
  schedulers: LRSchedulerState[];
}

/**
 * Schedules one after the other, each from its own t = 0 on: warm-up and then a decay, say. Their own step() is not to be
 * called.
 *
 * ```ts
 * const warmUp = new optim.LinearLR(optimizer, { startFactor: 0.01, totalIters: 5 });
 * const decay = new optim.CosineAnnealingLR(optimizer, { tMax: 55 });
 * const schedule = new optim.SequentialLR(optimizer, { schedulers: [warmUp, decay], milestones: [5] });
 * ```
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range, and schedules of another optimizer
 */
export class SequentialLR extends LRScheduler {
  readonly #schedulers: readonly LRScheduler[];
  readonly #milestones: readonly number[];

  constructor(optimizer: Scheduled, options: SequentialLROptions) {
    super(optimizer);
    const name = 'SequentialLR';
    const { schedulers, milestones } = optionsOf(name, {}, options, ['schedulers', 'milestones']);
    const list: unknown = schedulers;
    if (!Array.isArray(list) || list.length === 0) {
      throw new TypeError(`${name}: schedulers is no list of schedules, or empty`);
    }
    for (const [i, scheduler] of schedulers.entries()) {
      if (!(scheduler instanceof LRScheduler)) {
        throw new TypeError(`${name}: schedulers[${i}] is no schedule whose steps are counted`);
      }
      if (scheduler.optimizer !== optimizer) {
        throw new RangeError(`${name}: schedulers[${i}] is of another optimizer`);
      }
    }
    requireMilestones(name, milestones);
    if (milestones.length !== schedulers.length - 1) {
      throw new RangeError(
        `${name}: milestones has ${milestones.length} steps, wants ${schedulers.length - 1}, one fewer than schedulers`,
      );
    }
    if (milestones.some((milestone, i) => i > 0 && milestone <= milestones[i - 1]!)) {
      throw new RangeError(`${name}: milestones are ${milestones.join(', ')}, want to rise`);
    }
    this.#schedulers = [...schedulers];
    this.#milestones = [...milestones];
    this.moveTo(0);
  }

  protected override lrAt(t: number, _base: number, group: number): number {
    const { scheduler, start } = this.#at(t);
    return scheduler.lrsAt(t - start)[group]!;
  }

  override moveTo(t: number): void {
    super.moveTo(t);
    // It may steer more than rates.
    const { scheduler, start } = this.#at(t);
    scheduler.moveTo(t - start);
  }

  #at(t: number): { scheduler: LRScheduler; start: number } {
    const begun = this.#milestones.filter((milestone) => milestone <= t);
    return { scheduler: this.#schedulers[begun.length]!, start: begun.at(-1) ?? 0 };
  }

  override stateDict(): SequentialLRState {
    return { ...super.stateDict(), schedulers: this.#schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  override loadStateDict(state: SequentialLRState): void {
    const given: unknown = state.schedulers;
    if (!Array.isArray(given) || given.length !== this.#schedulers.length) {
      throw new RangeError(
        `SequentialLR: schedulers wants the states of ${this.#schedulers.length} schedules`,
      );
    }
    for (const [i, scheduler] of this.#schedulers.entries()) scheduler.loadStateDict(state.schedulers[i]!);
    super.loadStateDict(state);
  }
}
