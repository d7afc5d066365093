import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StriateError } from '../native.js';
import { improves } from '../train/monitor.js';
import type { Draws } from './draws.js';
import type { Checked, SearchProgress, SearchResult, Trial } from './options.js';
import { StateFile } from './stateFile.js';
import { sampleDraws, Training } from './training.js';

/** A candidate, from those whose bracket is done. */
export type Propose = (
  done: readonly Readonly<Trial>[],
  draws: Draws,
) => { sample: unknown; parent: number | null };

/** How a search is told from others, beside the options that all have. */
export interface Strategy {
  readonly propose: Propose;
  /** Its own options, as JSON. */
  readonly declaration: Record<string, unknown>;
}

/** The longest time that a timer takes, in seconds. */
const longest = 2 ** 31 / 1000 - 1;

/**
 * Goes through the brackets of a search. It is a function of the options and of the scores alone: what a state file knows
 * is not trained again, and the search goes the same way.
 */
export class Search {
  readonly #options: Checked;
  readonly #strategy: Strategy;
  readonly #trials: Trial[] = [];
  #best: Trial | null = null;

  constructor(options: Checked, strategy: Strategy) {
    this.#options = options;
    this.#strategy = strategy;
  }

  async run(): Promise<SearchResult<never>> {
    const { folder, signal, maxSeconds } = this.#options;
    signal?.throwIfAborted();
    const place = folder ?? (await mkdtemp(join(tmpdir(), 'striate-search-')));
    const limit = AbortSignal.timeout(Math.floor(1000 * Math.min(maxSeconds, longest)));
    const training = new Training(this.#options, place, signal ? AbortSignal.any([signal, limit]) : limit);
    let finished = false;
    try {
      const state = await StateFile.open(
        folder === undefined ? null : join(folder, 'search.json'),
        this.#declaration(),
      );
      try {
        await this.#brackets(training, state, limit);
        finished = true;
      } catch (error) {
        if (!limit.aborted || error !== limit.reason) throw error;
      }
      const best = this.#requireBest();
      const trainer = await training.kept(best);
      return { best: best as Trial<never>, trainer, trials: this.#trials as Trial<never>[], finished };
    } finally {
      if (folder === undefined) await rm(place, { recursive: true, force: true });
    }
  }

  #declaration(): Record<string, unknown> {
    const { caller, part, train, validation, trials, rungs, bracket, batchSize, monitor, seed } =
      this.#options;
    const samples = [train.length, validation.length];
    const common = {
      kind: caller,
      space: part.declaration(),
      samples,
      trials,
      rungs,
      bracket,
      batchSize,
      monitor,
    };
    return { ...common, seed, ...this.#strategy.declaration };
  }

  async #brackets(training: Training, state: StateFile, limit: AbortSignal): Promise<void> {
    const { trials, bracket, seed } = this.#options;
    while (this.#trials.length < trials) {
      const done = [...this.#trials];
      const size = Math.min(bracket, trials - done.length);
      const candidates = Array.from({ length: size }, (_, i) => {
        const number = done.length + i + 1;
        const { sample, parent } = this.#strategy.propose(done, sampleDraws(seed, number));
        return { number, sample, parent, epochs: 0, score: null, error: null };
      });
      this.#trials.push(...candidates);
      await this.#halving(candidates, training, state, limit);
    }
  }

  async #halving(
    candidates: readonly Trial[],
    training: Training,
    state: StateFile,
    limit: AbortSignal,
  ): Promise<void> {
    const { rungs, mode } = this.#options;
    const first = rungs[0]!.candidates;
    let left = candidates;
    for (const [rung, { candidates: wanted, epochs }] of rungs.entries()) {
      // The last bracket may be a smaller one.
      const count = Math.max(1, Math.floor((wanted * candidates.length) / first));
      const [on, off] = [ranked(left, mode).slice(0, count), ranked(left, mode).slice(count)];
      for (const trial of off) await training.forget(trial);
      // In their order, as nothing else fixes which comes first.
      for (const trial of on.sort((a, b) => a.number - b.number)) {
        await this.#train(trial, rung, epochs, training, state, limit);
      }
      left = on.filter(({ error }) => error === null);
      const [failed, last] = [on.filter(({ error }) => error !== null), rung + 1 === rungs.length];
      for (const trial of last ? on : failed) await training.forget(trial);
      if (left.length === 0) return;
    }
  }

  async #train(
    trial: Trial,
    rung: number,
    epochs: number,
    training: Training,
    state: StateFile,
    limit: AbortSignal,
  ): Promise<void> {
    const { number, sample } = trial;
    const known = state.outcome(number, rung, sample);
    const tell = async (kind: 'begin' | 'end') => {
      const { onProgress, trials } = this.#options;
      const event = {
        kind,
        trial: { ...trial },
        epochs,
        rung: rung + 1,
        trials,
        resumed: known !== undefined,
      };
      await onProgress?.({ ...event, best: this.#best && { ...this.#best } } as SearchProgress<never>);
    };
    // The time is for training: what is known is taken up whole.
    if (!known) limit.throwIfAborted();
    this.#options.signal?.throwIfAborted();
    await tell('begin');
    const { score, error } = known ?? (await training.score(trial, epochs));
    const before = this.#best && { ...this.#best };
    if (score === null) trial.error = error;
    else Object.assign(trial, { epochs, score });
    const better = score !== null && this.#isBest(trial);
    if (better && !known) await training.keep(trial);
    // In this order: what the state knows is not done again.
    if (!known) await state.add({ trial: number, rung, sample, score, error });
    if (better) this.#best = trial;
    if (better && before) await training.dethrone(before);
    await tell('end');
  }

  /** Whether a candidate is better than the best so far: trained longer, or to a better score. */
  #isBest(trial: Trial): boolean {
    const best = this.#best;
    if (!best || best === trial || trial.epochs !== best.epochs) {
      return !best || best === trial || trial.epochs > best.epochs;
    }
    return improves(this.#options.mode, trial.score!, best.score);
  }

  #requireBest(): Trial {
    if (this.#best) return this.#best;
    const { caller } = this.#options;
    const failed = this.#trials.find(({ error }) => error !== null);
    throw new StriateError(
      failed
        ? `${caller}: no candidate could be trained; trial ${failed.number}: ${failed.error}`
        : `${caller}: the time was up before a candidate was trained`,
    );
  }
}

/** The best first: those that were trained longer, and of these those with better scores. */
export function ranked<T extends Readonly<Trial>>(trials: readonly T[], mode: 'min' | 'max'): T[] {
  const sign = mode === 'min' ? 1 : -1;
  const value = ({ score }: T): number => (score === null ? Infinity : sign * score);
  const difference = (a: number, b: number): number => (a === b ? 0 : a - b);
  return [...trials].sort(
    (a, b) => b.epochs - a.epochs || difference(value(a), value(b)) || a.number - b.number,
  );
}
