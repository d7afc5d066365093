import { SingleBar } from 'cli-progress';
import type { EpochRecord } from './history.js';

/** Shows how training comes along. */
export interface Progress {
  epochBegin(epoch: number, epochs: number, batches: number): void;
  batchEnd(batch: number, loss: number, accuracy: number | undefined): void;
  epochEnd(record: EpochRecord, epochs: number): void;
  /** Called whether training ended well or not. */
  end(): void;
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : ` accuracy ${(100 * share).toFixed(1)}%`;
}

function summary(record: EpochRecord, epochs: number): string {
  const validation =
    record.validationLoss === undefined
      ? ''
      : ` · validation loss ${record.validationLoss.toFixed(4)}${percent(record.validationAccuracy)}`;
  const speed = `${record.seconds.toFixed(1)} s, ${Math.round(record.samplesPerSecond)} samples/s`;
  return `epoch ${record.epoch}/${epochs} · loss ${record.loss.toFixed(4)}${percent(record.accuracy)}${validation} · ${speed}`;
}

/** A bar for the epoch that runs, and a line for each that has ended. */
class BarProgress implements Progress {
  readonly #stream: NodeJS.WriteStream;
  #bar: SingleBar | null = null;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  epochBegin(epoch: number, epochs: number, batches: number): void {
    this.#bar = new SingleBar({
      format: `epoch ${epoch}/${epochs} {bar} {value}/{total} · loss {loss}{accuracy} · {eta_formatted} left`,
      stream: this.#stream,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    });
    this.#bar.start(batches, 0, { loss: '–', accuracy: '' });
  }

  batchEnd(batch: number, loss: number, accuracy: number | undefined): void {
    this.#bar?.update(batch, { loss: loss.toFixed(4), accuracy: percent(accuracy) });
  }

  epochEnd(record: EpochRecord, epochs: number): void {
    this.end();
    this.#stream.write(`${summary(record, epochs)}\n`);
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

/** A line for each epoch: for files and pipes. */
class LineProgress implements Progress {
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  epochBegin(): void {}
  batchEnd(): void {}
  epochEnd(record: EpochRecord, epochs: number): void {
    this.#stream.write(`${summary(record, epochs)}\n`);
  }
  end(): void {}
}

/** A bar on a terminal, plain lines elsewhere. Default stream: standard error. */
export function progressOn(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? new BarProgress(stream) : new LineProgress(stream);
}

/** Shows nothing. */
export const silent: Progress = { epochBegin() {}, batchEnd() {}, epochEnd() {}, end() {} };
