import type { Summary } from '../nn/summary.js';
import type { BatchEnd, EndReason, EpochEnd, TrainBegin, TrainEnd } from '../train/callback.js';
import type { EpochRecord } from '../train/history.js';
import { Curves } from './curves.js';
import { disposeBatches, probeOf, type Probe } from './probe.js';
import { attempt, summaryOf, takeSnapshot, type Part, type Snapshot } from './snapshot.js';

export interface RecorderOptions {
  title: string | undefined;
  samples: number;
}

/** Looking at the model may take this share of the time of training; it is left out after epochs where it would be more. */
const snapshotShare = 0.05;
const epochsListed = 100;

/**
 * What a dashboard or a report shows, gathered from the events of one fit(). Of the model, snapshots are taken at the ends
 * of epochs only. What is held is bounded, however long training is: curves by Curves, the last 100 epochs and the best,
 * one snapshot, and the samples of the probe.
 */
export class Recorder {
  readonly title: string;
  readonly curves = new Curves();
  readonly begun = new Date();
  /** The last, in order. */
  readonly epochs: EpochRecord[] = [];
  /** That with the lowest loss, of validation where there is any. */
  best: EpochRecord | null = null;
  epochsEnded = 0;
  phase: 'training' | EndReason = 'training';
  /** The batch that ended last. */
  now: BatchEnd | null = null;
  summary: Part<Summary> = { missing: 'training has not begun' };
  snapshot: Snapshot | null = null;
  readonly #begin: TrainBegin;
  readonly #started = performance.now();
  #ended: number | null = null;
  #probe: Part<Probe> = { missing: 'training has not begun' };
  /** Milliseconds that snapshots took, and the last of them. */
  #spent = 0;
  #lastSpent = 0;
  /** Epochs before this fit(), where it went on from a checkpoint, with a part of one; null before the first batch. */
  #before: number | null = null;
  #batchEnded = performance.now();
  #recentSamples = 0;
  #recentTime = 0;

  constructor(event: TrainBegin, { title }: RecorderOptions) {
    this.#begin = event;
    this.title = title ?? event.trainer.model.constructor.name;
  }

  get totalEpochs(): number {
    return this.#begin.epochs;
  }

  get batches(): number | undefined {
    return this.#begin.batches;
  }

  /** Since training began. */
  get seconds(): number {
    return ((this.#ended ?? performance.now()) - this.#started) / 1000;
  }

  /** Of training, smoothed, as batches are read back in jerks; null before the second. */
  get samplesPerSecond(): number | null {
    return this.#recentTime > 0 ? this.#recentSamples / this.#recentTime : null;
  }

  /** From 0 to 1. */
  get done(): number {
    if (this.phase === 'finished' || this.totalEpochs === 0) return 1;
    return this.#epochsDone(0) / this.totalEpochs;
  }

  /** As the rest will take as long, for its size, as what was done; null where there is no telling. */
  get secondsLeft(): number | null {
    if (this.phase !== 'training' || this.#before === null) return null;
    const done = this.#epochsDone(this.#before);
    if (done <= 0) return null;
    return (this.seconds * (this.totalEpochs - this.#before - done)) / done;
  }

  /** After the first `from`, with the part of the one that runs. */
  #epochsDone(from: number): number {
    if (!this.now) return Math.max(0, this.epochsEnded - from);
    const { epoch, batch } = this.now;
    const within = this.epochsEnded >= epoch ? 1 : this.batches ? batch / this.batches : 0;
    return Math.max(0, Math.min(this.totalEpochs, epoch - 1 + within) - from);
  }

  /** Loads the samples that are looked at. */
  async begin({ samples }: RecorderOptions): Promise<void> {
    const { train, validation, trainer } = this.#begin;
    const data = validation ?? train;
    if (samples === 0) this.#probe = { missing: 'no samples are looked at: the option samples is 0' };
    else if (!('length' in data)) {
      this.#probe = { missing: 'training goes over batches as they come, and there is no validation data' };
    } else {
      this.#probe = await attempt(() => probeOf(data, validation ? 'validation' : 'training', samples));
    }
    this.summary = await summaryOf(trainer.model, this.#probe);
  }

  epochBegin(): void {
    this.#batchEnded = performance.now();
  }

  batchEnd(event: BatchEnd): void {
    const { batch, samples } = event;
    const first = this.#before === null;
    if (first) this.#goOn(event);
    // Its means over the epoch are worked out when they are asked for.
    this.now = event;
    const time = performance.now();
    // Of an epoch's first batch, the time is that of all that fills the pipeline.
    if (batch > 1 && !first) {
      this.#recentSamples = 0.9 * this.#recentSamples + samples;
      this.#recentTime = 0.9 * this.#recentTime + (time - this.#batchEnded) / 1000;
    }
    this.#batchEnded = time;
    this.curves.batch(event, this.samplesPerSecond ?? NaN);
  }

  /** The promise settles when the model may be trained on. */
  async epochEnd({ record }: EpochEnd): Promise<void> {
    this.#list(record, this.now?.step ?? record.epoch);
    const share = (this.#spent + this.#lastSpent) / (performance.now() - this.#started);
    if (this.snapshot === null || share < snapshotShare || record.epoch === this.totalEpochs) {
      await this.#takeSnapshot(record.epoch);
    }
  }

  /** Takes up the epochs before a checkpoint that training goes on from: their batches are not known any more. */
  #goOn({ trainer, epoch, batch, step }: BatchEnd): void {
    this.#before = epoch - 1 + (this.batches ? (batch - 1) / this.batches : 0);
    const batches = (step - batch) / (epoch - 1);
    for (const record of trainer.history.epochs) this.#list(record, record.epoch * batches);
  }

  #list(record: EpochRecord, step: number): void {
    this.epochsEnded = record.epoch;
    this.epochs.push(record);
    if (this.epochs.length > epochsListed) this.epochs.shift();
    if (this.best === null || deciding(record) < deciding(this.best)) this.best = record;
    this.curves.epoch(record, step);
  }

  /** Afterwards it holds no tensors. The model may not be any more what it was after the last epoch: it is not looked at. */
  end({ reason }: Pick<TrainEnd, 'reason'>): void {
    this.phase = reason;
    this.#ended = performance.now();
    if ('value' in this.#probe) disposeBatches(this.#probe.value.batches);
    this.#probe = { missing: 'training has ended' };
  }

  async #takeSnapshot(epoch: number): Promise<void> {
    const start = performance.now();
    this.snapshot = await takeSnapshot(this.#begin.trainer.model, this.#probe, epoch);
    this.#lastSpent = performance.now() - start;
    this.#spent += this.#lastSpent;
  }
}

function deciding({ loss, validation }: EpochRecord): number {
  const value = validation?.loss ?? loss;
  return Number.isNaN(value) ? Infinity : value;
}
