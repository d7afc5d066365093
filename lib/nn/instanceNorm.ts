import { ones, zeros } from '../ops/creation.js';
import { instanceNorm } from '../ops/groupNorm.js';
import { requireLive, type Tensor } from '../tensor.js';
import { requireEps, requireFlag, requireMomentum, requireSize } from './arguments.js';
import { Module, Parameter } from './module.js';

export interface InstanceNormLayerOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** How far the running statistics move to those of a batch, from 0 to 1. Default: 0.1. */
  momentum?: number;
  /** Whether weight and bias are learnt for each channel. Default: false. */
  affine?: boolean;
  /** Whether there are running statistics, which stand for the images' own in use. Default: false. */
  trackRunningStats?: boolean;
}

/** What instance norms of sequences and images share. */
abstract class InstanceNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly features: number;
  /** Added to the variance. */
  readonly eps: number;
  readonly momentum: number;
  /** What the input is, by its axes. */
  protected abstract readonly axes: readonly string[];

  constructor(
    features: number,
    { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false }: InstanceNormLayerOptions = {},
  ) {
    super();
    const { name } = new.target;
    requireSize(name, 'features', features);
    requireEps(name, eps);
    requireMomentum(name, momentum);
    requireFlag(name, 'affine', affine);
    requireFlag(name, 'trackRunningStats', trackRunningStats);
    this.features = features;
    this.weight = affine ? new Parameter(ones([features])) : null;
    this.bias = affine ? new Parameter(zeros([features])) : null;
    this.runningMean = trackRunningStats ? zeros([features]).keep() : null;
    this.runningVar = trackRunningStats ? ones([features]).keep() : null;
    this.eps = eps;
    this.momentum = momentum;
  }

  override forward(x: Tensor): Tensor {
    const { shape } = requireLive(this.constructor.name, 'input', x);
    if (shape.length !== this.axes.length) {
      throw new RangeError(
        `${this.constructor.name}: input [${shape.join(', ')}] has ${shape.length} axes, wants [${this.axes.join(', ')}]`,
      );
    }
    const { weight, bias, runningMean, runningVar, eps, momentum } = this;
    const useInputStats = (this.training && !this.frozen) || runningMean === null;
    return instanceNorm(x, { weight, bias, runningMean, runningVar, useInputStats, momentum, eps });
  }
}

/** Instance normalization of [N, L, C]; see InstanceNorm2d. */
export class InstanceNorm1d extends InstanceNorm {
  protected override readonly axes = ['N', 'L', 'C'];
}

/**
 * Instance normalization of [N, H, W, C] for each channel of each image (Ulyanov, Vedaldi and Lempitsky, 2016); see
 * ops.instanceNorm for the formula. By the image's own statistics, in training and in use; with `trackRunningStats` in
 * use by the running ones, as in PyTorch.
 *
 * `weight` starts at 1, `bias` and `runningMean` at 0, `runningVar` at 1, as far as there are such.
 */
export class InstanceNorm2d extends InstanceNorm {
  protected override readonly axes = ['N', 'H', 'W', 'C'];
}
