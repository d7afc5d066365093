import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor.js';

/** ReLU of a convolution and its norm, which is null where the convolution does both. */
export function convNormRelu(conv: nn.Conv2d, norm: nn.BatchNorm2d | null, x: Tensor): Tensor {
  if (!norm) return conv.forwardRelu(x);
  using y = conv.convolveFor(x, norm);
  return norm.forwardRelu(y);
}

/** The same with `residual` added before ReLU: the end of a residual block. */
export function convNormAddRelu(
  conv: nn.Conv2d,
  norm: nn.BatchNorm2d | null,
  x: Tensor,
  residual: Tensor,
): Tensor {
  if (!norm) return conv.forwardAddRelu(x, residual);
  using y = conv.convolveFor(x, norm);
  return norm.forwardAddRelu(y, residual);
}
