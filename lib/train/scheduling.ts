import { describe } from '../describe.js';
import { LRScheduler } from '../optim/schedules/scheduler.js';
import { ReduceLROnPlateau } from '../optim/schedules/plateau.js';
import type { EpochRecord } from './history.js';
import { monitoredValue, type Monitored } from './monitor.js';

/** What moves learning rates: by steps or epochs, or by what is measured. */
export type Scheduler = LRScheduler | ReduceLROnPlateau;

export interface Schedule {
  readonly scheduler: Scheduler;
  /** When the schedule moves on: after each epoch, or after each step of the optimizer. Default: its own `interval`. */
  readonly interval?: 'epoch' | 'step' | undefined;
  /** What ReduceLROnPlateau watches. Default: 'validationLoss'; 'loss' where fit() has no validation data. */
  readonly monitor?: Monitored | undefined;
}

/** Moves a schedule of learning rates on. */
export class Scheduling {
  readonly scheduler: Scheduler;
  readonly #interval: 'epoch' | 'step';
  readonly #monitor: Monitored | undefined;

  /** @throws TypeError or RangeError for what is no schedule */
  constructor(given: Scheduler | Schedule) {
    const schedule = isScheduler(given) ? { scheduler: given } : given;
    const { scheduler, interval, monitor } = schedule;
    if (!isScheduler(scheduler)) {
      throw new TypeError(
        `Trainer: schedule is ${describe(given)}, wants one of optim's, or { scheduler, … }`,
      );
    }
    if (![undefined, 'epoch', 'step'].includes(interval)) {
      throw new RangeError(`Trainer: schedule.interval is ${describe(interval)}, wants 'epoch' or 'step'`);
    }
    const plateau = scheduler instanceof ReduceLROnPlateau;
    if (plateau && interval === 'step') {
      throw new RangeError(
        "Trainer: schedule.interval is 'step', what ReduceLROnPlateau watches is of epochs",
      );
    }
    this.scheduler = scheduler;
    this.#interval = interval ?? (plateau ? 'epoch' : scheduler.interval);
    this.#monitor = monitor;
  }

  afterStep(): void {
    if (this.#interval === 'step' && this.scheduler instanceof LRScheduler) this.scheduler.step();
  }

  afterEpoch(record: EpochRecord): void {
    if (this.scheduler instanceof ReduceLROnPlateau) {
      const monitor = this.#monitor ?? (record.validation ? 'validationLoss' : 'loss');
      this.scheduler.step(monitoredValue('ReduceLROnPlateau', record, monitor));
    } else if (this.#interval === 'epoch') {
      this.scheduler.step();
    }
  }
}

function isScheduler(given: unknown): given is Scheduler {
  return given instanceof LRScheduler || given instanceof ReduceLROnPlateau;
}
