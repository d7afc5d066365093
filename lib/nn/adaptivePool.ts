import { adaptiveAvgPool2d, adaptiveMaxPool2d } from '../ops/adaptivePool.js';
import { pair, type Pair } from '../ops/pair.js';
import type { PooledWithIndices } from '../ops/pool.js';
import type { Shape, Tensor } from '../tensor.js';
import { windowsOf, type Window } from './convArithmetic.js';
import { Module } from './module.js';

/** The mean over as many windows as the output has places, whatever the image's size; see {@link ops.adaptiveAvgPool2d}. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: Pair;

  constructor(outputSize: Pair) {
    super();
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }

  override windows(input: Shape): Window[] {
    return windowsTo(pair('AdaptiveAvgPool2d', 'outputSize', this.outputSize), input);
  }
}

/** The largest value of as many windows as the output has places; see {@link ops.adaptiveMaxPool2d}. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: Pair;

  constructor(outputSize: Pair) {
    super();
    this.outputSize = outputSize;
  }

  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }

  /** The same with where in the image each value was, for MaxUnpool2d. */
  forwardWithIndices(x: Tensor): PooledWithIndices {
    return adaptiveMaxPool2d(x, this.outputSize, { returnIndices: true });
  }

  override windows(input: Shape): Window[] {
    return windowsTo(pair('AdaptiveMaxPool2d', 'outputSize', this.outputSize), input);
  }
}

/** The largest of the windows that give this size, as if they did not overlap. */
function windowsTo(size: readonly number[], input: Shape): Window[] {
  const kernel = size.map((n, axis) => Math.ceil(input[axis + 1]! / n)) as [number, number];
  return windowsOf(kernel, { stride: kernel });
}
