import { logSoftmax, softmax } from '../ops/softmax.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

function requireAxis(layer: string, axis: number): number {
  if (Number.isInteger(axis)) return axis;
  throw new RangeError(`${layer}: axis is ${axis}, wants a whole number`);
}

/** yᵢ = e^xᵢ / Σⱼ e^xⱼ along an axis. For training, loss.crossEntropy does it too, and better: from the scores. */
export class Softmax extends Module {
  readonly axis: number;

  /** @param axis counted from the back where negative. Default: the last. */
  constructor(axis = -1) {
    super();
    this.axis = requireAxis('Softmax', axis);
  }

  override forward(x: Tensor): Tensor {
    return softmax(x, this.axis);
  }
}

/** yᵢ = xᵢ − log Σⱼ e^xⱼ along an axis. */
export class LogSoftmax extends Module {
  readonly axis: number;

  /** @param axis counted from the back where negative. Default: the last. */
  constructor(axis = -1) {
    super();
    this.axis = requireAxis('LogSoftmax', axis);
  }

  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.axis);
  }
}
