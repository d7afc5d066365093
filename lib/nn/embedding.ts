import { normal } from '../ops/creation.js';
import { gather } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { Module, Parameter } from './module.js';

/**
 * A learnt vector for each of numEmbeddings things: indices i32 [...] → [..., embeddingDim], the rows of `weight`
 * [numEmbeddings, embeddingDim], which starts standard normal, as in PyTorch.
 *
 * @throws RangeError for sizes below 1; an index that names no row is found when the operation runs
 */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number) {
    super();
    for (const [name, size] of Object.entries({ numEmbeddings, embeddingDim })) {
      if (!Number.isInteger(size) || size < 1) {
        throw new RangeError(`Embedding: ${name} is ${size}, wants a whole number from 1 on`);
      }
    }
    this.weight = new Parameter(normal([numEmbeddings, embeddingDim]));
  }

  override forward(indices: Tensor<'i32'> | Tensor): Tensor {
    return gather(this.weight, indices as Tensor<'i32'>);
  }
}
