import { ones, tensor, zeros } from '../ops/creation.js';
import { add } from '../ops/elementwise.js';
import { batchNorm } from '../ops/norm.js';
import type { Tensor } from '../tensor.js';
import { Module, Parameter } from './module.js';

export interface BatchNormLayerOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** How far the running statistics move to those of a batch, from 0 to 1. Default: 0.1. */
  momentum?: number;
  /** Whether weight and bias are learnt for each channel. Default: true. */
  affine?: boolean;
}

/**
 * Batch normalization of [N, H, W, C] for each channel (Ioffe and Szegedy, 2015); see ops.batchNorm for the formula. In
 * training by the statistics of the batch, in use by the running ones.
 *
 * `weight` starts at 1, `bias` and `runningMean` at 0, `runningVar` at 1; `numBatchesTracked` counts the training
 * batches.
 */
export class BatchNorm2d extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly numBatchesTracked: Tensor<'i32'>;
  /** Added to the variance. */
  readonly eps: number;
  readonly #momentum: number;

  constructor(features: number, { eps = 1e-5, momentum = 0.1, affine = true }: BatchNormLayerOptions = {}) {
    super();
    this.weight = affine ? new Parameter(ones([features])) : null;
    this.bias = affine ? new Parameter(zeros([features])) : null;
    this.runningMean = zeros([features]).keep();
    this.runningVar = ones([features]).keep();
    this.numBatchesTracked = tensor(0, [], 'i32').keep();
    this.eps = eps;
    this.#momentum = momentum;
  }

  override forward(x: Tensor): Tensor {
    return this.#normalize(x);
  }

  override forwardRelu(x: Tensor): Tensor {
    return this.#normalize(x, { relu: true });
  }

  /** max(0, forward(x) + residual) in one pass: the end of a residual block. */
  forwardAddRelu(x: Tensor, residual: Tensor): Tensor {
    return this.#normalize(x, { relu: true, residual });
  }

  #normalize(x: Tensor, fused: { relu?: boolean; residual?: Tensor } = {}): Tensor {
    const { weight, bias, runningMean, runningVar, training } = this;
    const options = { weight, bias, runningMean, runningVar, training, ...fused };
    const y = batchNorm(x, { ...options, momentum: this.#momentum, eps: this.eps });
    if (training) {
      using next = add(this.numBatchesTracked, 1);
      this.numBatchesTracked.assign(next);
    }
    return y;
  }
}
