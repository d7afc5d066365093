import { relu } from '../ops/elementwise.js';
import { pair, type Pair } from '../ops/pair.js';
import {
  avgPool2d,
  maxPool2d,
  type AvgPoolOptions,
  type MaxPoolOptions,
  type PooledWithIndices,
} from '../ops/pool.js';
import type { Tensor } from '../tensor.js';
import { windowsOf, type Window } from './convArithmetic.js';
import { Module } from './module.js';

/** The largest value of each window; see {@link ops.maxPool2d}. The stride is the kernel's size unless given. */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: MaxPoolOptions;

  constructor(kernelSize: Pair, options: MaxPoolOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }

  /** The same with where in the image each value was, for MaxUnpool2d. */
  forwardWithIndices(x: Tensor): PooledWithIndices {
    return maxPool2d(x, this.kernelSize, { ...this.options, returnIndices: true });
  }

  override windows(): Window[] {
    const kernel = pair('MaxPool2d', 'kernelSize', this.kernelSize);
    return windowsOf(kernel, { stride: kernel, ...this.options });
  }

  override forwardRelu(x: Tensor): Tensor {
    using y = this.forward(x);
    return relu(y);
  }
}

/** The mean of each window; see {@link ops.avgPool2d}. The stride is the kernel's size unless given. */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: AvgPoolOptions;

  constructor(kernelSize: Pair, options: AvgPoolOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }

  override windows(): Window[] {
    const kernel = pair('AvgPool2d', 'kernelSize', this.kernelSize);
    return windowsOf(kernel, { stride: kernel, ...this.options });
  }
}
