import { copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '../describe.js';
import type { Module, StateDict } from '../nn/module.js';
import { tensor } from '../ops/creation.js';
import { requireChoice, requireWhole } from '../optim/options.js';
import type { Callback, EpochEnd, StepEnd, TrainBegin } from './callback.js';
import { readCheckpoint, writeCheckpoint, type CheckpointContents } from './checkpointFile.js';
import { improves, modeOf, monitoredValue, type Monitored } from './monitor.js';
import type { Trainer } from './trainer.js';
import { partOf } from './trainingState.js';

export interface CheckpointOptions {
  /** Where the files go; made where it is not there. */
  readonly folder: string;
  /** After every so many epochs, and after the last. Default: 1. */
  readonly everyEpochs?: number | undefined;
  /** Also within epochs, when so many batches have passed; with `accumulate`, at the next step. Default: never. */
  readonly everyBatches?: number | undefined;
  /** What best.safetensors is the best of; null for no such file. Default: 'validationLoss', where it is measured. */
  readonly monitor?: Monitored | null | undefined;
  /** Whether small values are good, or large ones; 'auto': small losses and errors, large metrics else. Default: 'auto'. */
  readonly mode?: 'auto' | 'min' | 'max' | undefined;
  /** How many of the last ones are kept under names of their own, step-00000120.safetensors. Default: 0. */
  readonly keep?: number | undefined;
  /** Told where a file could not be written. Default: Trainer.warn(). */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Which of them a state goes to. */
interface Files {
  readonly last: boolean;
  readonly best: boolean;
}

interface CheckpointState {
  best: number | null;
  batchStep: number;
}

/**
 * Writes all that training needs to go on, to last.safetensors in a folder; the best so far to best.safetensors, and some
 * under names of their own. `trainer.fit(train, { resume: 'runs/1/last.safetensors', … })` goes on to the same bits, also
 * from the middle of an epoch; loadCheckpoint() takes the weights alone.
 *
 * ```ts
 * const checkpoint = new Checkpoint({ folder: 'runs/1', everyBatches: 500, keep: 3 });
 * await trainer.fit(train, { epochs: 30, validation, callbacks: [checkpoint] });
 * ```
 *
 * Files are written while training goes on, one at a time; each appears whole or not at all. Where one cannot be written,
 * training goes on, the older files stay, and the error is told.
 *
 * Memory: while a file is written, two copies of the weights and the optimizer's state.
 *
 * @throws TypeError, RangeError for options that are none; StriateError, out of fit(), where epochs lack what is monitored
 */
export class Checkpoint implements Callback {
  readonly observes = true;
  readonly folder: string;
  readonly everyEpochs: number;
  readonly everyBatches: number;
  readonly keep: number;
  /** The best value so far; null before the first. */
  best: number | null = null;
  readonly #monitor: Monitored | null | undefined;
  readonly #mode: 'auto' | 'min' | 'max';
  readonly #onError: ((error: Error) => void) | undefined;
  /** The step of the last one within an epoch. */
  #batchStep = 0;
  #epochs = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: CheckpointOptions) {
    const { folder, everyEpochs = 1, everyBatches, monitor, mode = 'auto', keep = 0, onError } = options;
    if (typeof folder !== 'string' || folder === '') {
      throw new TypeError(`Checkpoint: folder is ${describe(folder)}, wants a path`);
    }
    requireWhole('Checkpoint: everyEpochs', everyEpochs, 1);
    if (everyBatches !== undefined) requireWhole('Checkpoint: everyBatches', everyBatches, 1);
    if (monitor != null && (typeof monitor !== 'string' || monitor === '')) {
      throw new TypeError(`Checkpoint: monitor is ${describe(monitor)}, wants the name of what is measured`);
    }
    requireChoice('Checkpoint: mode', mode, ['auto', 'min', 'max']);
    requireWhole('Checkpoint: keep', keep, 0);
    if (onError !== undefined && typeof onError !== 'function') {
      throw new TypeError(`Checkpoint: onError is ${describe(onError)}, wants a function`);
    }
    this.folder = folder;
    this.everyEpochs = everyEpochs;
    this.everyBatches = everyBatches ?? Infinity;
    this.keep = keep;
    this.#monitor = monitor;
    this.#mode = mode;
    this.#onError = onError;
  }

  onTrainBegin({ epochs }: TrainBegin): void {
    this.best = null;
    this.#batchStep = 0;
    this.#epochs = epochs;
  }

  onStep({ trainer, step, last }: StepEnd): void {
    if (!last && step - this.#batchStep < this.everyBatches) return;
    this.#batchStep = step;
    trainer.betweenBatches(async (capture) =>
      this.#save(trainer, capture, { last: true, best: false }, step),
    );
  }

  onEpochEnd({ trainer, epoch, record }: EpochEnd): void {
    const monitor = this.#monitor === undefined ? record.validation && 'validationLoss' : this.#monitor;
    const isBest = monitor ? this.#improves(monitoredValue('Checkpoint', record, monitor), monitor) : false;
    trainer.betweenBatches(async (capture, { step }) => {
      const due = epoch % this.everyEpochs === 0 || epoch === this.#epochs || trainer.stopping;
      if (due || isBest) await this.#save(trainer, capture, { last: due, best: isBest }, step);
    });
  }

  /** Resolves when all files are written, or their errors told. */
  async onTrainEnd(): Promise<void> {
    await this.#writing;
  }

  /** @internal */
  state(): CheckpointState {
    return { best: this.best, batchStep: this.#batchStep };
  }

  /** @internal */
  restore({ best, batchStep }: CheckpointState): void {
    this.best = best;
    this.#batchStep = batchStep;
  }

  #improves(value: number, monitor: Monitored): boolean {
    const mode = this.#mode === 'auto' ? modeOf(monitor) : this.#mode;
    const better = improves(mode, value, this.best);
    if (better) this.best = value;
    return better;
  }

  /** Waits for the state, not for the disk; but for the file before. */
  async #save(
    trainer: Trainer,
    capture: () => Promise<CheckpointContents>,
    files: Files,
    step: number,
  ): Promise<void> {
    await this.#writing;
    const contents = await capture();
    const written = this.#write(contents, files, step).finally(() => {
      for (const copy of contents.tensors.values()) copy.dispose();
    });
    this.#writing = written.catch((error: unknown) => {
      const told = error instanceof Error ? error : new Error(String(error));
      if (this.#onError) this.#onError(told);
      else trainer.warn(`Checkpoint: ${told.message}; training goes on`);
    });
    // What onError() throws ends training, when its turn comes.
    this.#writing.catch(() => undefined);
  }

  /** last.safetensors comes last: what goes on from it finds all that belongs to it. */
  async #write(contents: CheckpointContents, { last, best }: Files, step: number): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const keeps = last && this.keep > 0;
    const [first, ...others] = [
      ...(keeps ? [`step-${String(step).padStart(8, '0')}`] : []),
      ...(best ? ['best'] : []),
      ...(last ? ['last'] : []),
    ].map((name) => join(this.folder, `${name}.safetensors`));
    if (first === undefined) return;
    await writeCheckpoint(first, contents);
    if (keeps) await this.#removeOld();
    for (const other of others) await sameFile(first, other);
  }

  async #removeOld(): Promise<void> {
    const kept = (await readdir(this.folder))
      .filter((name) => /^step-\d{8,}\.safetensors$/.test(name))
      .sort();
    for (const old of kept.slice(0, -this.keep)) await rm(join(this.folder, old), { force: true });
  }
}

/** The file under another name as well, which appears whole; a copy where the file system has no links. */
export async function sameFile(file: string, other: string): Promise<void> {
  const temporary = `${other}.tmp`;
  await rm(temporary, { force: true });
  await link(file, temporary).catch(() => copyFile(file, temporary));
  await rename(temporary, other);
}

export interface LoadCheckpointOptions {
  /** Whether the parameters are the averages of EMA, where the checkpoint has them. Default: true. */
  readonly averaged?: boolean | undefined;
}

/**
 * Loads the weights of a file of Checkpoint into a model, to measure and to predict with.
 *
 * @throws Error that names the file where it is missing, damaged or no checkpoint, StriateError where it is of another model;
 *   the model is unchanged then
 */
export async function loadCheckpoint(
  model: Module,
  file: string,
  { averaged = true }: LoadCheckpointOptions = {},
): Promise<void> {
  const { tensors, state } = await readCheckpoint(file);
  const ema = averaged ? state.callbacks.findIndex(({ kind }) => kind === 'EMA') : -1;
  const stored = new Map([
    ...partOf(tensors, 'model.'),
    ...(ema < 0 ? [] : partOf(tensors, `callbacks.${ema}.`)),
  ]);
  const weights: StateDict = new Map();
  try {
    for (const [name, { data, shape }] of stored) weights.set(name, tensor(data, shape).keep());
    model.loadStateDict(weights);
  } catch (error) {
    if (error instanceof Error) error.message = `${file}: ${error.message}`;
    throw error;
  } finally {
    for (const t of weights.values()) t.dispose();
  }
}
