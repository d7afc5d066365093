// Images seen through affine maps.
#pragma once

#include "kernels/affine.h"
#include "ops/images.h"

namespace striate {

/// Pixel (j, i) of result n is what image n has at (a·j + b·i + c, d·j + e·i + f), by its matrix [a, b, c; d,
/// e, f] of `matrices` [N, 2, 3]. Beyond the image is `fill` [C], or, given none, the pixel at its border.
inline Tensor affine(Stream& stream, const Tensor& x, const Tensor& matrices,
                     const std::vector<int64_t>& size, bool bilinear, const Tensor& fill) {
  const char* operation = "affine";
  requireFloatImages(operation, "input", x);
  requireType(operation, "matrices", matrices, DType::f32);
  requireShape(operation, "matrices", matrices, Shape{x.shape[0], 2, 3});
  requireSize(operation, size);
  const int64_t channels = x.shape[3];
  if (fill) requireChannels(operation, "fill", fill, channels);
  const Tensor y(operation, {x.shape[0], size[0], size[1], channels}, DType::f32);
  submit(stream, operation, {x, matrices, fill}, {y}, [=] {
    overImageRows(y.shape, [&](int64_t first, int64_t rows) {
      dispatch(Affine{x.f32(), matrices.f32(), x.shape[1], x.shape[2], channels, size[0], size[1], bilinear,
                      !fill, fill ? fill.f32() : x.f32(), y.f32(), first, rows});
    });
  });
  return y;
}

}  // namespace striate
