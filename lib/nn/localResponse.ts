import { localResponseNorm, type LocalResponseNormOptions } from '../ops/localResponse.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** Local response normalization across `size` channels; see {@link ops.localResponseNorm} for the formula and the defaults. */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly options: Readonly<LocalResponseNormOptions>;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    if (!Number.isInteger(size) || size < 1) {
      throw new RangeError(`LocalResponseNorm: size is ${size}, wants a whole number from 1 on`);
    }
    this.size = size;
    this.options = Object.freeze({ ...options });
  }

  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }
}
