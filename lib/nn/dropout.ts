import { dropout } from '../ops/creation.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/**
 * In training, sets each element to 0 with probability p and multiplies the others by 1/(1 − p); in use, leaves all as
 * they are (Srivastava et al., 2014, in its inverted form). Default: p = 0.5.
 */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) throw new RangeError(`Dropout: p is ${p}, wants a probability from 0 to 1`);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
}
