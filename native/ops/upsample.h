// Resizing images by interpolation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/upsample.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// Where the places of the result lie among those of the image.
enum class Interpolation {
  /// The place ⌊o·input/output⌋.
  nearest,
  /// Between the centres of pixels: at (o + ½)·input/output − ½, not before the first.
  linear,
  /// Between pixels whose first and last are the first and last of the result.
  linearCorners
};

/// The tables of one axis.
class ResizedPlaces {
 public:
  ResizedPlaces(int64_t input, int64_t output, Interpolation how)
      : input_(input), output_(output), between_(table<Between>(output)), takenBy_(table<TakenBy>(input)) {
    const auto places = static_cast<Between*>(between_.data());
    const auto takers = static_cast<TakenBy*>(takenBy_.data());
    std::fill_n(takers, input, TakenBy{INT32_MAX, 0});
    for (int64_t o = 0; o < output; ++o) {
      const Between b = places[o] = place(o, input, output, how);
      for (const int32_t at : {b.from, b.to}) {
        const auto taker = static_cast<int32_t>(o);
        takers[at] = {std::min(takers[at].first, taker), std::max(takers[at].last, taker + 1)};
      }
    }
  }

  ResizedAxis axis() const {
    return {input_, output_, static_cast<const Between*>(between_.data()),
            static_cast<const TakenBy*>(takenBy_.data())};
  }

 private:
  template <class Entry>
  static Block table(int64_t entries) {
    return Block::take(entries * static_cast<int64_t>(sizeof(Entry)));
  }

  static Between place(int64_t o, int64_t input, int64_t output, Interpolation how) {
    const auto between = [input](double at) -> Between {
      const int64_t from = std::min(static_cast<int64_t>(at), input - 1);
      const auto share = static_cast<float>(at - static_cast<double>(from));
      // Past the last place there is nothing to be between.
      const bool whole = share == 0.0f || from == input - 1;
      return {static_cast<int32_t>(from), static_cast<int32_t>(whole ? from : from + 1),
              whole ? 0.0f : share};
    };
    const auto in = static_cast<double>(input), out = static_cast<double>(output),
               at = static_cast<double>(o);
    switch (how) {
      case Interpolation::nearest:
        return between(static_cast<double>(o * input / output));
      case Interpolation::linear:
        return between(std::max(0.0, (at + 0.5) * in / out - 0.5));
      case Interpolation::linearCorners:
        return between(output > 1 ? at * (in - 1) / (out - 1) : 0.0);
    }
    return {};
  }

  int64_t input_, output_;
  Block between_, takenBy_;
};

/// Refuses what cannot be resized.
inline void requireResizable(const char* operation, const Shape& input, const std::vector<int64_t>& size) {
  const auto refuse = [&](const std::string& what) {
    throw RangeError(std::string(operation) + ": " + what);
  };
  if (input.rank() != 4)
    refuse("input " + input.text() + " has " + std::to_string(input.rank()) + " axes, wants 4");
  if (size.size() != 2) refuse("size has " + std::to_string(size.size()) + " numbers, wants 2");
  for (const int64_t extent : size)
    if (extent < 1 || extent > INT32_MAX)
      refuse("size is " + std::to_string(extent) + ", wants a whole number from 1 to " +
             std::to_string(INT32_MAX));
  for (const int axis : {1, 2})
    if (input[axis] < 1 || input[axis] > INT32_MAX)
      refuse("input " + input.text() + " wants from 1 to " + std::to_string(INT32_MAX) + " rows and columns");
}

/// Calls work(resizing, firstRow, rows) in parallel, for pieces of some elementGrain elements of what is read
/// and written, over the rows of the result, or of the image.
template <class Work>
void overResizedRows(const Shape& input, const Shape& output, Interpolation how, bool ofImage,
                     const Work& work) {
  const int64_t images = input[0], channels = input[3];
  if (images == 0 || channels == 0) return;
  const ResizedPlaces vertical(input[1], output[1], how), horizontal(input[2], output[2], how);
  const Resizing resizing{vertical.axis(), horizontal.axis(), channels};
  const int64_t rows = ofImage ? input[1] : output[1];
  const int64_t high = std::max(input[1], output[1]), wide = std::max(input[2], output[2]);
  const int64_t rowWork = (high + rows - 1) / rows * wide * channels;
  parallelRanges(images * rows, std::max<int64_t>(1, elementGrain / rowWork),
                 [&](int64_t from, int64_t to) { work(resizing, from, to - from); });
}

inline Tensor upsample2d(Stream& stream, const Tensor& x, const std::vector<int64_t>& size,
                         Interpolation how) {
  const char* operation = "upsample2d";
  requireType(operation, "input", x, DType::f32);
  requireResizable(operation, x.shape, size);
  const Tensor y(operation, {x.shape[0], size[0], size[1], x.shape[3]}, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    overResizedRows(x.shape, y.shape, how, false, [&](const Resizing& resizing, int64_t first, int64_t rows) {
      dispatch(Upsample{resizing, x.f32(), y.f32(), first, rows});
    });
  });
  return y;
}

inline Tensor upsample2dBackward(Stream& stream, const Tensor& gradient, const Shape& inputShape,
                                 Interpolation how) {
  const char* operation = "upsample2dBackward";
  requireType(operation, "gradient", gradient, DType::f32);
  requireRank(operation, "gradient", gradient, 4);
  requireResizable(operation, inputShape, {gradient.shape[1], gradient.shape[2]});
  requireShape(operation, "gradient", gradient,
               {inputShape[0], gradient.shape[1], gradient.shape[2], inputShape[3]});
  const Tensor dx(operation, inputShape, DType::f32);
  submit(stream, operation, {gradient}, {dx}, [=] {
    overResizedRows(inputShape, gradient.shape, how, true,
                    [&](const Resizing& resizing, int64_t first, int64_t rows) {
                      dispatch(UpsampleBackward{resizing, gradient.f32(), dx.f32(), first, rows});
                    });
  });
  return dx;
}

}  // namespace striate
