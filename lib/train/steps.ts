import { backward } from '../autograd.js';
import type { Batch } from '../data/dataset.js';
import { native } from '../native.js';
import { mul } from '../ops/elementwise.js';
import { handleOf, handleOrNull, scope, Tensor } from '../tensor.js';
import { readOf, type BatchRead } from './totals.js';
import type { Trainer } from './trainer.js';

/**
 * Makes the optimizer's steps out of batches, one of each `accumulate` of them: along the gradient of the mean over all their
 * samples. A loss that is not finite ends it all: neither its step nor any after it changes the parameters.
 */
export class Steps {
  readonly #trainer: Trainer;
  /** Fails where a loss so far was not finite. */
  #finite: Tensor | null = null;
  #batches = 0;
  #samples = 0;
  /** Samples that a step would have, were all its batches as large as the first. */
  #expected = 0;

  constructor(trainer: Trainer) {
    this.#trainer = trainer;
  }

  /**
   * Asks for a batch's work: nothing is left of it but gradients, or what the optimizer changed.
   *
   * @returns what is read back, and whether the optimizer has made a step
   */
  take([x, y]: Batch): { read: Promise<BatchRead>; stepped: boolean } {
    const { optimizer, model, loss, metrics, accumulate } = this.#trainer;
    const samples = x.shape[0] ?? 1;
    if (this.#batches === 0) {
      optimizer.zeroGrad();
      this.#expected = samples * accumulate;
    }
    this.#samples += samples;
    this.#batches++;
    const share = accumulate === 1 ? 1 : samples / this.#expected;
    const { read } = scope(() => {
      const output = model.forward(x);
      const l = loss(output, y);
      if (l.size !== 1) {
        throw new RangeError(
          `fit: the loss is [${l.shape.join(', ')}], wants one number, the mean over the batch`,
        );
      }
      backward(mul(l, this.#guard(l, share)));
      return { read: readOf(metrics, output, l, y) };
    });
    const stepped = this.#batches === accumulate;
    if (stepped) this.#step();
    return { read, stepped };
  }

  /** Makes the step of batches that are fewer than they were to be, at the end of an epoch; tells whether there were any. */
  flush(): boolean {
    const waiting = this.#batches > 0;
    if (waiting) this.#step();
    return waiting;
  }

  #step(): void {
    const { optimizer } = this.#trainer;
    if (this.#samples !== this.#expected) {
      for (const { grad } of optimizer.parameters) {
        if (grad) scope(() => grad.assign(mul(grad, this.#expected / this.#samples)));
      }
    }
    optimizer.step();
    this.#batches = this.#samples = 0;
  }

  /** `share`, as long as losses are finite. */
  #guard(loss: Tensor, share: number): Tensor {
    const before = this.#finite;
    this.#finite = new Tensor(native.whenFinite(handleOf(loss), share, handleOrNull(before)), 'f32').keep();
    before?.dispose();
    return this.#finite;
  }

  dispose(): void {
    this.#finite?.dispose();
    this.#finite = null;
  }
}
