import type { Target } from '../data/dataset.js';
import { noGrad } from '../autograd.js';
import type { Tensor, TypedArray } from '../tensor.js';
import type { Measured } from './history.js';
import type { Metric } from './metrics/metric.js';

/** What is read back of one batch. */
export interface BatchRead {
  readonly samples: number;
  readonly loss: number;
  /** Of each metric. */
  readonly measured: readonly TypedArray[];
}

/** Reads a batch's loss and what metrics want of it, when they have been computed. */
export async function readOf(
  metrics: readonly Metric[],
  output: Tensor,
  loss: Tensor,
  target: Target,
): Promise<BatchRead> {
  const samples = output.shape[0] ?? 1;
  const reads = noGrad(() => metrics.map((metric) => metric.measure(output, target).data()));
  const [first, ...measured] = await Promise.all([loss.item(), ...reads]);
  return { samples, loss: first, measured };
}

export interface TotalsState {
  samples: number;
  loss: number;
  totals: number[][];
}

/** Sums over batches. */
export class Totals {
  samples = 0;
  #loss = 0;
  readonly #metrics: readonly Metric[];
  readonly #totals: number[][];

  constructor(metrics: readonly Metric[]) {
    this.#metrics = metrics;
    this.#totals = metrics.map(() => []);
  }

  add({ samples, loss, measured }: BatchRead): void {
    this.samples += samples;
    this.#loss += loss * samples;
    for (const [i, metric] of this.#metrics.entries()) {
      const [total, numbers] = [this.#totals[i]!, measured[i]!];
      if (metric.add) metric.add(total, numbers);
      else for (const [k, number] of numbers.entries()) total[k] = (total[k] ?? 0) + number;
    }
  }

  /** For a checkpoint. */
  state(): TotalsState {
    return { samples: this.samples, loss: this.#loss, totals: this.#totals.map((total) => [...total]) };
  }

  restore({ samples, loss, totals }: TotalsState): void {
    this.samples = samples;
    this.#loss = loss;
    for (const [i, total] of this.#totals.entries()) {
      total.length = 0;
      for (const number of totals[i] ?? []) total.push(number);
    }
  }

  get loss(): number {
    return this.#loss / this.samples;
  }

  get metrics(): Record<string, number> {
    const values: Record<string, number> = {};
    for (const [i, metric] of this.#metrics.entries()) {
      const given = metric.value?.(this.#totals[i]!, this.samples);
      if (typeof given === 'number') values[metric.name] = given;
      else Object.assign(values, given);
    }
    return values;
  }

  /** All, with tables. */
  get measured(): Measured {
    const { loss, metrics } = this;
    const tables: NonNullable<Measured['tables']> = {};
    for (const [i, metric] of this.#metrics.entries()) {
      if (metric.table) tables[metric.name] = metric.table(this.#totals[i]!, this.samples);
    }
    return Object.keys(tables).length > 0 ? { loss, metrics, tables } : { loss, metrics };
  }
}
