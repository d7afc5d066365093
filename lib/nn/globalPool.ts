import { globalAvgPool2d, globalMaxPool2d, type GlobalPoolOptions } from '../ops/globalPool.js';
import type { Shape, Tensor } from '../tensor.js';
import { requireFlag } from './arguments.js';
import { windowsOf, type Window } from './convArithmetic.js';
import { Module } from './module.js';

/** The mean of each image, [N, H, W, C] to [N, C], or [N, 1, 1, C] with `keepDims`; see {@link ops.globalAvgPool2d}. */
export class GlobalAvgPool2d extends Module {
  readonly keepDims: boolean;

  constructor({ keepDims = false }: GlobalPoolOptions = {}) {
    super();
    requireFlag('GlobalAvgPool2d', 'keepDims', keepDims);
    this.keepDims = keepDims;
  }

  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(x, { keepDims: this.keepDims });
  }

  override windows(input: Shape): Window[] {
    return windowsOf(input.slice(1, 3), {});
  }
}

/** The largest value of each image, [N, H, W, C] to [N, C], or [N, 1, 1, C] with `keepDims`; see {@link ops.globalMaxPool2d}. */
export class GlobalMaxPool2d extends Module {
  readonly keepDims: boolean;

  constructor({ keepDims = false }: GlobalPoolOptions = {}) {
    super();
    requireFlag('GlobalMaxPool2d', 'keepDims', keepDims);
    this.keepDims = keepDims;
  }

  override forward(x: Tensor): Tensor {
    return globalMaxPool2d(x, { keepDims: this.keepDims });
  }

  override windows(input: Shape): Window[] {
    return windowsOf(input.slice(1, 3), {});
  }
}
