import { noGrad } from '../autograd.js';
import { ones, zeros } from '../ops/creation.js';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.js';
import { scope, StriateError, type Tensor } from '../tensor.js';
import { Conv2d } from './conv.js';
import type { Module } from './module.js';
import type { BatchNorm2d } from './norm.js';

/**
 * One convolution that does what `conv` and then `norm` do in use: weight·s and (bias − runningMean)·s + norm.bias with
 * s = norm.weight / √(runningVar + eps), for each output channel. Both are left as they are.
 *
 * @throws StriateError where one of the two is in training, in which the batch's statistics count; RangeError where
 *   their channels differ
 */
export function fuseConvBatchNorm(conv: Conv2d, norm: BatchNorm2d): Conv2d {
  if (conv.training || norm.training) {
    throw new StriateError('fuseConvBatchNorm: a module is in training, wants both after eval()');
  }
  const [height = 1, width = 1, inGroup = 1, outChannels = 1] = conv.weight.shape;
  if (norm.runningVar.size !== outChannels) {
    throw new RangeError(
      `fuseConvBatchNorm: norm has ${norm.runningVar.size} channels, conv gives ${outChannels}`,
    );
  }
  const { groups = 1 } = conv.options;
  const fused = new Conv2d(inGroup * groups, outChannels, [height, width], { ...conv.options, bias: true });
  noGrad(() =>
    scope(() => {
      const weight: Tensor = norm.weight ?? ones([outChannels]);
      const scale = div(weight, sqrt(add(norm.runningVar, norm.eps)));
      const bias = sub(conv.bias ?? zeros([outChannels]), norm.runningMean);
      const shifted = mul(bias, scale);
      fused.weight.assign(mul(conv.weight, scale));
      fused.bias?.assign(norm.bias ? add(shifted, norm.bias) : shifted);
    }),
  );
  return fused.eval();
}

/**
 * Prepares a trained model for use: folds each batch norm into the convolution before it, which saves its pass over
 * memory. Changes the model in place, as its modules define it by fuse(), and returns it. Its state dict is another
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
