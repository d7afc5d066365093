import { appendFile, mkdir, stat, truncate } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe } from '../describe.js';
import type * as eventFile from '../io/eventFile.js';
import type { Module } from '../nn/module.js';
import { requireFlag, requireWhole } from '../optim/options.js';
import type { BatchEnd, Callback, EpochEnd, TrainBegin } from './callback.js';
import type { Measured } from './history.js';
import { histogramOf } from './histogram.js';

export interface TensorBoardOptions {
  /** Where the files go, in the folders train and validation; made where it is not there. */
  readonly folder: string;
  /** After every so many batches their loss, metrics and learning rate are written. Default: 1. */
  readonly everyBatches?: number | undefined;
  /** Whether a histogram of each parameter is written after each epoch. Default: false. */
  readonly histograms?: boolean | undefined;
}

interface TensorBoardState {
  /** The files so far, and their lengths. */
  files: Record<string, number>;
}

/** Bytes that wait for a write, at most; and milliseconds. */
const mostBytes = 2 ** 16;
const mostWait = 1000;

/**
 * Writes event files for TensorBoard (`tensorboard --logdir folder`): of each epoch loss, metrics, learningRate and
 * samplesPerSecond by its number; of batches batch/loss, batch/learningRate and metrics by their numbers. Where they cannot
 * be written, training goes on without.
 *
 * ```ts
 * await trainer.fit(train, { epochs: 30, validation, callbacks: [new TensorBoard({ folder: 'runs/1' })] });
 * ```
 *
 * @throws TypeError, RangeError for options that are none
 */
export class TensorBoard implements Callback {
  readonly observes = true;
  readonly folder: string;
  readonly #everyBatches: number;
  readonly #histograms: boolean;
  #files: Record<string, number> = {};
  #train: EventFile | null = null;
  #validation: EventFile | null = null;
  #failed = false;

  constructor({ folder, everyBatches = 1, histograms = false }: TensorBoardOptions) {
    if (typeof folder !== 'string' || folder === '') {
      throw new TypeError(`TensorBoard: folder is ${describe(folder)}, wants a path`);
    }
    requireWhole('TensorBoard: everyBatches', everyBatches, 1);
    requireFlag('TensorBoard: histograms', histograms);
    this.folder = folder;
    this.#everyBatches = everyBatches;
    this.#histograms = histograms;
  }

  async onTrainBegin({ validation }: TrainBegin): Promise<void> {
    this.#files = {};
    this.#failed = false;
    // A file of its own for each time that training begins or goes on.
    const name = `events.out.tfevents.${Date.now()}.${hostname()}.${process.pid}.${files++}`;
    // Loaded here, so that those who write no such files do not wait for it.
    const encoding = await import('../io/eventFile.js');
    this.#train = new EventFile(join(this.folder, 'train'), name, encoding);
    this.#validation = validation ? new EventFile(join(this.folder, 'validation'), name, encoding) : null;
  }

  async onBatchEnd({ trainer, step, loss, metrics, learningRate }: BatchEnd): Promise<void> {
    if (step % this.#everyBatches !== 0 || this.#failed) return;
    const values = Object.entries({ loss, learningRate, ...metrics });
    this.#train?.add(step, Object.fromEntries(values.map(([tag, value]) => [`batch/${tag}`, value])));
    await this.#flush(trainer, false);
  }

  async onEpochEnd({ trainer, epoch, record }: EpochEnd): Promise<void> {
    if (this.#failed) return;
    const { learningRate, samplesPerSecond, validation } = record;
    this.#train?.add(epoch, { ...scalars(record), learningRate, samplesPerSecond });
    if (validation) this.#validation?.add(epoch, scalars(validation));
    if (this.#histograms) this.#train?.add(epoch, await histograms(trainer.model));
    await this.#flush(trainer, true);
  }

  async onTrainEnd({ trainer }: Pick<TrainBegin, 'trainer'>): Promise<void> {
    await this.#flush(trainer, true);
    this.#train = this.#validation = null;
  }

  /** @internal */
  state(): TensorBoardState {
    const own = [this.#train, this.#validation].flatMap((file) => (file ? [[file.path, file.bytes]] : []));
    return { files: { ...this.#files, ...(Object.fromEntries(own) as Record<string, number>) } };
  }

  /**
   * What was written after the checkpoint is taken back.
   *
   * @internal
   */
  async restore({ files: saved }: TensorBoardState): Promise<void> {
    this.#files = saved;
    for (const [path, bytes] of Object.entries(saved)) {
      const found = await stat(path).catch(() => null);
      if (found && found.size > bytes) await truncate(path, bytes);
    }
  }

  async #flush(trainer: TrainBegin['trainer'], now: boolean): Promise<void> {
    if (this.#failed) return;
    try {
      for (const file of [this.#train, this.#validation]) await file?.flush(now);
    } catch (error) {
      this.#failed = true;
      const why = error instanceof Error ? error.message : String(error);
      trainer.warn(`TensorBoard: cannot write to ${this.folder}: ${why}; training goes on without`);
    }
  }
}

/** Files of this process so far. */
let files = 0;

/** A file that events are appended to. */
class EventFile {
  readonly path: string;
  readonly #encoding: typeof eventFile;
  readonly #folder: string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #last = performance.now();
  #made = false;
  /** With those that wait. */
  bytes = 0;

  constructor(folder: string, name: string, encoding: typeof eventFile) {
    this.#encoding = encoding;
    this.#folder = folder;
    this.path = join(folder, name);
  }

  add(step: number, values: Record<string, number | eventFile.Histogram>): void {
    const wallTime = Date.now() / 1000;
    if (this.bytes === 0) this.#push(this.#encoding.eventFileHeader(wallTime));
    this.#push(this.#encoding.eventRecord({ wallTime, step, values }));
  }

  #push(record: Uint8Array): void {
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    this.bytes += record.length;
  }

  async flush(now: boolean): Promise<void> {
    if (this.#waiting.length === 0) return;
    if (!now && this.#waitingBytes < mostBytes && performance.now() - this.#last < mostWait) return;
    const data = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#last = performance.now();
    if (!this.#made) await mkdir(this.#folder, { recursive: true });
    this.#made = true;
    await appendFile(this.path, data);
  }
}

function scalars({ loss, metrics }: Measured): Record<string, number> {
  return { loss, ...metrics };
}

/** Of all parameters, by their names. */
async function histograms(model: Module): Promise<Record<string, eventFile.Histogram>> {
  const reads = Array.from(model.namedParameters(), async ([name, parameter]) => ({
    name,
    data: await parameter.data(),
  }));
  const found: Record<string, eventFile.Histogram> = {};
  for (const read of reads) {
    const { name, data } = await read;
    found[`weights/${name}`] = await histogramOf(data);
  }
  return found;
}
