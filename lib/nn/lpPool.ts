import {
  lpPool1d,
  lpPool2d,
  requireNormType,
  type LpPool1dOptions,
  type LpPoolOptions,
} from '../ops/lpPool.js';
import { pair, type Pair } from '../ops/pair.js';
import type { Tensor } from '../tensor.js';
import { requireSize } from './arguments.js';
import { windowsOf, type Window } from './convArithmetic.js';
import { Module } from './module.js';

/** (Σ xᵖ)^(1/p) over each window of [N, L, C], p = normType; see {@link ops.lpPool1d}. The stride is the kernel's size unless given. */
export class LPPool1d extends Module {
  readonly normType: number;
  readonly kernelSize: number;
  readonly options: LpPool1dOptions;

  constructor(normType: number, kernelSize: number, options: LpPool1dOptions = {}) {
    super();
    requireNormType('LPPool1d', normType);
    requireSize('LPPool1d', 'kernelSize', kernelSize);
    this.normType = normType;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return lpPool1d(x, this.normType, this.kernelSize, this.options);
  }

  override windows(): Window[] {
    return [{ kernelSize: this.kernelSize, stride: this.options.stride ?? this.kernelSize }];
  }
}

/** (Σ xᵖ)^(1/p) over each window, p = normType; see {@link ops.lpPool2d}. The stride is the kernel's size unless given. */
export class LPPool2d extends Module {
  readonly normType: number;
  readonly kernelSize: Pair;
  readonly options: LpPoolOptions;

  constructor(normType: number, kernelSize: Pair, options: LpPoolOptions = {}) {
    super();
    requireNormType('LPPool2d', normType);
    this.normType = normType;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return lpPool2d(x, this.normType, this.kernelSize, this.options);
  }

  override windows(): Window[] {
    const kernel = pair('LPPool2d', 'kernelSize', this.kernelSize);
    return windowsOf(kernel, { stride: kernel, ...this.options });
  }
}
