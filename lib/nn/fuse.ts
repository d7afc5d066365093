import { noGrad } from '../autograd.js';
import { ones, zeros } from '../ops/creation.js';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.js';
import { scope, StriateError, type Tensor } from '../tensor.js';
import { Conv2d } from './conv.js';
import { Conv1d } from './conv1d.js';
import { Linear } from './linear.js';
import type { Module } from './module.js';
import { BatchNorm1d, BatchNorm2d, type BatchNorm } from './norm.js';

/**
 * One layer that does what `layer`, a convolution or a linear layer, and then `norm` do in use: weight·s and (bias −
 * runningMean)·s + norm.bias with s = norm.weight / √(runningVar + eps), for each output channel. Both are left as they
 * are.
 *
 * @throws StriateError where one of the two is in training, in which the batch's statistics count; RangeError where
 *   their channels differ
 */
export function fuseConvBatchNorm(layer: Conv2d, norm: BatchNorm2d): Conv2d;
export function fuseConvBatchNorm(layer: Conv1d, norm: BatchNorm1d): Conv1d;
export function fuseConvBatchNorm(layer: Linear, norm: BatchNorm1d): Linear;
export function fuseConvBatchNorm(layer: Conv2d | Conv1d | Linear, norm: BatchNorm): Module {
  if (layer.training || norm.training) {
    throw new StriateError('fuseConvBatchNorm: a module is in training, wants both after eval()');
  }
  const outputs = layer.weight.shape.at(-1) ?? 1;
  if (norm.runningVar.size !== outputs) {
    const kind = layer instanceof Linear ? 'linear' : 'conv';
    throw new RangeError(
      `fuseConvBatchNorm: norm has ${norm.runningVar.size} channels, ${kind} gives ${outputs}`,
    );
  }
  const fused = withBias(layer);
  noGrad(() =>
    scope(() => {
      const weight: Tensor = norm.weight ?? ones([outputs]);
      const scale = div(weight, sqrt(add(norm.runningVar, norm.eps)));
      const bias = sub(layer.bias ?? zeros([outputs]), norm.runningMean);
      const shifted = mul(bias, scale);
      fused.weight.assign(mul(layer.weight, scale));
      fused.bias?.assign(norm.bias ? add(shifted, norm.bias) : shifted);
    }),
  );
  return fused.eval();
}

/** A layer of the same kind and shape that has a bias. */
function withBias(layer: Conv2d | Conv1d | Linear): Conv2d | Conv1d | Linear {
  const { shape } = layer.weight;
  const [outputs = 1, inGroup = 1, width = 1, height = 1] = shape.toReversed();
  if (layer instanceof Linear) return new Linear(inGroup, outputs);
  const inputs = inGroup * (layer.options.groups ?? 1);
  if (layer instanceof Conv1d) return new Conv1d(inputs, outputs, width, { ...layer.options, bias: true });
  return new Conv2d(inputs, outputs, [height, width], { ...layer.options, bias: true });
}

/**
 * The layer that does what two of a sequence do, where the second is a batch norm that can be folded into the first; else
 * null.
 */
export function fusedPair(layer: Module | undefined, norm: Module): Module | null {
  if (layer instanceof Conv2d && norm instanceof BatchNorm2d) return fuseConvBatchNorm(layer, norm);
  if (layer instanceof Conv1d && norm instanceof BatchNorm1d) return fuseConvBatchNorm(layer, norm);
  if (layer instanceof Linear && norm instanceof BatchNorm1d) return fuseConvBatchNorm(layer, norm);
  return null;
}

/**
 * Prepares a trained model for use: folds each batch norm into the convolution or linear layer before it, which saves its
 * pass over memory. Changes the model in place, as its modules define it by fuse(), and returns it. Its state dict is another
 * afterwards: load weights before.
 *
 * @throws StriateError where the model is in training
 */
export function fuseForInference<T extends Module>(model: T): T {
  const modules = Array.from(model.modules(), ([, module]) => module);
  if (modules.some((module) => module.training)) {
    throw new StriateError('fuseForInference: the model is in training, wants it after eval()');
  }
  for (const module of modules) module.fuse?.();
  return model;
}
