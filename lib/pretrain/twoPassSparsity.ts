import { noGrad } from '../autograd.js';
import type { Dataset } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { describe } from '../describe.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { observe } from '../nn/observe.js';
import { Sparsity } from '../nn/sparsity.js';
import { requireChoice } from '../optim/options.js';
import { add, div } from '../ops/elementwise.js';
import { sum } from '../ops/reduce.js';
import { scope, StriateError, type Tensor } from '../tensor.js';
import type { BatchBegin, Callback, EpochBegin, TrainEnd } from '../train/callback.js';

export interface TwoPassSparsityOptions {
  /** How often the means are measured: before each epoch, or before each batch, which is exact. Default: 'epoch'. */
  readonly interval?: 'epoch' | 'step' | undefined;
  /** Samples that are measured at once. Default: 1024. */
  readonly batchSize?: number | undefined;
}

/**
 * The first of the two passes of a sparse autoencoder (Ng, CS294A, 2011): measures the mean activations that an nn.Sparsity
 * sees over all training data, or a large sample of them, by the model in use, and sets its `means` to them. As a callback
 * of fit() it does so before each epoch or each batch, and takes them away at the end.
 *
 * With all data in one batch, or `interval: 'step'`, gradients are those of the penalty over all data. A training that is
 * resumed in the middle of an epoch measures anew.
 *
 * ```ts
 * await trainer.fit(train, { callbacks: [new pretrain.TwoPassSparsity(sparsity, train)] });
 * ```
 *
 * @throws TypeError, RangeError for arguments that are none
 */
export class TwoPassSparsity implements Callback {
  readonly layer: Sparsity;
  readonly dataset: Dataset;
  readonly interval: 'epoch' | 'step';
  readonly batchSize: number;

  constructor(
    layer: Sparsity,
    dataset: Dataset,
    { interval = 'epoch', batchSize = 1024 }: TwoPassSparsityOptions = {},
  ) {
    if (!(layer instanceof Sparsity)) {
      throw new TypeError(`TwoPassSparsity: layer is ${describe(layer)}, wants an nn.Sparsity`);
    }
    if (typeof (dataset as Dataset | undefined)?.get !== 'function' || !(dataset.length > 0)) {
      throw new TypeError(`TwoPassSparsity: dataset is ${describe(dataset)}, wants one that has samples`);
    }
    requireChoice('TwoPassSparsity: interval', interval, ['epoch', 'step']);
    this.layer = layer;
    this.dataset = dataset;
    this.interval = interval;
    this.batchSize = batchSize;
  }

  /**
   * Measures the means with the model as it is, and sets them.
   *
   * @throws StriateError where the layer is not in the model, or is not called
   */
  async measure(model: Module): Promise<void> {
    const { batchSize } = this;
    let total: Tensor | null = null;
    let rows = 0;
    try {
      for await (const [x] of new DataLoader(this.dataset, { batchSize, seed: 0 })) {
        const seen = this.#sums(model, x);
        const before: Tensor | null = total;
        total = before ? add(before, seen.total) : seen.total;
        if (before) for (const part of [before, seen.total]) part.dispose();
        rows += seen.rows;
      }
      using means = div(total!, rows);
      this.layer.means = means;
    } finally {
      total?.dispose();
    }
  }

  /** Over a batch: sums of the activations, and how many each is of. */
  #sums(model: Module, x: Tensor): { total: Tensor; rows: number } {
    const seen: { total: Tensor; rows: number }[] = [];
    const look = (_path: string, module: Module, input: Tensor): void => {
      if (module !== this.layer) return;
      const units = input.shape.at(-1) ?? 1;
      const axes = Array.from({ length: input.rank - 1 }, (_, axis) => axis);
      // Whatever scope the model is called in.
      seen.push({ total: sum(input, axes).keep(), rows: input.size / units });
    };
    inEval(model, () => noGrad(() => scope(() => void observe(model, look, () => model.forward(x)))));
    if (seen.length === 1) return seen[0]!;
    for (const { total } of seen) total.dispose();
    throw new StriateError(
      `TwoPassSparsity: the model called the layer ${seen.length} times, wants it once in the model`,
    );
  }

  async onEpochBegin({ trainer }: EpochBegin): Promise<void> {
    if (this.interval === 'epoch') await this.measure(trainer.model);
  }

  async onBatchBegin({ trainer }: BatchBegin): Promise<void> {
    if (this.interval === 'step') await this.measure(trainer.model);
  }

  onTrainEnd(_event: TrainEnd): void {
    this.layer.means = null;
  }
}
