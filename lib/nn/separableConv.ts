import type { Tensor } from '../tensor.js';
import { Conv2d, type Conv2dLayerOptions } from './conv.js';
import { Module } from './module.js';

export interface SeparableConv2dOptions extends Omit<Conv2dLayerOptions, 'groups'> {
  /** Results of the first step for each channel. Default: 1. */
  depthMultiplier?: number;
}

/**
 * Depthwise-separable convolution (Sifre, 2014; Howard et al., 2017): a kernel for each channel by itself, then a 1×1
 * convolution that mixes them. KH·KW·C·m + C·m·K weights in place of KH·KW·C·K, where m is the depth multiplier.
 *
 * [N, H, W, inChannels] → [N, OH, OW, outChannels]; stride, padding and dilation are those of `depthwise`, the bias that
 * of `pointwise`.
 */
export class SeparableConv2d extends Module {
  readonly depthwise: Conv2d;
  readonly pointwise: Conv2d;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly [number, number],
    { depthMultiplier = 1, bias = true, ...options }: SeparableConv2dOptions = {},
  ) {
    super();
    if (!Number.isInteger(depthMultiplier) || depthMultiplier < 1) {
      throw new RangeError(
        `SeparableConv2d: depthMultiplier is ${depthMultiplier}, wants a whole number from 1 on`,
      );
    }
    const between = inChannels * depthMultiplier;
    this.depthwise = new Conv2d(inChannels, between, kernelSize, {
      ...options,
      groups: inChannels,
      bias: false,
    });
    this.pointwise = new Conv2d(between, outChannels, 1, { bias });
  }

  override forward(x: Tensor): Tensor {
    using y = this.depthwise.forward(x);
    return this.pointwise.forward(y);
  }

  override forwardRelu(x: Tensor): Tensor {
    using y = this.depthwise.forward(x);
    return this.pointwise.forwardRelu(y);
  }
}
