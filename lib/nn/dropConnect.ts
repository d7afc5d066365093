import { describe } from '../describe.js';
import { conv2d, type Conv2dOptions } from '../ops/conv.js';
import { dropout } from '../ops/creation.js';
import { linear } from '../ops/matmul.js';
import type { Tensor } from '../tensor.js';
import { Conv2d, type Conv2dLayerOptions } from './conv.js';
import { Linear } from './linear.js';
import type { Parameter } from './module.js';

/** What DropConnect's layers have beside those that they extend. */
export interface DropConnectOptions {
  /** The probability of each weight to be dropped. Default: 0.5. */
  readonly p?: number | undefined;
}

function checked(layer: string, p: number): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new RangeError(`${layer}: p is ${describe(p)}, wants a probability from 0 to 1`);
}

/** work(weight), in training with weights dropped: anew in each call. */
function withDropped(
  { weight, training, p }: { weight: Parameter; training: boolean; p: number },
  work: (weight: Tensor) => Tensor,
): Tensor {
  if (!training || p === 0) return work(weight);
  using dropped = dropout(weight, p);
  return work(dropped);
}

/**
 * The fully connected layer with DropConnect (Wan et al., 2013): in training each weight, rather than each activation,
 * becomes 0 with probability p, the others are multiplied by 1/(1 − p), and their gradients likewise. A mask is drawn for
 * each call, one for all samples of the batch; the bias is never dropped. In use the layer is Linear, which is the mean
 * over all masks.
 */
export class DropConnectLinear extends Linear {
  /** The probability of each weight to be dropped. */
  readonly p: number;

  constructor(
    inFeatures: number,
    outFeatures: number,
    { p = 0.5, ...options }: { bias?: boolean } & DropConnectOptions = {},
  ) {
    checked('DropConnectLinear', p);
    super(inFeatures, outFeatures, options);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return withDropped(this, (weight) => linear(x, weight, this.bias));
  }

  override forwardRelu(x: Tensor): Tensor {
    return withDropped(this, (weight) => linear(x, weight, this.bias, { relu: true }));
  }
}

/**
 * 2-D convolution with DropConnect (Wan et al., 2013): in training each weight becomes 0 with probability p, the others are
 * multiplied by 1/(1 − p), and their gradients likewise. A mask is drawn for each call, one for all samples and places;
 * the bias is never dropped. In use the layer is Conv2d.
 */
export class DropConnectConv2d extends Conv2d {
  /** The probability of each weight to be dropped. */
  readonly p: number;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly [number, number],
    { p = 0.5, ...options }: Conv2dLayerOptions & DropConnectOptions = {},
  ) {
    checked('DropConnectConv2d', p);
    super(inChannels, outChannels, kernelSize, options);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return this.#convolve(x);
  }

  override forwardRelu(x: Tensor): Tensor {
    return this.#convolve(x, { relu: true });
  }

  override forwardAddRelu(x: Tensor, residual: Tensor): Tensor {
    return this.#convolve(x, { relu: true, residual });
  }

  #convolve(x: Tensor, fused: Pick<Conv2dOptions, 'relu' | 'residual'> = {}): Tensor {
    return withDropped(this, (weight) => conv2d(x, weight, this.bias, { ...this.options, ...fused }));
  }
}
