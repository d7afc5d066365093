import { native } from '../native.js';
import { mul } from '../ops/elementwise.js';
import { handleOf, Tensor, type DType } from '../tensor.js';

/** One batch: inputs, and a label for each. */
export type Batch = [x: Tensor, labels: Tensor<'i32'>];

/** Samples that can be taken by number. */
export interface Dataset {
  readonly length: number;
  /** The samples of these numbers, as new tensors. */
  batch(indices: Tensor<'i32'>): Batch;
}

/**
 * Samples held in two tensors: x [N, …] and labels i32 [N]. Where x is u8, as images are, batches are f32 in [0, 1].
 * The dataset owns the tensors.
 */
export class TensorDataset implements Dataset {
  readonly x: Tensor | Tensor<'u8'>;
  readonly labels: Tensor<'i32'>;

  constructor(x: Tensor | Tensor<'u8'>, labels: Tensor<'i32'>) {
    if (x.shape[0] !== labels.shape[0] || labels.rank !== 1) {
      const shapes = `x [${x.shape.join(', ')}] and labels [${labels.shape.join(', ')}]`;
      throw new RangeError(`TensorDataset: ${shapes} want one label for each sample: [N, …] and [N]`);
    }
    this.x = x.keep();
    this.labels = labels.keep();
  }

  get length(): number {
    return this.labels.shape[0] ?? 0;
  }

  batch(indices: Tensor<'i32'>): Batch {
    const taken = native.gather(this.x.handle, handleOf(indices));
    const labels = new Tensor(native.gather(this.labels.handle, indices.handle), 'i32');
    if (this.x.dtype === 'f32') return [new Tensor(taken, 'f32'), labels];
    using bytes = new Tensor<DType>(taken, 'u8');
    using whole = new Tensor(native.cast(bytes.handle, 'f32'), 'f32');
    return [mul(whole, 1 / 255), labels];
  }

  dispose(): void {
    this.x.dispose();
    this.labels.dispose();
  }
}
