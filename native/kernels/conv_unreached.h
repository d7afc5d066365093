// Outputs of a convolution that no tap reaches, as those between the pixels of a gradient with a stride.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"

namespace striate {

/// What the end of a convolution makes of no sum, at `points` points of `outputs` values, `step` floats
/// apart; its residual is that of the first point.
struct ConvUnreached {
  ConvEnd end;
  float* out;
  int64_t points, outputs, step;
  bool stream;  ///< past the caches, where out allows that
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/stream.h"

namespace striate {

template <class Vec>
void ConvUnreached::run() const {
  const Vec zero = Vec::broadcast(0.0f);
  for (int64_t point = 0; point < points; ++point) {
    float* to = out + point * step;
    const float* residual = end.residual ? end.residual + point * step : nullptr;
    writeVectors<Vec>(to, outputs, stream, [&](int64_t k, auto load, auto store) {
      Vec value = end.bias ? load(end.bias + k) : zero;
      if (residual) value = value + load(residual + k);
      store(to + k, end.relu ? max(zero, value) : value);
    });
  }
  if (stream) Vec::fence();
}

template void ConvUnreached::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
