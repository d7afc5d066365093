import { maxout } from '../ops/maxout.js';
import type { Tensor } from '../tensor.js';
import { Conv2d, type Conv2dLayerOptions } from './conv.js';
import { Linear } from './linear.js';
import { Module } from './module.js';

function requirePieces(layer: string, pieces: number): void {
  if (Number.isInteger(pieces) && pieces >= 1 && pieces <= 256) return;
  throw new RangeError(`${layer}: pieces is ${pieces}, wants a whole number from 1 to 256`);
}

/**
 * A fully connected layer whose outputs are each the largest of `pieces` linear functions (Goodfellow et al., 2013): a
 * convex function that is learnt. [..., inFeatures] → [..., outFeatures]; see {@link ops.maxout}.
 *
 * `linear` has the weights, [inFeatures, outFeatures·pieces]: those of output j are columns j·pieces and on.
 */
export class MaxoutLinear extends Module {
  readonly linear: Linear;
  readonly pieces: number;

  constructor(inFeatures: number, outFeatures: number, pieces: number, options: { bias?: boolean } = {}) {
    super();
    requirePieces('MaxoutLinear', pieces);
    this.linear = new Linear(inFeatures, outFeatures * pieces, options);
    this.pieces = pieces;
  }

  override forward(x: Tensor): Tensor {
    using y = this.linear.forward(x);
    return maxout(y, this.pieces);
  }
}

/**
 * A convolution whose output channels are each the largest of `pieces` convolutions (Goodfellow et al., 2013).
 * [N, H, W, inChannels] → [N, OH, OW, outChannels]; see {@link ops.maxout}, and Conv2d for the options.
 *
 * `conv` has the weights, [KH, KW, inChannels/groups, outChannels·pieces]: those of channel k are k·pieces and on.
 */
export class MaxoutConv2d extends Module {
  readonly conv: Conv2d;
  readonly pieces: number;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly [number, number],
    pieces: number,
    options: Conv2dLayerOptions = {},
  ) {
    super();
    requirePieces('MaxoutConv2d', pieces);
    this.conv = new Conv2d(inChannels, outChannels * pieces, kernelSize, options);
    this.pieces = pieces;
  }

  override forward(x: Tensor): Tensor {
    using y = this.conv.forward(x);
    return maxout(y, this.pieces);
  }
}
