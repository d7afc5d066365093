import { uniform } from '../ops/creation.js';
import { conv2d, type Conv2dOptions } from '../ops/conv.js';
import { pair } from '../ops/pair.js';
import type { Shape, Tensor } from '../tensor.js';
import { placesOf, windowsOf, type Window } from './convArithmetic.js';
import { Module, Parameter } from './module.js';
import type { BatchNorm } from './norm.js';
import { requireChannels } from './sizes.js';

export interface Conv2dLayerOptions extends Omit<Conv2dOptions, 'relu' | 'residual' | 'moments'> {
  /** Whether a bias is added to each output channel. Default: true. */
  bias?: boolean;
}

/**
 * 2-D convolution of [N, H, W, inChannels] to [N, OH, OW, outChannels]; see {@link ops.conv2d} for the formula.
 *
 * Weights [KH, KW, inChannels/groups, outChannels] and bias start uniform in ±1/√(KH·KW·inChannels/groups), as in
 * PyTorch.
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: Conv2dOptions;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly [number, number],
    { bias = true, ...options }: Conv2dLayerOptions = {},
  ) {
    super();
    const [height, width] = pair('Conv2d', 'kernelSize', kernelSize);
    const { groups = 1 } = options;
    requireChannels('Conv2d', inChannels, outChannels, [height, width], groups);
    const inGroup = inChannels / groups;
    const bound = 1 / Math.sqrt(height * width * inGroup);
    this.weight = new Parameter(uniform([height, width, inGroup, outChannels], -bound, bound));
    this.bias = bias ? new Parameter(uniform([outChannels], -bound, bound)) : null;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }

  /** forward(x) for `norm`, which in training finds what it begins with beside the result: see `moments` of conv2d. */
  convolveFor(x: Tensor, norm: BatchNorm): Tensor {
    // What extends the layer may compute something else, and what observes it sees forward.
    if (!norm.usesBatch || this.forward !== Conv2d.prototype.forward) return this.forward(x);
    return conv2d(x, this.weight, this.bias, { ...this.options, moments: true });
  }

  override multiplyAdds(_input: Shape, output: Shape): number {
    return placesOf(output) * this.weight.size;
  }

  override windows(): Window[] {
    return windowsOf(this.weight.shape, this.options);
  }

  override forwardRelu(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, { ...this.options, relu: true });
  }

  /** max(0, forward(x) + residual) in one pass: the end of a residual block. */
  forwardAddRelu(x: Tensor, residual: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, { ...this.options, relu: true, residual });
  }
}
