import { conv1d, convTranspose1d, type Conv1dOptions, type ConvTranspose1dOptions } from '../ops/conv1d.js';
import { uniform } from '../ops/creation.js';
import type { Shape, Tensor } from '../tensor.js';
import { placesOf, transposed, type Window } from './convArithmetic.js';
import { Module, Parameter } from './module.js';
import { requireChannels } from './sizes.js';

export interface Conv1dLayerOptions extends Omit<Conv1dOptions, 'relu'> {
  /** Whether a bias is added to each output channel. Default: true. */
  bias?: boolean;
}

export interface ConvTranspose1dLayerOptions extends Omit<ConvTranspose1dOptions, 'relu'> {
  /** Whether a bias is added to each output channel. Default: true. */
  bias?: boolean;
}

/**
 * 1-D convolution of [N, L, inChannels] to [N, OL, outChannels]; see {@link ops.conv1d} for the formula.
 *
 * Weights [kernelSize, inChannels/groups, outChannels] and bias start uniform in ±1/√(kernelSize·inChannels/groups), as
 * in PyTorch.
 */
export class Conv1d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: Conv1dOptions;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    { bias = true, ...options }: Conv1dLayerOptions = {},
  ) {
    super();
    const { groups = 1 } = options;
    requireChannels('Conv1d', inChannels, outChannels, [kernelSize], groups);
    const inGroup = inChannels / groups;
    const bound = 1 / Math.sqrt(kernelSize * inGroup);
    this.weight = new Parameter(uniform([kernelSize, inGroup, outChannels], -bound, bound));
    this.bias = bias ? new Parameter(uniform([outChannels], -bound, bound)) : null;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options);
  }

  override forwardRelu(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, { ...this.options, relu: true });
  }

  override multiplyAdds(_input: Shape, output: Shape): number {
    return placesOf(output) * this.weight.size;
  }

  override windows(): Window[] {
    const { stride = 1, dilation = 1 } = this.options;
    return [{ kernelSize: this.weight.shape[0]!, stride, dilation }];
  }
}

/**
 * 1-D transposed convolution of [N, L, inChannels] to [N, OL, outChannels]; see {@link ops.convTranspose1d} for the formula.
 *
 * Weights [kernelSize, outChannels/groups, inChannels] and bias start uniform in ±1/√(kernelSize·outChannels/groups), as
 * in PyTorch.
 */
export class ConvTranspose1d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly options: ConvTranspose1dOptions;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    { bias = true, ...options }: ConvTranspose1dLayerOptions = {},
  ) {
    super();
    const { groups = 1 } = options;
    requireChannels('ConvTranspose1d', inChannels, outChannels, [kernelSize], groups);
    const inGroup = outChannels / groups;
    const bound = 1 / Math.sqrt(kernelSize * inGroup);
    this.weight = new Parameter(uniform([kernelSize, inGroup, inChannels], -bound, bound));
    this.bias = bias ? new Parameter(uniform([outChannels], -bound, bound)) : null;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, this.options);
  }

  override forwardRelu(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, { ...this.options, relu: true });
  }

  override multiplyAdds(input: Shape): number {
    return placesOf(input) * this.weight.size;
  }

  override windows(): Window[] {
    const { stride = 1, dilation = 1 } = this.options;
    return [transposed({ kernelSize: this.weight.shape[0]!, stride, dilation })];
  }
}
