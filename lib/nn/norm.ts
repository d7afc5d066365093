import { noGrad } from '../autograd.js';
import { cast, ones, tensor, zeros } from '../ops/creation.js';
import { add, div, sub } from '../ops/elementwise.js';
import { batchNorm } from '../ops/norm.js';
import { requireLive, scope, type Tensor } from '../tensor.js';
import { requireEps, requireFlag, requireMomentum, requireSize } from './arguments.js';
import { Module, Parameter } from './module.js';

export interface BatchNormLayerOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /**
   * How far the running statistics move to those of a batch, from 0 to 1; null for 1/numBatchesTracked, by which they are
   * the mean over all batches. Default: 0.1.
   */
  momentum?: number | null;
  /** Whether weight and bias are learnt for each channel. Default: true. */
  affine?: boolean;
}

/**
 * Batch normalization for each channel (Ioffe and Szegedy, 2015); see {@link ops.batchNorm} for the formula. In training by the
 * statistics of the batch, in use and where it is frozen by the running ones.
 *
 * `weight` starts at 1, `bias` and `runningMean` at 0, `runningVar` at 1; `numBatchesTracked` counts the training
 * batches.
 */
export abstract class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly numBatchesTracked: Tensor<'i32'>;
  /** Added to the variance. */
  readonly eps: number;
  /** As the option of that name; it may be changed between batches. */
  momentum: number | null;

  constructor(features: number, { eps = 1e-5, momentum = 0.1, affine = true }: BatchNormLayerOptions = {}) {
    super();
    const { name } = new.target;
    requireSize(name, 'features', features);
    requireEps(name, eps);
    if (momentum !== null) requireMomentum(name, momentum);
    requireFlag(name, 'affine', affine);
    this.weight = affine ? new Parameter(ones([features])) : null;
    this.bias = affine ? new Parameter(zeros([features])) : null;
    this.runningMean = zeros([features]).keep();
    this.runningVar = ones([features]).keep();
    this.numBatchesTracked = tensor(0, [], 'i32').keep();
    this.eps = eps;
    this.momentum = momentum;
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

  /** Whether it normalizes by the statistics of the batch. */
  get usesBatch(): boolean {
    return this.training && !this.frozen;
  }

  #normalize(x: Tensor, fused: { relu?: boolean; residual?: Tensor } = {}): Tensor {
    const { weight, bias, runningMean, runningVar, eps, momentum } = this;
    const training = this.usesBatch;
    const options = { weight, bias, eps, training, ...fused };
    if (!training) return batchNorm(x, { ...options, runningMean, runningVar });
    if (momentum !== null) {
      const y = batchNorm(x, { ...options, runningMean, runningVar, momentum });
      this.#count();
      return y;
    }
    using mean = zeros(runningMean.shape);
    using variance = zeros(runningVar.shape);
    const y = batchNorm(x, { ...options, runningMean: mean, runningVar: variance, momentum: 1 });
    this.#count();
    noGrad(() =>
      scope(() => {
        const count = cast(this.numBatchesTracked, 'f32');
        for (const [running, batch] of [[runningMean, mean], [runningVar, variance]] as const) {
          running.assign(add(running, div(sub(batch, running), count)));
        } // prettier-ignore
      }),
    );
    return y;
  }

  #count(): void {
    using next = add(this.numBatchesTracked, 1);
    this.numBatchesTracked.assign(next);
  }
}

/** Batch normalization of [N, C] or [N, L, C]; see BatchNorm. */
export class BatchNorm1d extends BatchNorm {
  override forward(x: Tensor): Tensor {
    return super.forward(flat(x));
  }

  override forwardRelu(x: Tensor): Tensor {
    return super.forwardRelu(flat(x));
  }

  override forwardAddRelu(x: Tensor, residual: Tensor): Tensor {
    return super.forwardAddRelu(flat(x), residual);
  }
}

function flat(x: Tensor): Tensor {
  const { shape } = requireLive('BatchNorm1d', 'input', x);
  if (shape.length === 2 || shape.length === 3) return x;
  throw new RangeError(
    `BatchNorm1d: input [${shape.join(', ')}] has ${shape.length} axes, wants [N, C] or [N, L, C]`,
  );
}

/** Batch normalization of [N, H, W, C]; see BatchNorm. Takes [N, C] and [N, L, C] as well, as BatchNorm1d does. */
export class BatchNorm2d extends BatchNorm {}
