import { describe } from '../describe.js';
import { zerosLike } from '../ops/creation.js';
import type { DType, Tensor } from '../tensor.js';
import type { Callback, EpochEnd, TrainEnd } from './callback.js';
import { improves, modeOf, monitoredValue, type Monitored } from './monitor.js';
import type { Trainer } from './trainer.js';

export interface EarlyStoppingOptions {
  /** Default: 'validationLoss'. */
  readonly monitor?: Monitored | undefined;
  /** After so many epochs without improvement training ends; 0 is as 1. Default: 0. */
  readonly patience?: number | undefined;
  /** What is better than the best by this or less is no improvement. Default: 0. */
  readonly minDelta?: number | undefined;
  /** Whether small values are good, or large ones; 'auto': small losses and errors, large metrics else. Default: 'auto'. */
  readonly mode?: 'auto' | 'min' | 'max' | undefined;
  /** Whether the model has the weights of the best epoch when training ends, early or not. Default: false. */
  readonly restoreBestWeights?: boolean | undefined;
}

interface EarlyStoppingState {
  best: number | null;
  bestEpoch: number | null;
  stoppedEpoch: number | null;
  waited: number;
}

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
    if (typeof monitor !== 'string' || monitor === '') {
      throw wrong('monitor', monitor, "the name of what is measured, as 'validationLoss'");
    }
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
    this.mode = mode === 'auto' ? modeOf(monitor) : mode;
    this.restoreBestWeights = restoreBestWeights;
  }

  onTrainBegin(): void {
    this.best = this.bestEpoch = this.stoppedEpoch = null;
    this.#waited = 0;
    this.#forget();
  }

  onEpochEnd({ trainer, record }: EpochEnd): void {
    const value = monitoredValue('EarlyStopping', record, this.monitor);
    if (improves(this.mode, value, this.best, this.minDelta)) {
      this.best = value;
      this.bestEpoch = record.epoch;
      this.#waited = 0;
      if (this.restoreBestWeights) this.#remember(trainer.model.stateDict());
    } else if (++this.#waited >= this.patience) {
      this.stoppedEpoch = record.epoch;
      trainer.stop();
    }
  }

  /** @internal */
  state(): EarlyStoppingState {
    return {
      best: this.best,
      bestEpoch: this.bestEpoch,
      stoppedEpoch: this.stoppedEpoch,
      waited: this.#waited,
    };
  }

  /** The best weights so far, where they are to be restored. */
  tensors(): ReadonlyMap<string, Tensor<DType>> {
    return this.#weights ?? new Map<string, Tensor<DType>>();
  }

  /** @internal */
  restore(
    { best, bestEpoch, stoppedEpoch, waited }: EarlyStoppingState,
    weights: ReadonlyMap<string, Tensor<DType>>,
    trainer: Trainer,
  ): void {
    Object.assign(this, { best, bestEpoch, stoppedEpoch });
    this.#waited = waited;
    if (this.restoreBestWeights && weights.size > 0) this.#remember(weights);
    if (stoppedEpoch !== null) trainer.stop();
  }

  onTrainEnd({ trainer, reason }: TrainEnd): void {
    if (this.#weights && (reason === 'finished' || reason === 'stopped')) {
      trainer.model.loadStateDict(this.#weights);
    }
    this.#forget();
  }

  #remember(weights: ReadonlyMap<string, Tensor<DType>>): void {
    this.#weights ??= new Map(Array.from(weights, ([name, tensor]) => [name, zerosLike(tensor).keep()]));
    for (const [name, tensor] of weights) this.#weights.get(name)?.assign(tensor);
  }

  #forget(): void {
    for (const tensor of this.#weights?.values() ?? []) tensor.dispose();
    this.#weights = null;
  }
}
