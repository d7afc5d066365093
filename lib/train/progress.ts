import type { SingleBar } from 'cli-progress';
import { progressBar } from '../progressBar.js';
import type { BatchEnd, Callback, EpochBegin, EpochEnd, TrainBegin } from './callback.js';
import type { EpochRecord, Measured } from './history.js';

/** Shows how training comes along: a callback that is called before others. */
export interface Progress extends Callback {
  /** What has gone wrong without ending training. */
  onWarning?(text: string): void;
}

/** Shares that are read as percent. */
const percents = /^accuracy$|^top\d+$/;

function shown({ loss, metrics }: Measured): string {
  const rest = Object.entries(metrics).map(([name, value]) =>
    percents.test(name) ? ` ${name} ${(100 * value).toFixed(1)}%` : ` ${name} ${value.toPrecision(4)}`,
  );
  return `loss ${loss.toFixed(4)}${rest.join('')}`;
}

function summary(record: EpochRecord, epochs: number): string {
  const validation = record.validation ? ` · validation ${shown(record.validation)}` : '';
  const speed = `${record.seconds.toFixed(1)} s, ${Math.round(record.samplesPerSecond)} samples/s`;
  return `epoch ${record.epoch}/${epochs} · ${shown(record)}${validation} · ${speed}`;
}

/** A line for each epoch: for files and pipes. */
class LineProgress<Stream extends NodeJS.WritableStream> implements Progress {
  protected readonly stream: Stream;
  protected epochs = 0;
  protected batches = 0;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  onTrainBegin({ epochs, batches }: TrainBegin): void {
    this.epochs = epochs;
    this.batches = batches ?? 0;
  }

  onEpochEnd({ record }: EpochEnd): void {
    this.stream.write(`${summary(record, this.epochs)}\n`);
  }

  onWarning(text: string): void {
    this.stream.write(`${text}\n`);
  }
}

/** A bar for the epoch that runs, and a line for each that has ended. */
class BarProgress extends LineProgress<NodeJS.WriteStream> {
  #bar: SingleBar | null = null;

  onEpochBegin({ epoch }: EpochBegin): void {
    const count = this.batches > 0 ? '{bar} {value}/{total}' : '{value}';
    const left = this.batches > 0 ? ' · {eta_formatted} left' : '';
    this.#bar = progressBar(this.stream, `epoch ${epoch}/${this.epochs} ${count} · {measured}${left}`);
    this.#bar.start(this.batches, 0, { measured: 'loss –' });
  }

  onBatchEnd({ batch, running }: BatchEnd): void {
    this.#bar?.update(batch, { measured: shown(running) });
  }

  override onEpochEnd(event: EpochEnd): void {
    this.onTrainEnd();
    super.onEpochEnd(event);
  }

  onTrainEnd(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

/** A bar on a terminal, plain lines elsewhere. Default stream: standard error. */
export function progressOn(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? new BarProgress(stream) : new LineProgress(stream);
}
