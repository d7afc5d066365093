// What operations on batches of images have in common: their checks, and the pieces they are cut into.
#pragma once

#include <algorithm>
#include <string>

#include "kernels/beyond.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// Refuses what are no images [N, H, W, C] of whose pixels some can be taken.
inline void requireImages(const char* operation, const char* argument, const Tensor& x) {
  requireRank(operation, argument, x, 4);
  if (x.shape[0] > 0 &&
      (x.shape[1] < 1 || x.shape[2] < 1 || x.shape[1] > INT32_MAX || x.shape[2] > INT32_MAX))
    throw RangeError(std::string(operation) + ": " + argument + " " + x.shape.text() + " wants from 1 to " +
                     std::to_string(INT32_MAX) + " rows and columns");
}

inline void requireFloatImages(const char* operation, const char* argument, const Tensor& x) {
  requireType(operation, argument, x, DType::f32);
  requireImages(operation, argument, x);
}

/// A tensor of that type with a row of `columns` for each of `samples`.
inline void requirePerSample(const char* operation, const char* argument, const Tensor& t, DType dtype,
                             int64_t samples, int64_t columns) {
  requireType(operation, argument, t, dtype);
  requireShape(operation, argument, t, Shape{samples, columns});
}

/// Height and width of a result.
inline void requireSize(const char* operation, const std::vector<int64_t>& size) {
  if (size.size() != 2)
    throw RangeError(std::string(operation) + ": size has " + std::to_string(size.size()) +
                     " numbers, wants 2");
  for (const int64_t extent : size)
    if (extent < 1 || extent > INT32_MAX)
      throw RangeError(std::string(operation) + ": size is " + std::to_string(extent) +
                       ", wants a whole number from 1 to " + std::to_string(INT32_MAX));
}

inline void requireChannels(const char* operation, const char* argument, const Tensor& t, int64_t channels) {
  requireType(operation, argument, t, DType::f32);
  requireShape(operation, argument, t, Shape{channels});
}

/// A value for each channel, again and again for `pixels` of them.
inline Block repeatChannels(const float* values, int64_t channels, int64_t pixels) {
  Block row = takeFloats(channels * pixels);
  for (int64_t j = 0; j < pixels; ++j) std::copy_n(values, channels, row.floats() + j * channels);
  return row;
}

/// Calls work(first, rows) in parallel for the rows of images [N, H, W, C], some elementGrain elements at a
/// time. Never where they have no elements.
template <class Work>
void overImageRows(const Shape& images, const Work& work) {
  const int64_t rowSize = images[2] * images[3], rows = images[0] * images[1];
  if (rowSize == 0 || rows == 0) return;
  parallelRanges(rows, std::max<int64_t>(1, elementGrain / rowSize),
                 [&](int64_t from, int64_t to) { work(from, to - from); });
}

}  // namespace striate
