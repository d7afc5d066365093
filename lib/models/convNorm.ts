import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor.js';

/** ReLU of a convolution and its norm, which is null where the convolution does both. */
export function convNormRelu(conv: nn.Conv2d, norm: nn.BatchNorm2d | null, x: Tensor): Tensor {
  if (!norm) return conv.forwardRelu(x);
  using y = conv.forward(x);
  return norm.forwardRelu(y);
}
