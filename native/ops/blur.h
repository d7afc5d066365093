// Images through filters of their own.
#pragma once

#include "kernels/blur.h"
#include "ops/images.h"

namespace striate {

/// Each image of x [N, H, W, C] through the filter vertical[n] of its rows and horizontal[n] of its columns,
/// [N, U] and [N, V] with odd U and V; it is mirrored at its border pixels, so that half a filter must fit.
inline Tensor blur(Stream& stream, const Tensor& x, const Tensor& vertical, const Tensor& horizontal) {
  const char* operation = "blur";
  requireFloatImages(operation, "input", x);
  const auto requireFilter = [&](const char* argument, const Tensor& filter, int64_t extent) {
    requireType(operation, argument, filter, DType::f32);
    requireRank(operation, argument, filter, 2);
    requireShape(operation, argument, filter, Shape{x.shape[0], filter.shape[1]});
    const int64_t size = filter.shape[1];
    if (size % 2 == 0 || (x.shape[0] > 0 && size / 2 >= extent))
      throw RangeError(std::string(operation) + ": " + argument + " has " + std::to_string(size) +
                       " places for images of " + std::to_string(extent) +
                       ", wants an odd number, half of it below that");
  };
  requireFilter("vertical", vertical, x.shape[1]);
  requireFilter("horizontal", horizontal, x.shape[2]);
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, vertical, horizontal}, {y}, [=] {
    if (y.elements() == 0) return;
    const int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
    const int64_t tall = vertical.shape[1], wide = horizontal.shape[1], rows = x.shape[0] * height;
    const int64_t atOnce = std::max<int64_t>(1, elementGrain / (width * channels));
    parallelWithScratch((rows + atOnce - 1) / atOnce, (width + wide - 1) * channels,
                        [&](int64_t piece, float* line) {
                          const int64_t first = piece * atOnce;
                          dispatch(Blur{x.f32(), vertical.f32(), horizontal.f32(), height, width, channels,
                                        tall, wide, line, y.f32(), first, std::min(atOnce, rows - first)});
                        });
  });
  return y;
}

}  // namespace striate
