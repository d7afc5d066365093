// Colours of images.
#pragma once

#include "kernels/color.h"
#include "ops/images.h"

namespace striate {

/// Red, green, blue [..., 3] as hue, saturation, value, or back.
inline Tensor hueSaturationValue(Stream& stream, const char* operation, const Tensor& x, bool back) {
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() == 0 || x.shape.last() != 3)
    throw RangeError(std::string(operation) + ": input " + x.shape.text() +
                     " wants 3 channels as its last axis");
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    parallelRanges(x.elements() / 3, elementGrain / 3, [&](int64_t from, int64_t to) {
      dispatch(HueSaturationValue{x.f32() + 3 * from, y.f32() + 3 * from, to - from, back});
    });
  });
  return y;
}

/// x [N, H, W, 1 or 3] in [0, 1], changed in four ways: factors [N, 4] are those of brightness (0: black),
/// contrast (0: the image's mean grey) and saturation (0: grey), and what is added to the hue, in turns.
/// order i32 [N, 4] tells which comes when, 0 to 3, or 4 for none.
inline Tensor adjustColors(Stream& stream, const Tensor& x, const Tensor& factors, const Tensor& order) {
  const char* operation = "adjustColors";
  requireFloatImages(operation, "input", x);
  const int64_t samples = x.shape[0], channels = x.shape[3];
  if (channels != 1 && channels != 3)
    throw RangeError("adjustColors: input " + x.shape.text() + " has " + std::to_string(channels) +
                     " channels, wants 1 or 3");
  requirePerSample(operation, "factors", factors, DType::f32, samples, 4);
  requirePerSample(operation, "order", order, DType::i32, samples, 4);
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, factors, order}, {y}, [=] {
    checkIndices(order, 5);
    const int64_t pixels = x.shape[1] * x.shape[2], size = pixels * channels;
    parallelFor(samples, [&](int64_t n) {
      dispatch(AdjustColors{x.f32() + n * size, factors.f32() + 4 * n, order.i32() + 4 * n, pixels, channels,
                            y.f32() + n * size});
    });
  });
  return y;
}

}  // namespace striate
