import { interpolate, type InterpolateOptions } from '../ops/upsample.js';
import type { Shape, Tensor } from '../tensor.js';
import type { Window } from './convArithmetic.js';
import { Module } from './module.js';

/** Images or sequences of another size, by `size` or `scaleFactor`; see {@link ops.interpolate}. */
export class Upsample extends Module {
  readonly options: InterpolateOptions;

  constructor(options: InterpolateOptions) {
    super();
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }

  override windows(input: Shape, output: Shape): Window[] {
    const kernelSize = (this.options.mode ?? 'nearest') === 'nearest' ? 1 : 2;
    return input.slice(1, -1).map((size, i) => ({ kernelSize, stride: size / output[i + 1]! }));
  }
}
