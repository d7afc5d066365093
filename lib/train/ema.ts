import { native } from '../native.js';
import type { Module } from '../nn/module.js';
import { requireFlag, requireNumber } from '../optim/options.js';
import { handleOf, Tensor, type DType } from '../tensor.js';
import type { Callback, EpochBegin, StepEnd, TrainBegin, TrainEnd } from './callback.js';

export interface EMAOptions {
  /** How much of the average stays from step to step, from 0 to less than 1. Default: 0.999. */
  readonly decay?: number | undefined;
  /** Whether the first steps forget faster, by min(decay, (1 + t)/(10 + t)) in step t. Default: false. */
  readonly warmUp?: boolean | undefined;
  /** Whether the model has the averages when training ends, as evaluate() and predict() want it. Default: true. */
  readonly apply?: boolean | undefined;
}

/**
 * The exponential moving average of the parameters, a ← decay·a + (1 − decay)·w after each step (Polyak and Juditsky, 1992;
 * Tarvainen and Valpola, 2017). Validation is with the averages, and so is the model when training has ended. Buffers, as
 * the running statistics of batch norm, are averages already: the model's are taken.
 *
 * ```ts
 * await trainer.fit(train, { epochs: 30, validation, callbacks: [new EMA({ decay: 0.999 })] });
 * ```
 *
 * Memory: one copy of the parameters; two during validation.
 *
 * @throws TypeError, RangeError for options that are none
 */
export class EMA implements Callback {
  readonly decay: number;
  readonly #warmUp: boolean;
  readonly #apply: boolean;
  #steps = 0;
  #averages = new Map<string, Tensor>();
  /** The parameters, while the model has the averages. */
  #parameters = new Map<string, Tensor>();

  constructor({ decay = 0.999, warmUp = false, apply = true }: EMAOptions = {}) {
    requireNumber('EMA: decay', decay, 0, 1);
    requireFlag('EMA: warmUp', warmUp);
    requireFlag('EMA: apply', apply);
    this.decay = decay;
    this.#warmUp = warmUp;
    this.#apply = apply;
  }

  onTrainBegin({ trainer }: TrainBegin): void {
    this.#steps = 0;
    this.#forget();
    this.#averages = copies(trainer.model);
  }

  onStep({ trainer }: StepEnd): void {
    const t = this.#steps++;
    const decay = this.#warmUp ? Math.min(this.decay, (1 + t) / (10 + t)) : this.decay;
    const averages = [...this.#averages.values()].map(handleOf);
    native.movingAverage(averages, trainer.model.parameters().map(handleOf), decay);
  }

  onValidationBegin({ trainer }: EpochBegin): void {
    this.#parameters = copies(trainer.model);
    assign(trainer.model, this.#averages);
  }

  onValidationEnd({ trainer }: EpochBegin): void {
    assign(trainer.model, this.#parameters);
    this.#parameters = disposed(this.#parameters);
  }

  onTrainEnd({ trainer, reason }: TrainEnd): void {
    // A validation that failed.
    assign(trainer.model, this.#parameters);
    if (this.#apply && (reason === 'finished' || reason === 'stopped')) assign(trainer.model, this.#averages);
    this.#forget();
  }

  state(): { steps: number } {
    return { steps: this.#steps };
  }

  /** The averages, by the parameters' names; none but in training. */
  tensors(): ReadonlyMap<string, Tensor> {
    return this.#averages;
  }

  restore({ steps }: { steps: number }, tensors: ReadonlyMap<string, Tensor<DType>>): void {
    this.#steps = steps;
    for (const [name, average] of this.#averages) {
      const saved = tensors.get(name);
      if (saved) average.assign(saved as Tensor);
    }
  }

  #forget(): void {
    this.#averages = disposed(this.#averages);
    this.#parameters = disposed(this.#parameters);
  }
}

function copies(model: Module): Map<string, Tensor> {
  const list = Array.from(model.namedParameters(), ([name, parameter]): [string, Tensor] => {
    const copy = new Tensor(native.lasting(parameter.shape, 0), 'f32').keep();
    copy.assign(parameter);
    return [name, copy];
  });
  return new Map(list);
}

/** Gives the model's parameters these values, as far as there are. */
function assign(model: Module, values: ReadonlyMap<string, Tensor>): void {
  for (const [name, parameter] of values.size > 0 ? model.namedParameters() : []) {
    const value = values.get(name);
    if (value) parameter.assign(value);
  }
}

function disposed(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  for (const tensor of tensors.values()) tensor.dispose();
  return new Map();
}
