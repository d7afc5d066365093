import type { BatchEnd } from '../train/callback.js';
import type { EpochRecord } from '../train/history.js';
import type { Format } from './format.js';
import { shortened } from './html.js';
import { Series } from './series.js';

const kinds = ['batch', 'training', 'validation'] as const;

/** A line of a chart: a value for each batch, or for each epoch of training or validation. */
export interface Line {
  kind: (typeof kinds)[number];
  series: Series;
}

/** Lines over the number of batches trained on. */
export interface Chart {
  id: string;
  title: string;
  format: Format;
  lines: Line[];
}

/** Metrics beyond these have no chart. */
const mostMetrics = 12;

/** The curves of a training; each a Series, so that memory stays bounded. */
export class Curves {
  readonly #loss: Chart = { id: 'loss', title: 'Loss', format: 'number', lines: [] };
  readonly #metrics = new Map<string, Chart>();
  readonly #learningRate: Chart = { id: 'rate', title: 'Learning rate', format: 'number', lines: [] };
  readonly #speed: Chart = { id: 'speed', title: 'Samples a second', format: 'rate', lines: [] };

  /** Those that have lines. */
  get charts(): Chart[] {
    const all = [this.#loss, ...this.#metrics.values(), this.#learningRate, this.#speed];
    return all.filter(({ lines }) => lines.length > 0);
  }

  batch({ step, loss, metrics, learningRate }: BatchEnd, samplesPerSecond: number): void {
    add(this.#loss, 'batch', step, loss);
    this.#addMetrics('batch', step, metrics);
    // The only line of its chart.
    add(this.#learningRate, 'training', step, learningRate);
    add(this.#speed, 'batch', step, samplesPerSecond);
  }

  epoch({ loss, metrics, validation, samplesPerSecond }: EpochRecord, step: number): void {
    add(this.#loss, 'training', step, loss);
    this.#addMetrics('training', step, metrics);
    if (validation) {
      add(this.#loss, 'validation', step, validation.loss);
      this.#addMetrics('validation', step, validation.metrics);
    }
    add(this.#speed, 'training', step, samplesPerSecond);
  }

  #addMetrics(kind: Line['kind'], step: number, metrics: Readonly<Record<string, unknown>>): void {
    for (const [metric, value] of Object.entries(metrics)) {
      // A metric of one's own may give more than a number.
      if (metric === 'loss' || typeof value !== 'number') continue;
      let chart = this.#metrics.get(metric);
      if (!chart) {
        if (this.#metrics.size === mostMetrics) continue;
        const id = `metric${this.#metrics.size}`;
        chart = { id, title: metricTitle(metric), format: formatOf(metric), lines: [] };
        this.#metrics.set(metric, chart);
      }
      add(chart, kind, step, value);
    }
  }
}

function add({ lines }: Chart, kind: Line['kind'], step: number, value: number): void {
  let line = lines.find((known) => known.kind === kind);
  if (!line) {
    line = { kind, series: new Series() };
    lines.push(line);
    lines.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  }
  line.series.add(step, value);
}

/** `balancedAccuracy` as `Balanced accuracy`. */
export function metricTitle(metric: string): string {
  const words = shortened(metric).replace(
    /([a-z0-9])([A-Z])/g,
    (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Metrics that are shares of 1, by their names. */
export function formatOf(metric: string): Format {
  return /accuracy|^top|precision|recall|^f1/i.test(metric) ? 'share' : 'number';
}
