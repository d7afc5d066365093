// What a convolution does to its sums as it stores them.
#pragma once

namespace striate {

/// y = sum + bias[k] + residual, the last at the place of y in a tensor of y's shape, then ReLU. Null where
/// there is none.
struct ConvEnd {
  const float* bias;
  const float* residual;
  bool relu;
};

}  // namespace striate
