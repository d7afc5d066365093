import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '../describe.js';
import { StriateError } from '../native.js';
import { randomState, setRandomState, setSeed } from '../ops/creation.js';
import { Checkpoint, loadCheckpoint, sameFile } from '../train/checkpoint.js';
import { Trainer } from '../train/trainer.js';
import { Draws } from './draws.js';
import type { Checked, Trial } from './options.js';

/** Trains candidates, each in a folder of its own, from which the next round goes on to the same bits. */
export class Training {
  readonly #options: Checked;
  readonly #folder: string;
  readonly #signal: AbortSignal;

  constructor(options: Checked, folder: string, signal: AbortSignal) {
    this.#options = options;
    this.#folder = folder;
    this.#signal = signal;
  }

  /**
   * The score of a candidate that has been trained for so many epochs in all.
   *
   * @returns the message of an error in its place, where the sample does not work
   */
  async score(trial: Trial, epochs: number): Promise<{ score: number | null; error: string | null }> {
    const { train, validation, batchSize } = this.#options;
    const { file, folder } = this.#place(trial);
    let trainer: Trainer | undefined;
    try {
      return await this.#drawing(trial, async (seed) => {
        trainer = await this.#built(trial);
        const checkpoint = new Checkpoint({ folder, monitor: null, onError: told });
        await trainer.fit(train, {
          ...{ epochs, batchSize, seed, callbacks: [checkpoint], progress: false, signal: this.#signal },
          ...(existsSync(file) && { resume: file }),
        });
        this.#signal.throwIfAborted();
        return this.#judged(await trainer.evaluate(validation));
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof StriateError || error instanceof RangeError)) throw error;
      // What is wrong with the file is nothing that the sample does.
      if (error.message.startsWith(file) || error instanceof Unmeasured) throw error;
      return { score: null, error: error.message };
    } finally {
      trainer?.optimizer.dispose();
      trainer?.model.dispose();
    }
  }

  #judged({ loss, metrics }: { loss: number; metrics: Record<string, number> }) {
    const { caller, monitor } = this.#options;
    const score = monitor === 'loss' ? loss : metrics[monitor];
    if (score === undefined) {
      const known = ['loss', ...Object.keys(metrics)].join(', ');
      throw new Unmeasured(`${caller}: the trainers measure no ${monitor}, only ${known}`);
    }
    return Number.isFinite(score) ? { score, error: null } : { score: null, error: `${monitor} is ${score}` };
  }

  async #built(trial: Trial): Promise<Trainer> {
    const { caller, build, rungs } = this.#options;
    const context = { epochs: rungs.at(-1)!.epochs, trial: trial.number };
    const trainer: unknown = await build(trial.sample as never, context);
    if (trainer instanceof Trainer) return trainer;
    throw new TypeError(`${caller}: build gave ${describe(trainer)}, wants a Trainer`);
  }

  /** Calls `work` with random numbers that the candidate fixes; those of others go on as before. */
  async #drawing<T>({ number }: Trial, work: (seed: number) => Promise<T>): Promise<T> {
    const before = randomState();
    const seed = seedOf(this.#options.seed, number);
    setSeed(seed);
    try {
      return await work(seed);
    } finally {
      setRandomState(before);
    }
  }

  /** Keeps the candidate as it is as the best so far. */
  async keep(trial: Trial): Promise<void> {
    await sameFile(this.#place(trial).file, this.#kept(trial));
  }

  /** A candidate that was kept, as it was then. */
  async kept(trial: Trial): Promise<Trainer> {
    return this.#drawing(trial, async () => {
      const trainer = await this.#built(trial);
      await loadCheckpoint(trainer.model, this.#kept(trial));
      return trainer;
    });
  }

  /** Undoes keep() of a candidate, as it was then. */
  async dethrone(trial: Pick<Trial, 'number' | 'epochs'>): Promise<void> {
    await rm(this.#kept(trial), { force: true });
  }

  /** Told apart by what it was trained for, as nothing but the state file says which is the best. */
  #kept({ number, epochs }: Pick<Trial, 'number' | 'epochs'>): string {
    return join(this.#folder, `best-${String(number).padStart(5, '0')}-${epochs}.safetensors`);
  }

  /** Removes what nobody will go on from. */
  async forget(trial: Trial): Promise<void> {
    await rm(this.#place(trial).folder, { recursive: true, force: true });
  }

  #place({ number }: Trial): { folder: string; file: string } {
    const folder = join(this.#folder, `trial-${String(number).padStart(5, '0')}`);
    return { folder, file: join(folder, 'last.safetensors') };
  }
}

/** The trainers lack what is monitored. */
class Unmeasured extends StriateError {}

function told(error: Error): never {
  throw error;
}

/** That of a candidate's weights and order of samples; the numbers after it in the stream are for its sample. */
function seedOf(seed: number, number: number): number {
  return new Draws(seed, number).seed();
}

/** What a candidate's sample is drawn from. */
export function sampleDraws(seed: number, number: number): Draws {
  const draws = new Draws(seed, number);
  draws.seed();
  return draws;
}
