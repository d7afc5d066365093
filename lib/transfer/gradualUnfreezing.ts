import { StriateError } from '../native.js';
import { requireWhole } from '../optim/options.js';
import type { Callback, EpochBegin, TrainBegin } from '../train/callback.js';
import { stagesOf, unfreezeTop, type StageOptions, type StagePaths } from './stages.js';

export interface GradualUnfreezingOptions extends StageOptions {
  /** Stages that are trained from the first epoch on. Default: 1, the head. */
  readonly start?: number | undefined;
  /** One stage more is trained after each so many epochs. Default: 1. */
  readonly everyEpochs?: number | undefined;
}

/**
 * Trains the head of a model first and unfreezes one stage more at a time, from the top down, so that a head that knows
 * nothing yet does not undo what the stages below have learnt (Howard and Ruder, 2018). The optimizer is to have all
 * parameters from the beginning; those of a stage begin at their first step. See stagesOf for what a stage is.
 *
 * ```ts
 * const optimizer = new optim.Adam(transfer.stageGroups(model, { lr: 1e-3 }));
 * const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy });
 * await trainer.fit(train, { epochs: 10, callbacks: [new transfer.GradualUnfreezing({ everyEpochs: 2 })] });
 * ```
 *
 * @throws TypeError, RangeError for options that are none; StriateError, out of fit(), where the optimizer lacks parameters
 */
export class GradualUnfreezing implements Callback {
  readonly start: number;
  readonly everyEpochs: number;
  readonly #stages: StagePaths | undefined;

  constructor({ start = 1, everyEpochs = 1, stages }: GradualUnfreezingOptions = {}) {
    requireWhole('GradualUnfreezing: start', start, 0);
    requireWhole('GradualUnfreezing: everyEpochs', everyEpochs, 1);
    this.start = start;
    this.everyEpochs = everyEpochs;
    this.#stages = stages;
  }

  onTrainBegin({ trainer }: TrainBegin): void {
    const { model, optimizer } = trainer;
    const known = new Set(optimizer.parameters);
    const inside = stagesOf(model, this.#stages);
    const lacking = inside.filter(({ parameters }) => parameters.some((parameter) => !known.has(parameter)));
    if (lacking.length === 0) return;
    throw new StriateError(
      `GradualUnfreezing: the optimizer lacks parameters of ${lacking.map(({ name }) => name).join(', ')}, wants all from the beginning`,
    );
  }

  onEpochBegin({ trainer, epoch }: EpochBegin): void {
    const { model } = trainer;
    const count = this.start + Math.floor((epoch - 1) / this.everyEpochs);
    const { length } = stagesOf(model, this.#stages);
    unfreezeTop(model, Math.min(count, length), { stages: this.#stages });
  }
}
