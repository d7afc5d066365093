import type { Batch, Dataset } from '../data/dataset.js';
import type { DType, Tensor } from '../tensor.js';
import type { EpochRecord, History, Measured } from './history.js';
import type { Trainer } from './trainer.js';

/** How fit() ended: after all epochs, because it was asked to, by its signal, or with an error. */
export type EndReason = 'finished' | 'stopped' | 'aborted' | 'failed';

interface TrainerEvent {
  readonly trainer: Trainer;
}

export interface TrainBegin extends TrainerEvent {
  readonly epochs: number;
  /** In an epoch; undefined where the data does not tell. */
  readonly batches: number | undefined;
  readonly train: Dataset | AsyncIterable<Batch>;
  readonly validation: Dataset | undefined;
  /** Whether it goes on from a checkpoint. */
  readonly resumed: boolean;
}

export interface EpochBegin extends TrainerEvent {
  readonly epoch: number;
}

export interface BatchBegin extends EpochBegin {
  readonly batch: number;
  /** Batches since training began, with this one, over all epochs. */
  readonly step: number;
}

/** A step of the optimizer that has been asked for: nothing of it has been read back. */
export interface StepEnd extends BatchBegin {
  /** Whether training ends here, as its time is up. */
  readonly last: boolean;
}

/** A batch that has been trained on, and read back: the next is under way already. */
export interface BatchEnd extends BatchBegin {
  readonly samples: number;
  /** Of this batch. */
  readonly loss: number;
  /** Of this batch. */
  readonly metrics: Record<string, number>;
  /** Means over the epoch so far, with this batch. */
  readonly running: Measured;
  /** Of the optimizer's first group, in this batch. */
  readonly learningRate: number;
}

export interface EpochEnd extends EpochBegin {
  readonly record: EpochRecord;
}

export interface TrainEnd extends TrainerEvent {
  readonly history: History;
  readonly reason: EndReason;
}

/**
 * What fit() calls as it goes, in the order in which callbacks are listed, each awaited. Epochs and batches count from 1.
 * What a callback throws ends training.
 */
export interface Callback {
  /** Before the first epoch. */
  onTrainBegin?(event: TrainBegin): void | Promise<void>;
  /** Before the first batch of an epoch. */
  onEpochBegin?(event: EpochBegin): void | Promise<void>;
  /** Before a batch goes through the model. */
  onBatchBegin?(event: BatchBegin): void | Promise<void>;
  /** Between two steps: operations asked for here see the weights that this step leaves. */
  onStep?(event: StepEnd): void | Promise<void>;
  /** When the loss of a batch is known, which may be after later batches have begun. */
  onBatchEnd?(event: BatchEnd): void | Promise<void>;
  /** Before an epoch's validation. */
  onValidationBegin?(event: EpochBegin): void | Promise<void>;
  /** After it. */
  onValidationEnd?(event: EpochBegin): void | Promise<void>;
  /** After validation. */
  onEpochEnd?(event: EpochEnd): void | Promise<void>;
  /** However training ended, once onTrainBegin was called. */
  onTrainEnd?(event: TrainEnd): void | Promise<void>;
  /**
   * Whether it only looks on, as a log does: training may go on from a checkpoint with it or without, whatever the
   * checkpoint has.
   */
  readonly observes?: boolean;
  /** What a checkpoint has to hold for this callback, as JSON; where it is there, restore() is, too. */
  state?(): unknown;
  /** The tensors that a checkpoint has to hold beside that. */
  tensors?(): ReadonlyMap<string, Tensor<DType>>;
  /**
   * Takes over, after onTrainBegin, what state() gave, and copies of what tensors() gave. The tensors given are the
   * caller's.
   */
  restore?(
    state: unknown,
    tensors: ReadonlyMap<string, Tensor<DType>>,
    trainer: Trainer,
  ): void | Promise<void>;
}
