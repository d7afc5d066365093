import { noGrad } from '../autograd.js';
import type { Batch, Dataset, Target } from '../data/dataset.js';
import { describe } from '../describe.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { requireWhole } from '../optim/options.js';
import { Optimizer } from '../optim/optimizer.js';
import { concat, slice } from '../ops/movement.js';
import { scope, StriateError, synchronize, type Tensor } from '../tensor.js';
import type { Callback } from './callback.js';
import { batchesInFlight, Fitting, type BetweenBatches } from './fitting.js';
import type { Evaluation, History } from './history.js';
import { InFlight } from './inFlight.js';
import { accuracy } from './metrics/accuracy.js';
import type { Metric } from './metrics/metric.js';
import type { Progress } from './progress.js';
import { Scheduling, type Schedule, type Scheduler } from './scheduling.js';
import { sourceOf } from './source.js';
import { readOf, Totals, type BatchRead } from './totals.js';

/** From the model's output and the targets to a scalar: the mean over the batch. */
export type Loss = {
  /** The loss of a batch. */
  call(output: Tensor, target: Target): Tensor;
}['call'];

/** Metrics that go by a name. */
const namedMetrics = { accuracy } as const;
/** The names of metrics: 'accuracy'. */
export type MetricName = keyof typeof namedMetrics;

/** How a {@link Trainer} trains. */
export interface TrainerOptions {
  optimizer: Optimizer;
  /** What training makes less. */
  loss: Loss;
  /** What is measured beside the loss. Default: nothing. */
  metrics?: readonly (MetricName | Metric)[] | undefined;
  /** Moves the learning rates; with options of its own as { scheduler, interval, monitor }. Default: none. */
  schedule?: Scheduler | Schedule | undefined;
  /**
   * Batches that make one step of the optimizer, along the gradient of the mean over all their samples: as one large batch,
   * but for layers that look at a batch as a whole. At the end of an epoch they may be fewer. Default: 1.
   */
  accumulate?: number | undefined;
  /** Sets the optimizer's option: gradients are scaled so that their norm, of all together, is at most this. */
  clipNorm?: number | undefined;
  /** Sets the optimizer's option: the elements of gradients are brought into [−clipValue, clipValue]. */
  clipValue?: number | undefined;
}

/** Options of {@link Trainer.fit}. */
export interface FitOptions {
  /** Default: 1. */
  epochs?: number;
  /** Default: 32. */
  batchSize?: number;
  /** Whether samples come in a new random order each epoch. Default: true. */
  shuffle?: boolean;
  /** Fixes those orders, and what the dataset draws; otherwise they follow setSeed. */
  seed?: number | undefined;
  /** Evaluated after each epoch. */
  validation?: Dataset | undefined;
  /** Called as training goes, in this order. */
  callbacks?: readonly Callback[] | undefined;
  /** Training ends after the step in which so many seconds have passed since fit() was called. Default: without end. */
  maxSeconds?: number | undefined;
  /**
   * A file of Checkpoint to go on from, as if training had never been interrupted: to the same bits, where the model, the
   * trainer, the data and the callbacks are made as they were. `epochs` counts from the beginning.
   */
  resume?: string | undefined;
  /** Ends training after the batch that runs: fit rejects with the signal's reason, the model stays as it is then. */
  signal?: AbortSignal;
  /** A bar on a terminal, lines elsewhere (true, the default), nothing (false), or a display of your own. */
  progress?: boolean | Progress;
}

function metricOf(metric: MetricName | Metric): Metric {
  if (typeof metric === 'object' && typeof metric.measure === 'function') return metric;
  if (Object.hasOwn(namedMetrics, metric as string)) return namedMetrics[metric as MetricName];
  const known = Object.keys(namedMetrics)
    .map((name) => `'${name}'`)
    .join(', ');
  throw new RangeError(`Trainer: metric ${describe(metric)} is none, wants ${known}, or a Metric`);
}

/**
 * Trains a model, measures it, and predicts with it. All three leave the event loop free: they await the compute thread.
 */
export class Trainer {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** What training makes less. */
  readonly loss: Loss;
  /** The epochs of the last fit() so far, also of one that was aborted. */
  history: History = { epochs: [] };
  readonly metrics: readonly Metric[];
  /** @internal */
  readonly scheduling: Scheduling | null;
  /** Batches that make one step. */
  readonly accumulate: number;
  #fitting: Fitting | null = null;

  constructor(model: Module, options: TrainerOptions) {
    const { optimizer, loss, metrics = [], schedule, accumulate = 1, clipNorm, clipValue } = options;
    if (!(optimizer instanceof Optimizer)) {
      throw new TypeError(
        `Trainer: optimizer is ${describe(optimizer)}, wants one that makes a step of one batch, as SGD or Adam`,
      );
    }
    this.model = model;
    this.optimizer = optimizer;
    this.loss = loss;
    this.metrics = metrics.map(metricOf);
    const names = this.metrics.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) < i || name === 'loss');
    if (twice !== undefined) throw new RangeError(`Trainer: two metrics go by the name '${twice}'`);
    this.scheduling = schedule ? new Scheduling(schedule) : null;
    requireWhole('Trainer: accumulate', accumulate, 1);
    this.accumulate = accumulate;
    const clipping = {
      ...(clipNorm !== undefined && { clipNorm }),
      ...(clipValue !== undefined && { clipValue }),
    };
    for (const group of optimizer.groups) group.check({ ...group.options, ...clipping });
    for (const group of optimizer.groups) group.options = { ...group.options, ...clipping };
  }

  /** Whether fit() was asked to end after the epoch that runs. */
  get stopping(): boolean {
    return this.#fitting?.stopping ?? false;
  }

  /** Ends fit() after the epoch that runs: it resolves with the history so far. Nothing where none runs. */
  stop(): void {
    if (this.#fitting) this.#fitting.stopping = true;
  }

  /**
   * Trains for some epochs over a dataset, or over what an async iterable of batches gives each time it is gone through.
   *
   * A loss that is not finite ends training with an error that names the first layer whose output was not; the parameters
   * are as they were before.
   *
   * @throws StriateError while another fit() of this trainer runs, for a loss that is not finite, and for a checkpoint that
   *   does not fit; Error that names the file for one that is damaged: nothing has changed then; the signal's reason when
   *   aborted
   */
  async fit(train: Dataset | AsyncIterable<Batch>, options: FitOptions = {}): Promise<History> {
    if (this.#fitting)
      throw new StriateError('fit: this trainer is at another fit(); wait for it, or abort it');
    const fitting = new Fitting(this, train, options);
    this.#fitting = fitting;
    try {
      return await fitting.run();
    } finally {
      this.#fitting = null;
    }
  }

  /**
   * Calls `work`, which is awaited, between two batches: after the next step of the optimizer or the end of the epoch, when
   * callbacks have been told of everything before.
   *
   * @throws StriateError where no fit() runs
   */
  betweenBatches(work: BetweenBatches): void {
    if (!this.#fitting) throw new StriateError('betweenBatches: this trainer is at no fit()');
    this.#fitting.betweenBatches(work);
  }

  /** Shows on the display of fit() what has gone wrong without ending training; emits a warning of the process elsewhere. */
  warn(text: string): void {
    if (this.#fitting) this.#fitting.warn(text);
    else process.emitWarning(text);
  }

  /** The model's loss and metrics on a dataset, without training. */
  async evaluate(
    data: Dataset | AsyncIterable<Batch>,
    { batchSize = 256 }: { batchSize?: number } = {},
  ): Promise<Evaluation> {
    const source = sourceOf('evaluate', data, { batchSize, seed: 0 });
    const totals = new Totals(this.metrics);
    const inFlight = new InFlight<BatchRead>(batchesInFlight, (read) => totals.add(read));
    for await (const [x, y] of source.epoch(1, 0)) {
      const { read } = this.#inUse(() => {
        const output = this.model.forward(x);
        return { read: readOf(this.metrics, output, this.loss(output, y), y) };
      });
      inFlight.add(read);
      await inFlight.room();
    }
    await inFlight.drain();
    const { measured, samples } = totals;
    return { ...measured, accuracy: measured.metrics.accuracy ?? NaN, samples };
  }

  /** The model's output for each of x [N, …], `batchSize` at a time. */
  async predict(x: Tensor, { batchSize = 256 }: { batchSize?: number } = {}): Promise<Tensor> {
    const n = x.shape[0] ?? 0;
    const outputs: Tensor[] = [];
    for (let from = 0; from < n || outputs.length === 0; from += batchSize) {
      const output = this.#inUse(() => this.model.forward(slice(x, [from], [from + batchSize])));
      outputs.push(output);
      // One batch ahead at the most.
      if (from + batchSize < n) await synchronize();
    }
    const all = concat(outputs, 0);
    for (const output of outputs) output.dispose();
    return all;
  }

  /** Calls `work` with the model in eval mode, without recording gradients; also between two steps of training. */
  #inUse<T>(work: () => T): T {
    return inEval(this.model, () => noGrad(() => scope(work)));
  }
}
