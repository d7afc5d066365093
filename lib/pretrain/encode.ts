import { noGrad } from '../autograd.js';
import type { Dataset } from '../data/dataset.js';
import { TensorDataset } from '../data/dataset.js';
import { DataLoader } from '../data/loader.js';
import { inEval } from '../nn/inEval.js';
import type { Module } from '../nn/module.js';
import { concat } from '../ops/movement.js';
import { scope, type Tensor } from '../tensor.js';

export interface EncodeOptions {
  /** Samples that are encoded at once. Default: 1024. */
  readonly batchSize?: number | undefined;
}

/**
 * The codes of a data set's inputs as a data set of their own, whose targets they are too: what the next layer of a stack
 * is pretrained on. The module is as in use, and all codes are held in memory.
 *
 * @throws RangeError for a data set without samples
 */
export async function encode(
  module: Module & { encode(x: Tensor): Tensor },
  dataset: Dataset,
  { batchSize = 1024 }: EncodeOptions = {},
): Promise<TensorDataset> {
  if (!(dataset.length > 0)) {
    throw new RangeError(`encode: the data set has ${dataset.length} samples, wants some`);
  }
  const parts: Tensor[] = [];
  try {
    for await (const [x] of new DataLoader(dataset, { batchSize, seed: 0 })) {
      parts.push(inEval(module, () => noGrad(() => scope(() => module.encode(x)))));
    }
    const codes = concat(parts, 0);
    return new TensorDataset(codes, codes.detach());
  } finally {
    for (const part of parts) part.dispose();
  }
}
