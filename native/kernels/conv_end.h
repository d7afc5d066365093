// What a convolution does to its sums as it stores them.
#pragma once

namespace striate {

class Moments;

/// y = sum + bias[k] + residual, the last at the place of y in a tensor of y's shape, then ReLU. Null where
/// there is none.
struct ConvEnd {
  const float* bias;
  const float* residual;
  bool relu;
  /// Where to note the sums of y that a batch norm begins with, by those algorithms that can; null where none
  /// does.
  Moments* moments = nullptr;
};

}  // namespace striate
