import { describe } from '../describe.js';
import { writeFileAtomically } from '../io/atomicFile.js';
import { StriateError } from '../native.js';
import type { BatchEnd, Callback, EpochEnd, TrainBegin, TrainEnd } from '../train/callback.js';
import { checkedReportOptions, type ReportOptions } from './options.js';
import { assets, page } from './page.js';
import { Recorder, type RecorderOptions } from './recorder.js';
import { View } from './view.js';

/** Milliseconds between two writes while training goes on. */
const pause = 30_000;

/**
 * Writes what a Dashboard shows to one HTML file, which wants nothing else: curves of loss and metrics, learning rate,
 * throughput, predictions, confusion matrix, filters of the first layer, activations, epochs and layers. Without scripts
 * all but the curves can be read.
 *
 * The file is written when training begins, so that one that cannot be written is told before hours have gone by; then after
 * an epoch, when half a minute has passed since the last time; and when training ends, however it does. It is replaced as
 * a whole each time. Where writing fails on the way or in the end, training goes on, and the error is shown (Trainer.warn).
 *
 * ```ts
 * await trainer.fit(train, { epochs: 5, validation, callbacks: [new Report('lenet5.html', { title: 'LeNet-5' })] });
 * ```
 *
 * @throws TypeError, RangeError for options that are none; StriateError, out of fit(), where the file cannot be written
 *   when training begins, or the package uplot is not installed
 */
export class Report implements Callback {
  readonly file: string;
  readonly #options: RecorderOptions;
  #view: View | null = null;
  #written = 0;

  constructor(file: string, options: ReportOptions = {}) {
    if (typeof file !== 'string' || file === '') {
      throw new TypeError(`Report: file is ${describe(file)}, wants the path of a file`);
    }
    this.file = file;
    this.#options = checkedReportOptions('Report', options);
  }

  async onTrainBegin(event: TrainBegin): Promise<void> {
    const recorder = new Recorder(event, this.#options);
    const view = new View(recorder);
    await this.#write(view);
    this.#view = view;
    await recorder.begin(this.#options);
  }

  onEpochBegin(): void {
    this.#view?.recorder.epochBegin();
  }

  onBatchEnd(event: BatchEnd): void {
    this.#view?.recorder.batchEnd(event);
  }

  async onEpochEnd(event: EpochEnd): Promise<void> {
    const view = this.#view;
    if (!view) return;
    await view.recorder.epochEnd(event);
    if (performance.now() - this.#written > pause) await this.#try(view, event);
  }

  async onTrainEnd(event: TrainEnd): Promise<void> {
    const view = this.#view;
    if (!view) return;
    this.#view = null;
    view.recorder.end(event);
    await this.#try(view, event);
  }

  /** What has been learnt is not to be lost for want of a picture of it. */
  async #try(view: View, { trainer }: EpochEnd | TrainEnd): Promise<void> {
    await this.#write(view).catch((error: unknown) => {
      trainer.warn(`${error instanceof Error ? error.message : String(error)}; training goes on`);
    });
  }

  async #write(view: View): Promise<void> {
    this.#written = performance.now();
    try {
      await writeFileAtomically(this.file, Buffer.from(page(view.whole(), await assets(), false)));
    } catch (cause) {
      throw new StriateError(`Report: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}
