import { describe } from '../describe.js';
import { StriateError } from '../native.js';
import { Module, type StateDict } from '../nn/module.js';
import { zeros } from '../ops/creation.js';
import { requireWhole } from '../optim/options.js';
import type { DType, Tensor } from '../tensor.js';
import type { Callback, EpochEnd } from '../train/callback.js';
import { Ensemble, type EnsembleOptions } from './ensemble.js';

export interface SnapshotEnsembleOptions {
  /** Epochs of a cycle of the learning rate. */
  readonly everyEpochs: number;
  /** How many of the last snapshots are kept. Default: all. */
  readonly keep?: number | undefined;
}

/**
 * An ensemble out of one training (Huang et al., "Snapshot ensembles: train 1, get M for free", 2017): the learning rate
 * goes down along half a cosine and jumps up again, several times; at each end of a cycle the model is at another
 * minimum, of which this callback keeps a copy: parameters and running statistics.
 *
 * ```ts
 * const cycle = 10; // epochs
 * const steps = Math.ceil(train.length / batchSize);
 * const schedule = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: cycle * steps });
 * const trainer = new Trainer(model, { optimizer, loss, schedule: { scheduler: schedule, interval: 'step' } });
 * using snapshots = new SnapshotEnsemble({ everyEpochs: cycle });
 * await trainer.fit(train, { epochs: 5 * cycle, batchSize, callbacks: [snapshots] });
 * const ensemble = snapshots.ensemble(() => models.lenet5());
 * ```
 *
 * Memory: a copy of the model for each snapshot, until dispose().
 *
 * @throws TypeError, RangeError for options that are none
 */
export class SnapshotEnsemble implements Callback, Disposable {
  readonly everyEpochs: number;
  readonly keep: number;
  #snapshots: StateDict[] = [];

  constructor({ everyEpochs, keep }: SnapshotEnsembleOptions) {
    requireWhole('SnapshotEnsemble: everyEpochs', everyEpochs, 1);
    if (keep !== undefined) requireWhole('SnapshotEnsemble: keep', keep, 1);
    this.everyEpochs = everyEpochs;
    this.keep = keep ?? Infinity;
  }

  /** Snapshots that are kept, the oldest first. The tensors are the callback's. */
  get snapshots(): readonly ReadonlyMap<string, Tensor<DType>>[] {
    return this.#snapshots;
  }

  onTrainBegin(): void {
    this.dispose();
  }

  onEpochEnd({ trainer, epoch }: EpochEnd): void {
    if (epoch % this.everyEpochs !== 0) return;
    this.#snapshots.push(copyOf(trainer.model.stateDict()));
    while (this.#snapshots.length > this.keep) disposeAll(this.#snapshots.shift()!);
  }

  /**
   * The snapshots as models that answer as one, in eval mode.
   *
   * @param build makes a model like the one that was trained, for each
   * @throws StriateError where there are no snapshots, and for a model that is another
   */
  ensemble(build: () => Module, options?: EnsembleOptions): Ensemble {
    if (this.#snapshots.length === 0) {
      throw new StriateError(
        `SnapshotEnsemble: there are no snapshots; one is made after each ${this.everyEpochs} epochs of fit()`,
      );
    }
    const members = this.#snapshots.map((snapshot) => {
      const model: unknown = build();
      if (!(model instanceof Module)) {
        throw new TypeError(`SnapshotEnsemble: build gave ${describe(model)}, wants a Module`);
      }
      model.loadStateDict(snapshot);
      return model;
    });
    return new Ensemble(members, options).eval();
  }

  state(): { snapshots: number } {
    return { snapshots: this.#snapshots.length };
  }

  tensors(): ReadonlyMap<string, Tensor<DType>> {
    return new Map(
      this.#snapshots.flatMap((snapshot, i) =>
        Array.from(snapshot, ([name, t]) => [`${i}.${name}`, t] as const),
      ),
    );
  }

  restore({ snapshots }: { snapshots: number }, tensors: ReadonlyMap<string, Tensor<DType>>): void {
    this.dispose();
    for (let i = 0; i < snapshots; i++) {
      const own = [...tensors].filter(([name]) => name.startsWith(`${i}.`));
      this.#snapshots.push(copyOf(new Map(own.map(([name, t]) => [name.slice(`${i}.`.length), t]))));
    }
  }

  /** Gives the copies back. */
  dispose(): void {
    for (const snapshot of this.#snapshots.splice(0)) disposeAll(snapshot);
  }

  /** dispose(), for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function copyOf(tensors: ReadonlyMap<string, Tensor<DType>>): StateDict {
  const copies: StateDict = new Map();
  for (const [name, t] of tensors) {
    const copy = zeros(t.shape, t.dtype).keep();
    copy.assign(t);
    copies.set(name, copy);
  }
  return copies;
}

function disposeAll(tensors: ReadonlyMap<string, Tensor<DType>>): void {
  for (const t of tensors.values()) t.dispose();
}
