import { adaptiveAvgPool2d, adaptiveMaxPool2d } from '../ops/adaptivePool.js';
import type { Pair } from '../ops/pair.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** The mean over as many windows as the output has places, whatever the image's size; see ops.adaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: Pair;

  constructor(outputSize: Pair) {
    super();
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** The largest value of as many windows as the output has places; see ops.adaptiveMaxPool2d. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: Pair;

  constructor(outputSize: Pair) {
    super();
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }
}
