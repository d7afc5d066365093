import type { Batch, Dataset } from '../data/dataset.js';
import { randomState } from '../ops/creation.js';
import { requireNumber, requireWhole } from '../optim/options.js';
import type { BatchEnd, Callback, EndReason, EpochBegin } from './callback.js';
import { readCheckpoint, type CheckpointContents } from './checkpointFile.js';
import type { EpochRecord, History } from './history.js';
import { InFlight } from './inFlight.js';
import { nonFiniteLoss, Repeatable, updatesTold } from './nonFinite.js';
import { progressOn, type Progress } from './progress.js';
import { sourceOf, type Source } from './source.js';
import { Steps } from './steps.js';
import { Totals, type BatchRead } from './totals.js';
import type { FitOptions, Trainer } from './trainer.js';
import { captured, requireFitting, restored } from './trainingState.js';

/** Batches on their way at once: one runs while the next is prepared. */
export const batchesInFlight = 2;

/** A batch whose work has been asked for. */
interface Asked extends BatchRead {
  readonly batch: number;
  readonly step: number;
  readonly learningRate: number;
  readonly again: Repeatable;
}

/** What is done between batches; `capture` gives the state of training, as a checkpoint holds it. */
export type BetweenBatches = (
  capture: () => Promise<CheckpointContents>,
  position: Readonly<Position>,
) => void | Promise<void>;

/** Where training is: `batch` of the batches of this epoch are done, `step` of all. */
export interface Position {
  epoch: number;
  batch: number;
  step: number;
}

/** One call of fit(). */
export class Fitting {
  readonly trainer: Trainer;
  readonly source: Source;
  readonly callbacks: readonly Callback[];
  /** Changed by resuming. */
  readonly position: Position = { epoch: 1, batch: 0, step: 0 };
  /** Of the epoch that runs. */
  totals: Totals;
  seconds = 0;
  learningRate: number;
  /** Whether training ends after the epoch that runs. */
  stopping = false;
  readonly #train: Dataset | AsyncIterable<Batch>;
  readonly #options: FitOptions;
  readonly #epochs: number;
  readonly #steps: Steps;
  readonly #display: Progress | null;
  readonly #began = performance.now();
  readonly #waiting: BetweenBatches[] = [];
  readonly #inFlight: InFlight<Asked>;
  /** Whether a loss that is not finite has been told. */
  #explained = false;
  #timeIsUp = false;

  constructor(trainer: Trainer, train: Dataset | AsyncIterable<Batch>, options: FitOptions) {
    const { epochs = 1, batchSize = 32, shuffle = true, seed, maxSeconds } = options;
    const { progress = true, callbacks = [] } = options;
    requireWhole('fit: epochs', epochs, 0);
    if (maxSeconds !== undefined && maxSeconds !== Infinity) requireNumber('fit: maxSeconds', maxSeconds, 0);
    this.trainer = trainer;
    this.source = sourceOf('fit', train, { batchSize, shuffle, seed });
    this.#train = train;
    this.#options = options;
    this.#epochs = epochs;
    this.#steps = new Steps(trainer);
    this.#display = progress === true ? progressOn() : progress || null;
    this.callbacks = this.#display ? [this.#display, ...callbacks] : callbacks;
    this.totals = new Totals(trainer.metrics);
    this.learningRate = trainer.optimizer.lr;
    this.#inFlight = new InFlight(batchesInFlight, (asked) => this.#settle(asked));
  }

  /** Whether no epoch comes after the one that has just ended. */
  get ending(): boolean {
    return this.stopping || this.position.epoch > this.#epochs;
  }

  betweenBatches(work: BetweenBatches): void {
    this.#waiting.push(work);
  }

  warn(text: string): void {
    if (this.#display?.onWarning) this.#display.onWarning(text);
    else process.emitWarning(text);
  }

  async run(): Promise<History> {
    const { trainer } = this;
    const { signal, resume } = this.#options;
    signal?.throwIfAborted();
    const checkpoint = resume === undefined ? null : await readCheckpoint(resume);
    if (checkpoint) requireFitting(this, checkpoint);
    trainer.history = { epochs: [] };
    let reason: EndReason = 'failed';
    try {
      await this.#begin(checkpoint !== null);
      if (checkpoint) await restored(this, checkpoint);
      while (!this.ending && !this.#timeIsUp) await this.#epoch();
      reason = trainer.history.epochs.length < this.#epochs ? 'stopped' : 'finished';
    } catch (error) {
      if (signal?.aborted && error === signal.reason) reason = 'aborted';
      // What went wrong first is what the caller needs to know.
      await this.#end(reason).catch(() => undefined);
      await updatesTold();
      throw error;
    } finally {
      this.#inFlight.forget();
      this.#steps.dispose();
    }
    await this.#end(reason);
    return trainer.history;
  }

  async #begin(resumed: boolean): Promise<void> {
    const { trainer } = this;
    const { validation } = this.#options;
    const [epochs, train, { batches }] = [this.#epochs, this.#train, this.source];
    for (const callback of this.callbacks) {
      await callback.onTrainBegin?.({ trainer, epochs, batches, train, validation, resumed });
    }
  }

  /** Tells all callbacks, also where one of them throws. */
  async #end(reason: EndReason): Promise<void> {
    const { trainer } = this;
    const failures: unknown[] = [];
    for (const callback of this.callbacks) {
      try {
        await callback.onTrainEnd?.({ trainer, history: trainer.history, reason });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #epoch(): Promise<void> {
    const { trainer, position, callbacks } = this;
    const { epoch } = position;
    const { signal } = this.#options;
    signal?.throwIfAborted();
    for (const callback of callbacks) await callback.onEpochBegin?.({ trainer, epoch });
    await this.#batches();
    if (this.#timeIsUp && position.batch !== this.source.batches) return;
    const { measured, samples } = this.totals;
    const { seconds, learningRate } = this;
    const record: EpochRecord = {
      epoch,
      ...measured,
      learningRate,
      seconds,
      samplesPerSecond: samples / seconds,
    };
    await this.#validate(record, { trainer, epoch });
    trainer.history.epochs.push(record);
    trainer.scheduling?.afterEpoch(record);
    Object.assign(position, { epoch: epoch + 1, batch: 0 });
    this.totals = new Totals(trainer.metrics);
    this.seconds = 0;
    for (const callback of callbacks) await callback.onEpochEnd?.({ trainer, epoch, record });
    await this.#rest();
  }

  async #validate(record: EpochRecord, event: EpochBegin): Promise<void> {
    const { validation, batchSize = 32 } = this.#options;
    if (!validation) return;
    for (const callback of this.callbacks) await callback.onValidationBegin?.(event);
    const { loss, metrics, tables } = await this.trainer.evaluate(validation, { batchSize });
    for (const callback of this.callbacks) await callback.onValidationEnd?.(event);
    record.validation = { loss, metrics, ...(tables && { tables }) };
  }

  /** Trains over what is left of the epoch's data. */
  async #batches(): Promise<void> {
    const { trainer, position, totals, seconds } = this;
    const { signal } = this.#options;
    const start = performance.now();
    trainer.model.train();
    try {
      for await (const batch of this.source.epoch(position.epoch, position.batch)) {
        if (signal?.aborted) break;
        await this.#batch(batch);
        if (this.#timeIsUp) break;
        this.seconds = seconds + (performance.now() - start) / 1000;
      }
      if (!signal?.aborted && this.#steps.flush()) await this.#stepped();
      await this.#inFlight.drain();
    } catch (error) {
      // A loss that is not finite stops updates, which may be told first.
      if (!this.#explained) await this.#inFlight.look((asked) => this.#requireFinite(asked));
      throw error;
    }
    signal?.throwIfAborted();
    if (totals.samples === 0) throw new RangeError(`fit: epoch ${position.epoch} has no batches`);
    this.seconds = seconds + (performance.now() - start) / 1000;
    // Where the time is up.
    await this.#rest();
  }

  async #batch([x, y]: Batch): Promise<void> {
    const { trainer, position } = this;
    const batch = ++position.batch;
    const step = ++position.step;
    for (const callback of this.callbacks) {
      await callback.onBatchBegin?.({ trainer, epoch: position.epoch, batch, step });
    }
    const learningRate = (this.learningRate = trainer.optimizer.lr);
    const random = randomState();
    const { read, stepped } = this.#steps.take([x, y]);
    const again = new Repeatable(x, y, random);
    this.#inFlight.add(
      read.then((result) => ({ ...result, batch, step, learningRate, again })),
      again,
    );
    if (stepped) await this.#stepped();
    await this.#inFlight.room();
    if (stepped && this.#waiting.length > 0 && !this.#timeIsUp) await this.#rest();
  }

  async #stepped(): Promise<void> {
    const { trainer, position } = this;
    const { maxSeconds = Infinity } = this.#options;
    trainer.scheduling?.afterStep();
    this.#timeIsUp = (performance.now() - this.#began) / 1000 > maxSeconds;
    const event = { trainer, ...position, last: this.#timeIsUp };
    for (const callback of this.callbacks) await callback.onStep?.(event);
  }

  /** Does what is to be done between batches, when callbacks have been told of all of them. */
  async #rest(): Promise<void> {
    await this.#inFlight.drain();
    for (let work = this.#waiting.shift(); work; work = this.#waiting.shift()) {
      await work(() => captured(this), this.position);
    }
  }

  async #settle(asked: Asked): Promise<void> {
    await this.#requireFinite(asked);
    this.totals.add(asked);
    const event = this.#ended(this.position.epoch, asked);
    for (const callback of this.callbacks) await callback.onBatchEnd?.(event);
  }

  async #requireFinite(asked: Asked): Promise<void> {
    if (Number.isFinite(asked.loss)) return;
    this.#explained = true;
    throw await nonFiniteLoss(this.trainer, asked.again, { ...asked, epoch: this.position.epoch });
  }

  /** The event of a batch; means are worked out only where they are asked for. */
  #ended(epoch: number, asked: Asked): BatchEnd {
    const { trainer, totals } = this;
    const { batch, step, samples, loss, learningRate } = asked;
    const own = () => {
      const alone = new Totals(trainer.metrics);
      alone.add(asked);
      return alone.metrics;
    };
    return {
      ...{ trainer, epoch, batch, step, samples, loss, learningRate },
      get metrics() {
        return own();
      },
      get running() {
        return { loss: totals.loss, metrics: totals.metrics };
      },
    };
  }
}
