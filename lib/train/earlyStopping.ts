import { describe } from '../describe.js';
import type { Module } from '../nn/module.js';
import { zerosLike } from '../ops/creation.js';
import { StriateError, type DType, type Tensor } from '../tensor.js';
import type { EpochRecord } from './history.js';
import type { Callback, Trainer } from './trainer.js';

/** What of an epoch's record can be watched. */
export type Monitored = 'loss' | 'accuracy' | 'validationLoss' | 'validationAccuracy';

export interface EarlyStoppingOptions {
  /** Default: 'validationLoss'. */
  readonly monitor?: Monitored | undefined;
  /** After so many epochs without improvement training ends; 0 is as 1. Default: 0. */
  readonly patience?: number | undefined;
  /** What is better than the best by this or less is no improvement. Default: 0. */
  readonly minDelta?: number | undefined;
  /** Whether small values are good, or large ones; 'auto': large accuracies and small losses. Default: 'auto'. */
  readonly mode?: 'auto' | 'min' | 'max' | undefined;
  /** Whether the model has the weights of the best epoch when training ends, early or not. Default: false. */
  readonly restoreBestWeights?: boolean | undefined;
}

const monitored: readonly string[] = ['loss', 'accuracy', 'validationLoss', 'validationAccuracy'];

/**
 * Ends fit() when what it watches has not improved for `patience` epochs (Prechelt, "Early stopping – but when?",
 * 1998): a callback of one fit() at a time.
 *
 * ```ts
 * const callbacks = [new EarlyStopping({ patience: 3, restoreBestWeights: true })];
 * await trainer.fit(train, { epochs: 100, validation, callbacks });
 * ```
 *
 * @throws TypeError, RangeError for options that are none; StriateError, out of fit(), where epochs lack what is watched
 */
export class EarlyStopping implements Callback {
  readonly monitor: Monitored;
  readonly patience: number;
  readonly minDelta: number;
  readonly mode: 'min' | 'max';
  readonly restoreBestWeights: boolean;
  /** The best value so far, and its epoch; null before the first. */
  best: number | null = null;
  bestEpoch: number | null = null;
  /** The epoch after which training was ended; null where it was not. */
  stoppedEpoch: number | null = null;
  #waited = 0;
  #trainer: Trainer | null = null;
  #weights: Map<string, Tensor<DType>> | null = null;

  constructor({
    monitor = 'validationLoss',
    patience = 0,
    minDelta = 0,
    mode = 'auto',
    restoreBestWeights = false,
  }: EarlyStoppingOptions = {}) {
    const wrong = (name: string, value: unknown, wanted: string): RangeError =>
      new RangeError(`EarlyStopping: ${name} is ${describe(value)}, wants ${wanted}`);
    if (!monitored.includes(monitor)) throw wrong('monitor', monitor, `one of ${monitored.join(', ')}`);
    if (!Number.isInteger(patience) || patience < 0) {
      throw wrong('patience', patience, 'a whole number from 0 on');
    }
    if (!Number.isFinite(minDelta) || minDelta < 0) {
      throw wrong('minDelta', minDelta, 'a finite number from 0 on');
    }
    if (!['auto', 'min', 'max'].includes(mode)) throw wrong('mode', mode, "'auto', 'min' or 'max'");
    if (typeof restoreBestWeights !== 'boolean') {
      throw wrong('restoreBestWeights', restoreBestWeights, 'true or false');
    }
    this.monitor = monitor;
    this.patience = patience;
    this.minDelta = minDelta;
    this.mode = mode === 'auto' ? (monitor.toLowerCase().endsWith('accuracy') ? 'max' : 'min') : mode;
    this.restoreBestWeights = restoreBestWeights;
  }

  onFitBegin(trainer: Trainer): void {
    this.#trainer = trainer;
    this.best = this.bestEpoch = this.stoppedEpoch = null;
    this.#waited = 0;
    this.#forget();
  }

  onEpochEnd(record: EpochRecord): void {
    const trainer = this.#trainer;
    if (!trainer) throw new StriateError('EarlyStopping: onEpochEnd without onFitBegin; give it to fit()');
    const value = record[this.monitor];
    if (value === undefined) {
      const missing = [
        ...(this.monitor.startsWith('validation') ? ['fit() validation data'] : []),
        ...(this.monitor.toLowerCase().endsWith('accuracy') ? ["the trainer the metric 'accuracy'"] : []),
      ];
      throw new StriateError(`EarlyStopping: epochs have no ${this.monitor}; give ${missing.join(' and ')}`);
    }
    if (this.#improves(value)) {
      this.best = value;
      this.bestEpoch = record.epoch;
      this.#waited = 0;
      if (this.restoreBestWeights) this.#remember(trainer.model);
    } else if (++this.#waited >= this.patience) {
      this.stoppedEpoch = record.epoch;
      trainer.stop();
    }
  }

  onFitEnd({ model }: Trainer): void {
    if (this.#weights) model.loadStateDict(this.#weights);
    this.#forget();
    this.#trainer = null;
  }

  /** What is not a number never does. */
  #improves(value: number): boolean {
    if (this.best === null) return !Number.isNaN(value);
    return this.mode === 'min' ? value < this.best - this.minDelta : value > this.best + this.minDelta;
  }

  #remember(model: Module): void {
    this.#weights ??= new Map(
      Array.from(model.stateDict(), ([name, tensor]) => [name, zerosLike(tensor).keep()]),
    );
    for (const [name, tensor] of model.stateDict()) this.#weights.get(name)?.assign(tensor);
  }

  #forget(): void {
    for (const tensor of this.#weights?.values() ?? []) tensor.dispose();
    this.#weights = null;
  }
}
