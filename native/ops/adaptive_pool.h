// Pooling to a given size, with windows spread evenly over the image.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/adaptive_pool.h"
#include "ops/operation.h"
#include "ops/reduce.h"
#include "runtime/parallel.h"

namespace striate {

inline AdaptiveWindows adaptiveWindows(const char* operation, const Shape& input,
                                       const std::vector<int64_t>& outputSize) {
  const auto refuse = [&](const std::string& what) {
    throw RangeError(std::string(operation) + ": " + what);
  };
  if (input.rank() != 4)
    refuse("input " + input.text() + " has " + std::to_string(input.rank()) + " axes, wants 4");
  if (outputSize.size() != 2)
    refuse("outputSize has " + std::to_string(outputSize.size()) + " numbers, wants 2");
  const auto axis = [&](size_t i, const char* name) {
    const AdaptiveAxis a{input[static_cast<int>(i) + 1], outputSize[i]};
    if (a.output < 1 || a.output > INT32_MAX)
      refuse("outputSize is " + std::to_string(a.output) + ", wants a whole number from 1 to " +
             std::to_string(INT32_MAX));
    if (a.input == 0) refuse("input " + input.text() + " has no " + name);
    if (a.input > INT32_MAX)
      refuse(std::string(name) + " is " + std::to_string(a.input) + ", wants at most " +
             std::to_string(INT32_MAX));
    return a;
  };
  return {axis(0, "height"), axis(1, "width"), input[3]};
}

inline Shape adaptiveShape(const Shape& input, const AdaptiveWindows& w) {
  return {input[0], w.vertical.output, w.horizontal.output, w.channels};
}

/// Calls work(firstRow, rows) in parallel over all rows of a batch with `rows` in an image, for pieces of
/// some elementGrain elements of what is read and written.
template <class Work>
void overAdaptiveRows(const AdaptiveWindows& w, int64_t images, int64_t rows, const Work& work) {
  if (images == 0 || w.channels == 0) return;
  const int64_t high = std::max(w.vertical.input, w.vertical.output),
                wide = std::max(w.horizontal.input, w.horizontal.output);
  const int64_t rowWork = (high + rows - 1) / rows * wide * w.channels;
  parallelRanges(images * rows, std::max<int64_t>(1, elementGrain / rowWork),
                 [&](int64_t from, int64_t to) { work(from, to - from); });
}

/// The mean of each window.
inline Tensor adaptiveAvgPool2d(Stream& stream, const Tensor& x, const std::vector<int64_t>& outputSize) {
  const char* operation = "adaptiveAvgPool2d";
  requireType(operation, "input", x, DType::f32);
  const AdaptiveWindows w = adaptiveWindows(operation, x.shape, outputSize);
  const Tensor y(operation, adaptiveShape(x.shape, w), DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    if (w.vertical.output == 1 && w.horizontal.output == 1) {
      // One window is a sum over rows of channels, which a reduction cuts better where images are few.
      const auto count = static_cast<float>(w.vertical.input * w.horizontal.input);
      const AxisSet axes(operation, std::vector<int64_t>{1, 2}, 4);
      ReductionLoops(x.shape, axes).run(Reduction::sum, x.f32(), y.f32(), [count](float* part, int64_t n) {
        divideBy(count, part, n);
      });
      return;
    }
    overAdaptiveRows(w, y.shape[0], w.vertical.output, [&](int64_t first, int64_t rows) {
      dispatch(AdaptiveAvgPool{w, x.f32(), y.f32(), first, rows});
    });
  });
  return y;
}

inline AdaptiveWindows adaptiveBackwardWindows(const char* operation, const Tensor& gradient,
                                               const Shape& inputShape) {
  requireType(operation, "gradient", gradient, DType::f32);
  requireRank(operation, "gradient", gradient, 4);
  const AdaptiveWindows w = adaptiveWindows(operation, inputShape, {gradient.shape[1], gradient.shape[2]});
  requireShape(operation, "gradient", gradient, adaptiveShape(inputShape, w));
  return w;
}

inline Tensor adaptiveAvgPool2dBackward(Stream& stream, const Tensor& gradient, const Shape& inputShape) {
  const char* operation = "adaptiveAvgPool2dBackward";
  const AdaptiveWindows w = adaptiveBackwardWindows(operation, gradient, inputShape);
  const Tensor dx(operation, inputShape, DType::f32);
  submit(stream, operation, {gradient}, {dx}, [=] {
    overAdaptiveRows(w, inputShape[0], w.vertical.input, [&](int64_t first, int64_t rows) {
      dispatch(AdaptiveAvgPoolBackward{w, gradient.f32(), dx.f32(), first, rows});
    });
  });
  return dx;
}

struct AdaptiveMaxPooled {
  Tensor output, places;
};

/// The largest value of each window, and where in the image it is.
inline AdaptiveMaxPooled adaptiveMaxPool2d(Stream& stream, const Tensor& x,
                                           const std::vector<int64_t>& outputSize) {
  const char* operation = "adaptiveMaxPool2d";
  requireType(operation, "input", x, DType::f32);
  const AdaptiveWindows w = adaptiveWindows(operation, x.shape, outputSize);
  if (w.vertical.input > INT32_MAX / w.horizontal.input)
    throw RangeError("adaptiveMaxPool2d: input " + x.shape.text() + " has more than 2^31 - 1 pixels");
  const Shape shape = adaptiveShape(x.shape, w);
  const Tensor y(operation, shape, DType::f32), places(operation, shape, DType::i32);
  submit(stream, operation, {x}, {y, places}, [=] {
    overAdaptiveRows(w, shape[0], w.vertical.output, [&](int64_t first, int64_t rows) {
      dispatch(AdaptiveMaxPool{w, x.f32(), y.f32(), places.i32(), first, rows});
    });
  });
  return {y, places};
}

inline Tensor adaptiveMaxPool2dBackward(Stream& stream, const Tensor& gradient, const Tensor& places,
                                        const Shape& inputShape) {
  const char* operation = "adaptiveMaxPool2dBackward";
  const AdaptiveWindows w = adaptiveBackwardWindows(operation, gradient, inputShape);
  requireType(operation, "places", places, DType::i32);
  requireShape(operation, "places", places, gradient.shape);
  const Tensor dx(operation, inputShape, DType::f32);
  submit(stream, operation, {gradient, places}, {dx}, [=] {
    constexpr int64_t channelsAtOnce = 128;
    const int64_t cuts = (w.channels + channelsAtOnce - 1) / channelsAtOnce;
    parallelFor(inputShape[0] * cuts, [&](int64_t piece) {
      const int64_t from = piece % cuts * channelsAtOnce;
      dispatch(AdaptiveMaxPoolBackward{w, gradient.f32(), places.i32(), dx.f32(), piece / cuts, from,
                                       std::min(w.channels, from + channelsAtOnce)});
    });
  });
  return dx;
}

}  // namespace striate
