import { appendFile, mkdir, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe } from '../describe.js';
import type { Callback, EpochEnd, TrainBegin } from './callback.js';
import { valuesOf } from './history.js';

interface CSVLogState {
  bytes: number;
}

/**
 * Writes a line for each epoch to a file of comma-separated values: epoch, what was measured, learningRate, seconds,
 * samplesPerSecond; the first line has the names. Training that begins anew writes the file anew; one that goes on from a
 * checkpoint goes on with it, without the lines after that. Where the file cannot be written, training goes on without.
 *
 * ```ts
 * await trainer.fit(train, { epochs: 30, callbacks: [new CSVLog('runs/1/epochs.csv')] });
 * ```
 */
export class CSVLog implements Callback {
  readonly observes = true;
  readonly file: string;
  #bytes = 0;
  #failed = false;

  constructor(file: string) {
    if (typeof file !== 'string' || file === '') {
      throw new TypeError(`CSVLog: file is ${describe(file)}, wants a path`);
    }
    this.file = file;
  }

  async onTrainBegin({ trainer, resumed }: TrainBegin): Promise<void> {
    this.#bytes = 0;
    this.#failed = false;
    await this.#try(trainer, async () => {
      await mkdir(dirname(this.file), { recursive: true });
      if (!resumed) await writeFile(this.file, '');
    });
  }

  async onEpochEnd({ trainer, epoch, record }: EpochEnd): Promise<void> {
    const { learningRate, seconds, samplesPerSecond } = record;
    const values = { epoch, ...valuesOf(record), learningRate, seconds, samplesPerSecond };
    const lines = [...(this.#bytes === 0 ? [Object.keys(values)] : []), Object.values(values)];
    const text = lines.map((line) => `${line.map(cell).join(',')}\n`).join('');
    await this.#try(trainer, () => appendFile(this.file, text));
    this.#bytes += Buffer.byteLength(text);
  }

  /** @internal */
  state(): CSVLogState {
    return { bytes: this.#bytes };
  }

  /** @internal */
  async restore({ bytes }: CSVLogState): Promise<void> {
    const size = await stat(this.file).then(
      (found) => found.size,
      () => 0,
    );
    this.#bytes = Math.min(bytes, size);
    if (size > bytes) await truncate(this.file, bytes);
  }

  async #try(trainer: TrainBegin['trainer'], work: () => Promise<void>): Promise<void> {
    if (this.#failed) return;
    try {
      await work();
    } catch (error) {
      this.#failed = true;
      const why = error instanceof Error ? error.message : String(error);
      trainer.warn(`CSVLog: cannot write ${this.file}: ${why}; training goes on without`);
    }
  }
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
