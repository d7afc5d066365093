import { noGrad } from '../autograd.js';
import { zeros } from '../ops/creation.js';
import { scope, synchronize, Tensor } from '../tensor.js';
import type { Module } from './module.js';
import { BatchNorm } from './norm.js';

/** Minibatches: inputs, or lists that begin with one, as a DataLoader gives them. */
export type Minibatches<Batch = Tensor | readonly [Tensor, ...unknown[]]> =
  Iterable<Batch> | AsyncIterable<Batch>;

/**
 * Replaces the running statistics of every batch norm in the model that is not frozen by those of the population, after training (Ioffe and
 * Szegedy, 2015, algorithm 2, step 10): runningMean by the mean over minibatches of their means, and runningVar by
 * m/(m − 1) times the mean over minibatches of their biased variances, where m is the number of values per channel in
 * one (each has its own where they differ). numBatchesTracked counts these batches.
 *
 * The batches go through the model as in training, dropout included, once and without gradients: every layer sees what
 * the layers before make of the same batch by its statistics. Whether modules are in training is as before afterwards.
 *
 * @throws RangeError where there is no batch: then nothing has changed
 */
export async function populationStatistics(model: Module, batches: Minibatches): Promise<void> {
  const modules = Array.from(model.modules(), ([, module]) => module);
  const norms = modules.filter((module) => module instanceof BatchNorm).filter(({ frozen }) => !frozen);
  const before = modules.map(({ training }) => training);
  const momenta = norms.map(({ momentum }) => momentum);
  const restore = () => {
    modules.forEach((module, i) => (module.training = before[i]!));
    norms.forEach((norm, i) => (norm.momentum = momenta[i]!));
  };
  let count = 0;
  for await (const batch of batches) {
    const x = batch instanceof Tensor ? batch : batch[0];
    if (count++ === 0) {
      // A mean over all batches of its own: it starts with the first.
      scope(() => {
        for (const { numBatchesTracked, runningMean, runningVar } of norms) {
          numBatchesTracked.assign(zeros([], 'i32'));
          for (const running of [runningMean, runningVar]) running.assign(zeros(running.shape));
        }
      });
    }
    model.train();
    for (const norm of norms) norm.momentum = null;
    try {
      noGrad(() => scope(() => void model.forward(x)));
    } finally {
      restore();
    }
    await synchronize();
  }
  if (count === 0) throw new RangeError('populationStatistics: there is no batch, wants at least one');
}
