// Max and average pooling of images.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/avg_pool.h"
#include "kernels/max_pool.h"
#include "kernels/stream.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// As JavaScript gives them: [height, width], padding as [top, bottom, left, right].
struct PoolOptions {
  std::vector<int64_t> kernel, stride, padding, dilation;
  bool ceilMode = false;
};

/// Places that a window may have: their numbers are exact in a float.
constexpr int64_t maxPoolPlaces = int64_t{1} << 24;

/// Windows along one axis of `input` places. In ceil mode a last window that is cut off counts as well, if it
/// starts inside the input or the padding before it.
inline int64_t pooledSize(const PoolAxis& axis, bool ceilMode) {
  const int64_t spare = axis.input + axis.before + axis.after - axis.dilation * (axis.kernel - 1) - 1;
  const int64_t floor = spare / axis.stride + 1;
  const bool cutOff = spare % axis.stride != 0 && floor * axis.stride < axis.input + axis.before;
  return floor + (ceilMode && cutOff ? 1 : 0);
}

inline PoolWindows poolWindows(const char* operation, const Shape& input, const PoolOptions& options) {
  const auto refuse = [&](const std::string& what) {
    throw RangeError(std::string(operation) + ": " + what);
  };
  const auto numbers = [&](const char* argument, const std::vector<int64_t>& list, size_t count,
                           int64_t least) {
    if (list.size() != count)
      refuse(std::string(argument) + " has " + std::to_string(list.size()) + " numbers, wants " +
             std::to_string(count));
    for (const int64_t number : list)
      if (number < least || number > INT32_MAX)
        refuse(std::string(argument) + " is " + std::to_string(number) + ", wants a whole number from " +
               std::to_string(least) + " to " + std::to_string(INT32_MAX));
  };
  numbers("kernelSize", options.kernel, 2, 1);
  numbers("stride", options.stride, 2, 1);
  numbers("padding", options.padding, 4, 0);
  numbers("dilation", options.dilation, 2, 1);
  const int64_t height = options.kernel[0], width = options.kernel[1];
  if (height > maxPoolPlaces / width)
    refuse("kernelSize [" + std::to_string(height) + ", " + std::to_string(width) +
           "] has more than 2^24 places");
  const auto axis = [&](size_t i, const char* name) {
    PoolAxis a{};
    a.input = input[static_cast<int>(i) + 1];
    a.kernel = options.kernel[i];
    a.stride = options.stride[i];
    a.before = options.padding[2 * i];
    a.after = options.padding[2 * i + 1];
    a.dilation = options.dilation[i];
    if (std::max(a.before, a.after) > a.kernel / 2)
      refuse("padding " + std::to_string(std::max(a.before, a.after)) + " is more than half of kernelSize " +
             std::to_string(a.kernel));
    if (a.input == 0) refuse("input " + input.text() + " has no " + name);
    const int64_t reach = a.dilation * (a.kernel - 1) + 1;
    if (reach > a.input + a.before + a.after)
      refuse("a window reaches over " + std::to_string(reach) + " of " + name + ", the padded input has " +
             std::to_string(a.input + a.before + a.after));
    a.output = pooledSize(a, options.ceilMode);
    return a;
  };
  return {axis(0, "height"), axis(1, "width"), input[3]};
}

inline bool smallIndices(const PoolWindows& w) { return w.vertical.kernel * w.horizontal.kernel <= 256; }

inline Shape pooledShape(const Shape& input, const PoolWindows& w) {
  return {input[0], w.vertical.output, w.horizontal.output, w.channels};
}

/// Calls work(firstRow, rows) in parallel over all rows of a batch with `rows` in an image (of the output, or
/// of the input in backward passes), for pieces of about as much work each.
template <class Work>
void overPoolRows(const PoolWindows& w, int64_t images, int64_t rows, const Work& work) {
  // In floating point, as huge windows would overflow.
  const double taps = static_cast<double>(w.horizontal.output) * static_cast<double>(w.channels) *
                      static_cast<double>(w.vertical.kernel * w.horizontal.kernel) *
                      static_cast<double>(w.vertical.output) / static_cast<double>(rows);
  const double atOnce = 4.0 * elementGrain / std::max(1.0, taps);
  const int64_t total = images * rows;
  const int64_t grain =
      std::clamp<int64_t>(static_cast<int64_t>(std::min(atOnce, 1e9)), 1, std::max<int64_t>(1, total));
  if (w.channels > 0) parallelRanges(total, grain, [&](int64_t from, int64_t to) { work(from, to - from); });
}

/// The gradient must have the shape of what the forward pass returned, in either way of rounding.
inline PoolWindows poolBackwardWindows(const char* operation, const Tensor& gradient, const Shape& inputShape,
                                       PoolOptions options) {
  requireType(operation, "gradient", gradient, DType::f32);
  requireRank(operation, "gradient", gradient, 4);
  if (inputShape.rank() != 4)
    throw RangeError(std::string(operation) + ": inputShape " + inputShape.text() + " has " +
                     std::to_string(inputShape.rank()) + " axes, wants 4");
  options.ceilMode = false;
  PoolWindows w = poolWindows(operation, inputShape, options);
  for (PoolAxis* axis : {&w.vertical, &w.horizontal})
    if (gradient.shape[axis == &w.vertical ? 1 : 2] != axis->output) axis->output = pooledSize(*axis, true);
  requireShape(operation, "gradient", gradient, pooledShape(inputShape, w));
  return w;
}

struct MaxPooled {
  Tensor output, indices;
};

/// The largest value of each window, and, where `wantsIndices`, its place in the window: u8 where that fits,
/// else i32.
inline MaxPooled maxPool2d(Stream& stream, const Tensor& x, const PoolOptions& options, bool wantsIndices) {
  const char* operation = "maxPool2d";
  requireType(operation, "input", x, DType::f32);
  requireRank(operation, "input", x, 4);
  const PoolWindows w = poolWindows(operation, x.shape, options);
  const Shape shape = pooledShape(x.shape, w);
  const Tensor y(operation, shape, DType::f32);
  Tensor indices;
  if (wantsIndices) indices = Tensor(operation, shape, smallIndices(w) ? DType::u8 : DType::i32);
  submit(stream, operation, {x}, {y, indices}, [=] {
    const bool past = streams(y.bytes());
    overPoolRows(w, shape[0], w.vertical.output, [&](int64_t first, int64_t rows) {
      if (!indices)
        dispatch(MaxPool<uint8_t>{w, x.f32(), y.f32(), nullptr, first, rows, past});
      else if (indices.dtype == DType::u8)
        dispatch(MaxPool<uint8_t>{w, x.f32(), y.f32(), indices.u8(), first, rows, past});
      else
        dispatch(MaxPool<int32_t>{w, x.f32(), y.f32(), indices.i32(), first, rows, past});
    });
  });
  return {y, indices};
}

inline Tensor maxPool2dBackward(Stream& stream, const Tensor& gradient, const Tensor& indices,
                                const Shape& inputShape, const PoolOptions& options) {
  const char* operation = "maxPool2dBackward";
  const PoolWindows w = poolBackwardWindows(operation, gradient, inputShape, options);
  requireType(operation, "indices", indices, smallIndices(w) ? DType::u8 : DType::i32);
  requireShape(operation, "indices", indices, gradient.shape);
  const Tensor dx(operation, inputShape, DType::f32);
  submit(stream, operation, {gradient, indices}, {dx}, [=] {
    const bool past = streams(dx.bytes());
    overPoolRows(w, inputShape[0], w.vertical.input, [&](int64_t first, int64_t rows) {
      if (indices.dtype == DType::u8)
        dispatch(MaxPoolBackward<uint8_t>{w, gradient.f32(), indices.u8(), dx.f32(), first, rows, past});
      else
        dispatch(MaxPoolBackward<int32_t>{w, gradient.f32(), indices.i32(), dx.f32(), first, rows, past});
    });
  });
  return dx;
}

/// The mean of each window; where `countPadding`, padding counts as zeros.
inline Tensor avgPool2d(Stream& stream, const Tensor& x, const PoolOptions& options, bool countPadding) {
  const char* operation = "avgPool2d";
  requireType(operation, "input", x, DType::f32);
  requireRank(operation, "input", x, 4);
  const PoolWindows w = poolWindows(operation, x.shape, options);
  const Tensor y(operation, pooledShape(x.shape, w), DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    overPoolRows(w, y.shape[0], w.vertical.output, [&](int64_t first, int64_t rows) {
      dispatch(AvgPool{w, countPadding, x.f32(), y.f32(), first, rows});
    });
  });
  return y;
}

inline Tensor avgPool2dBackward(Stream& stream, const Tensor& gradient, const Shape& inputShape,
                                const PoolOptions& options, bool countPadding) {
  const char* operation = "avgPool2dBackward";
  const PoolWindows w = poolBackwardWindows(operation, gradient, inputShape, options);
  const Tensor dx(operation, inputShape, DType::f32);
  submit(stream, operation, {gradient}, {dx}, [=] {
    const bool past = streams(dx.bytes());
    overPoolRows(w, inputShape[0], w.vertical.input, [&](int64_t first, int64_t rows) {
      dispatch(AvgPoolBackward{w, countPadding, gradient.f32(), dx.f32(), first, rows, past});
    });
  });
  return dx;
}

}  // namespace striate
