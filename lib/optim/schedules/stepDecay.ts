import { requireNumber, requireWhole } from '../options.js';
import { LRScheduler, optionsOf, type Scheduled } from './scheduler.js';

export interface StepLROptions {
  /** Steps from one decay to the next. */
  readonly stepSize: number;
  /** What the rate is multiplied by. Default: 0.1. */
  readonly gamma?: number;
}

/**
 * lr = base·gamma^⌊t / stepSize⌋
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range
 */
export class StepLR extends LRScheduler {
  readonly #stepSize: number;
  readonly #gamma: number;

  constructor(optimizer: Scheduled, options: StepLROptions) {
    super(optimizer);
    const { stepSize, gamma } = optionsOf('StepLR', { gamma: 0.1 }, options, ['stepSize']);
    requireWhole('StepLR: stepSize', stepSize, 1);
    requireNumber('StepLR: gamma', gamma, 0);
    this.#stepSize = stepSize;
    this.#gamma = gamma;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    return base * this.#gamma ** Math.floor(t / this.#stepSize);
  }
}

export interface MultiStepLROptions {
  /** The steps at which the rate decays; twice at one that is there twice. */
  readonly milestones: readonly number[];
  /** What the rate is multiplied by. Default: 0.1. */
  readonly gamma?: number;
}

/**
 * lr = base·gamma^n, where n milestones are at t or before.
 *
 * @throws TypeError or RangeError for options unknown, missing or out of range
 */
export class MultiStepLR extends LRScheduler {
  readonly #milestones: readonly number[];
  readonly #gamma: number;

  constructor(optimizer: Scheduled, options: MultiStepLROptions) {
    super(optimizer);
    const { milestones, gamma } = optionsOf('MultiStepLR', { gamma: 0.1 }, options, ['milestones']);
    requireMilestones('MultiStepLR', milestones);
    requireNumber('MultiStepLR: gamma', gamma, 0);
    this.#milestones = [...milestones];
    this.#gamma = gamma;
    this.moveTo(0);
  }

  protected override lrAt(t: number, base: number): number {
    return base * this.#gamma ** this.#milestones.filter((milestone) => milestone <= t).length;
  }
}

/** Refuses what is no list of whole numbers from 0 on. */
export function requireMilestones(name: string, milestones: unknown): void {
  if (!Array.isArray(milestones))
    throw new TypeError(`${name}: milestones is no list, wants one of whole numbers`);
  const list: unknown[] = milestones;
  for (const [i, milestone] of list.entries()) requireWhole(`${name}: milestones[${i}]`, milestone, 0);
}
