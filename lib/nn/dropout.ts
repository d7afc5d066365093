import { describe } from '../describe.js';
import { dropout, type DropoutOptions } from '../ops/creation.js';
import {
  alphaDropout,
  dropout1d,
  dropout2d,
  gaussianDropout,
  gaussianNoise,
  maskingNoise,
} from '../ops/noise.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** What all kinds of dropout have: the probability p of each element, or channel, to be dropped. */
abstract class Dropping extends Module {
  /** The probability of an element, or channel, to be dropped. */
  readonly p: number;

  constructor(p: number) {
    super();
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) {
      throw new RangeError(`${new.target.name}: p is ${describe(p)}, wants a probability from 0 to 1`);
    }
    this.p = p;
  }
}

/**
 * In training, sets each element to 0 with probability p and multiplies the others by 1/(1 − p); in use, leaves all as
 * they are (Srivastava et al., 2014, in its inverted form). Default: p = 0.5.
 *
 * With `inverted: false` it is the paper's form: training leaves the others as they are, use multiplies all by 1 − p.
 */
export class Dropout extends Dropping {
  readonly inverted: boolean;

  constructor(p = 0.5, { inverted = true }: DropoutOptions = {}) {
    super(p);
    if (typeof inverted !== 'boolean') {
      throw new TypeError(`Dropout: inverted is ${describe(inverted)}, wants true or false`);
    }
    this.inverted = inverted;
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training, { inverted: this.inverted });
  }
}

/** Drops whole channels of sequences [N, L, C] in training; see {@link ops.dropout1d}. Default: p = 0.5. */
export class Dropout1d extends Dropping {
  constructor(p = 0.5) {
    super(p);
  }

  override forward(x: Tensor): Tensor {
    return dropout1d(x, this.p, this.training);
  }
}

/** Drops whole channels of images [N, H, W, C] in training; see {@link ops.dropout2d}. Default: p = 0.5. */
export class Dropout2d extends Dropping {
  constructor(p = 0.5) {
    super(p);
  }

  override forward(x: Tensor): Tensor {
    return dropout2d(x, this.p, this.training);
  }
}

/** Dropout for networks of SELU, in training; see {@link ops.alphaDropout}. Default: p = 0.5. */
export class AlphaDropout extends Dropping {
  constructor(p = 0.5) {
    super(p);
  }

  override forward(x: Tensor): Tensor {
    return alphaDropout(x, this.p, this.training);
  }
}

/** Multiplies by normal noise with mean 1 in training; see {@link ops.gaussianDropout}. Default: p = 0.5; p is below 1. */
export class GaussianDropout extends Dropping {
  constructor(p = 0.5) {
    super(p);
    if (p === 1) throw new RangeError('GaussianDropout: p is 1, wants a probability below');
  }

  override forward(x: Tensor): Tensor {
    return gaussianDropout(x, this.p, this.training);
  }
}

/** Sets elements to 0 in training, without scaling the others; see {@link ops.maskingNoise}. Default: p = 0.5. */
export class MaskingNoise extends Dropping {
  constructor(p = 0.5) {
    super(p);
  }

  override forward(x: Tensor): Tensor {
    return maskingNoise(x, this.p, this.training);
  }
}

/** Adds normal noise with mean 0 in training; see {@link ops.gaussianNoise}. */
export class GaussianNoise extends Module {
  /** The noise's standard deviation. */
  readonly std: number;

  constructor(std: number) {
    super();
    if (typeof std !== 'number' || !(std >= 0 && std < Infinity)) {
      throw new RangeError(`GaussianNoise: std is ${describe(std)}, wants a finite number from 0 on`);
    }
    this.std = std;
  }

  override forward(x: Tensor): Tensor {
    return gaussianNoise(x, this.std, this.training);
  }
}
