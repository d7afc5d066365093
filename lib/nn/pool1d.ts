import type { PooledWithIndices } from '../ops/pool.js';
import {
  adaptiveAvgPool1d,
  adaptiveMaxPool1d,
  avgPool1d,
  maxPool1d,
  type AvgPool1dOptions,
  type MaxPool1dOptions,
} from '../ops/pool1d.js';
import type { Shape, Tensor } from '../tensor.js';
import { requireSize } from './arguments.js';
import type { Window } from './convArithmetic.js';
import { Module } from './module.js';

function windowOf(kernelSize: number, { stride = kernelSize, dilation = 1 }: MaxPool1dOptions): Window {
  return { kernelSize, stride, dilation };
}

/** The largest of the windows that give this size, as if they did not overlap. */
function windowTo(size: number, input: Shape): Window {
  return windowOf(Math.ceil(input[1]! / size), {});
}

/** The largest value of each window of [N, L, C]; see {@link ops.maxPool1d}. The stride is the kernel's size unless given. */
export class MaxPool1d extends Module {
  readonly kernelSize: number;
  readonly options: MaxPool1dOptions;

  constructor(kernelSize: number, options: MaxPool1dOptions = {}) {
    super();
    requireSize('MaxPool1d', 'kernelSize', kernelSize);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options);
  }

  override windows(): Window[] {
    return [windowOf(this.kernelSize, this.options)];
  }

  /** The same with where in the sequence each value was, for MaxUnpool1d. */
  forwardWithIndices(x: Tensor): PooledWithIndices {
    return maxPool1d(x, this.kernelSize, { ...this.options, returnIndices: true });
  }
}

/** The mean of each window of [N, L, C]; see {@link ops.avgPool1d}. The stride is the kernel's size unless given. */
export class AvgPool1d extends Module {
  readonly kernelSize: number;
  readonly options: AvgPool1dOptions;

  constructor(kernelSize: number, options: AvgPool1dOptions = {}) {
    super();
    requireSize('AvgPool1d', 'kernelSize', kernelSize);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }

  override windows(): Window[] {
    return [windowOf(this.kernelSize, this.options)];
  }
}

/** The mean over as many windows as the output has places, whatever the length; see {@link ops.adaptiveAvgPool1d}. */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    requireSize('AdaptiveAvgPool1d', 'outputSize', outputSize);
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }

  override windows(input: Shape): Window[] {
    return [windowTo(this.outputSize, input)];
  }
}

/** The largest value of as many windows as the output has places; see {@link ops.adaptiveMaxPool1d}. */
export class AdaptiveMaxPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    requireSize('AdaptiveMaxPool1d', 'outputSize', outputSize);
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, this.outputSize);
  }

  override windows(input: Shape): Window[] {
    return [windowTo(this.outputSize, input)];
  }

  /** The same with where in the sequence each value was, for MaxUnpool1d. */
  forwardWithIndices(x: Tensor): PooledWithIndices {
    return adaptiveMaxPool1d(x, this.outputSize, { returnIndices: true });
  }
}
