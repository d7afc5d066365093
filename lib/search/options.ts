import type { Dataset } from '../data/dataset.js';
import { describe } from '../describe.js';
import { requireNumber, requireWhole } from '../optim/options.js';
import { modeOf, type Monitored } from '../train/monitor.js';
import type { Trainer } from '../train/trainer.js';
import { halvingSchedule, type EpochBudget, type EpochRange, type Rung } from './halving.js';
import type { Part } from './part.js';
import { partOf, type SampleOf, type Space } from './space.js';

/** One candidate: a sample of the space, and what came of it. */
export interface Trial<Sample = unknown> {
  /** Counted from 1. */
  readonly number: number;
  readonly sample: Sample;
  /** The candidate that it is a mutation of; null where it was drawn. */
  readonly parent: number | null;
  /** What it had been trained for when its score was measured. */
  epochs: number;
  /** What is monitored, on the validation data; null before the first training has ended. */
  score: number | null;
  /** Why it went no further: a model that cannot be built, a loss that is not finite. Null where it did not fail. */
  error: string | null;
}

/** What a search tells as it goes: before and after each training of a candidate. */
export interface SearchProgress<Sample = unknown> {
  readonly kind: 'begin' | 'end';
  readonly trial: Readonly<Trial<Sample>>;
  /** What the candidate is, or was, trained for. */
  readonly epochs: number;
  /** The round of successive halving, counted from 1. */
  readonly rung: number;
  /** Candidates of the whole search. */
  readonly trials: number;
  /** Whether it was read from the folder, and not trained now. */
  readonly resumed: boolean;
  /** The best so far. */
  readonly best: Readonly<Trial<Sample>> | null;
}

export interface SearchOptions<S extends Space> {
  /** What is searched. */
  readonly space: S;
  /**
   * Makes a model and what trains it out of a sample, anew at each call, and the same from the same sample: random
   * numbers are set before. RangeError and StriateError count as a sample that does not work. `epochs` are the most that
   * it may be trained for, for a schedule.
   */
  readonly build: (
    sample: SampleOf<S>,
    context: { readonly epochs: number; readonly trial: number },
  ) => Trainer | Promise<Trainer>;
  readonly train: Dataset;
  readonly validation: Dataset;
  /** Candidates in all. */
  readonly trials: number;
  /** What each candidate is trained for, or how successive halving divides it; see halvingSchedule. Default: 1. */
  readonly epochs?: number | EpochRange | EpochBudget | undefined;
  /** Candidates that compete in one successive halving. Default: all of a random search, a population of evolution. */
  readonly bracket?: number | undefined;
  /** Default: 32. */
  readonly batchSize?: number | undefined;
  /** 'loss', or a metric of the trainers, on the validation data. Default: 'accuracy'. */
  readonly monitor?: Monitored | undefined;
  /** Fixes all that is drawn. Default: 0. */
  readonly seed?: number | undefined;
  /**
   * Where the state of the search is kept, made where it is not there: a search that was interrupted there, at whatever
   * moment, goes on to the same result. Default: nowhere.
   */
  readonly folder?: string | undefined;
  /** The search ends when so many seconds have passed, with what there is. Default: without end. */
  readonly maxSeconds?: number | undefined;
  /** Ends the search after the batch that runs: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each step of the search, and awaited. */
  readonly onProgress?: ((progress: SearchProgress<SampleOf<S>>) => void | Promise<void>) | undefined;
}

export interface SearchResult<Sample> {
  /** Of those that were trained the longest the one with the best score; the first of several. */
  readonly best: Readonly<Trial<Sample>>;
  /** The best, trained. */
  readonly trainer: Trainer;
  readonly trials: readonly Readonly<Trial<Sample>>[];
  /** Whether it came to its end, before its time was up. */
  readonly finished: boolean;
}

/** Options that have been checked. */
export interface Checked {
  readonly caller: string;
  readonly part: Part<unknown>;
  readonly build: (sample: never, context: { epochs: number; trial: number }) => Trainer | Promise<Trainer>;
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly trials: number;
  readonly rungs: readonly Rung[];
  readonly bracket: number;
  readonly batchSize: number;
  readonly monitor: string;
  readonly mode: 'min' | 'max';
  readonly seed: number;
  readonly folder: string | undefined;
  readonly maxSeconds: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: SearchProgress<never>) => void | Promise<void>) | undefined;
}

/**
 * @param usual the size of a bracket with successive halving
 * @throws TypeError, RangeError that begin with `caller`
 */
export function checkedOptions<S extends Space>(
  caller: string,
  options: SearchOptions<S>,
  usual: (trials: number) => number,
): Checked {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new TypeError(`${caller}: options is ${describe(options)}, wants an object`);
  }
  const { space, build, train, validation, trials, epochs = 1, batchSize = 32, seed = 0 } = options;
  const { monitor = 'accuracy', folder, maxSeconds = Infinity, signal, onProgress } = options;
  const part = partOf(`${caller}: space`, space);
  for (const [name, work] of [['build', build], ['onProgress', onProgress ?? build]] as const) {
    if (typeof work === 'function') continue;
    throw new TypeError(`${caller}: ${name} is ${describe(work)}, wants a function`);
  } // prettier-ignore
  for (const [name, dataset] of Object.entries({ train, validation })) {
    if (typeof (dataset as Dataset | undefined)?.get === 'function') continue;
    throw new TypeError(`${caller}: ${name} is ${describe(dataset)}, wants a Dataset`);
  }
  requireWhole(`${caller}: trials`, trials, 1);
  requireWhole(`${caller}: batchSize`, batchSize, 1);
  requireWhole(`${caller}: seed`, seed, 0);
  if (typeof monitor !== 'string' || monitor === '') {
    throw new TypeError(`${caller}: monitor is ${describe(monitor)}, wants 'loss', or the name of a metric`);
  }
  if (folder !== undefined && (typeof folder !== 'string' || folder === '')) {
    throw new TypeError(`${caller}: folder is ${describe(folder)}, wants a path`);
  }
  if (maxSeconds !== Infinity) requireNumber(`${caller}: maxSeconds`, maxSeconds, 0);
  const halves = typeof epochs === 'object';
  if (!halves) requireWhole(`${caller}: epochs`, epochs, 1);
  const bracket = options.bracket ?? (halves ? usual(trials) : 1);
  requireWhole(`${caller}: bracket`, bracket, 1);
  if (bracket > trials)
    throw new RangeError(`${caller}: bracket is ${bracket}, wants at most ${trials}, trials`);
  const rungs = halves ? halvingSchedule(bracket, epochs) : [{ candidates: bracket, epochs }];
  const checked = { caller, part, train, validation, trials, rungs, bracket, batchSize, monitor, seed };
  return {
    ...checked,
    ...{ folder, maxSeconds, signal },
    build: build,
    mode: modeOf(monitor),
    onProgress: onProgress,
  };
}
