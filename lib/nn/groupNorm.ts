import { describe } from '../describe.js';
import { ones, zeros } from '../ops/creation.js';
import { groupNorm, layerNorm } from '../ops/groupNorm.js';
import type { Tensor } from '../tensor.js';
import { requireEps, requireFlag, requireSize } from './arguments.js';
import { Module, Parameter } from './module.js';

export interface LayerNormLayerOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** Whether weight and bias are learnt for each element. Default: true. */
  elementwiseAffine?: boolean;
  /** Whether there is a bias, with elementwiseAffine. Default: true. */
  bias?: boolean;
}

export interface GroupNormLayerOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** Whether weight and bias are learnt for each channel. Default: true. */
  affine?: boolean;
}

/**
 * Layer normalization over the last axes, of these sizes (Ba, Kiros and Hinton, 2016); see {@link ops.layerNorm} for the
 * formula. `weight` starts at 1, `bias` at 0, both of shape normalizedShape.
 */
export class LayerNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly normalizedShape: readonly number[];
  /** Added to the variance. */
  readonly eps: number;

  constructor(
    normalizedShape: number | readonly number[],
    { eps = 1e-5, elementwiseAffine = true, bias = true }: LayerNormLayerOptions = {},
  ) {
    super();
    const sizes = Array.isArray(normalizedShape) ? [...(normalizedShape as readonly number[])] : null;
    if (sizes?.length === 0 || (sizes === null && typeof normalizedShape !== 'number')) {
      throw new TypeError(
        `LayerNorm: normalizedShape is ${describe(normalizedShape)}, wants a number or the sizes of the last axes`,
      );
    }
    const shape = sizes ?? [normalizedShape as number];
    shape.forEach((size, i) => requireSize('LayerNorm', `normalizedShape[${i}]`, size));
    requireEps('LayerNorm', eps);
    requireFlag('LayerNorm', 'elementwiseAffine', elementwiseAffine);
    requireFlag('LayerNorm', 'bias', bias);
    this.normalizedShape = Object.freeze(shape);
    this.weight = elementwiseAffine ? new Parameter(ones(shape)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(shape)) : null;
    this.eps = eps;
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }
}

/**
 * Group normalization of [N, …, numChannels], for each image and each of numGroups equal parts of its channels (Wu and
 * He, 2018); see {@link ops.groupNorm} for the formula. `weight` starts at 1, `bias` at 0, both [numChannels].
 */
export class GroupNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly numGroups: number;
  readonly numChannels: number;
  /** Added to the variance. */
  readonly eps: number;

  constructor(
    numGroups: number,
    numChannels: number,
    { eps = 1e-5, affine = true }: GroupNormLayerOptions = {},
  ) {
    super();
    requireSize('GroupNorm', 'numGroups', numGroups);
    requireSize('GroupNorm', 'numChannels', numChannels);
    if (numChannels % numGroups !== 0) {
      throw new RangeError(
        `GroupNorm: numGroups is ${numGroups}, wants one of the divisors of numChannels ${numChannels}`,
      );
    }
    requireEps('GroupNorm', eps);
    requireFlag('GroupNorm', 'affine', affine);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.weight = affine ? new Parameter(ones([numChannels])) : null;
    this.bias = affine ? new Parameter(zeros([numChannels])) : null;
    this.eps = eps;
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }
}
