// Parts of images, brought to one size.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/boxes.h"
#include "kernels/resized_crop.h"
#include "ops/images.h"

namespace striate {

/// What a place of the result is made of.
enum class Resampling {
  /// The place ⌊o·input/output⌋.
  nearest,
  /// The two places around (o + ½)·input/output − ½, by nearness.
  linear,
  /// Where the result is smaller, all that lie within input/output of there, by nearness.
  antialiased
};

/// Places that one of the result can be made of.
inline int64_t mostTaps(int64_t input, int64_t output, Resampling how) {
  if (how == Resampling::nearest) return 1;
  if (how == Resampling::linear || output >= input) return 2;
  return std::min(input, 2 * ((input + output - 1) / output) + 2);
}

/// Place o of `output` places that show `input` ones.
inline Taps tapsOf(int64_t o, int64_t input, int64_t output, Resampling how, float* weights) {
  if (how == Resampling::nearest) {
    weights[0] = 1.0f;
    return {static_cast<int32_t>(o * input / output), 1};
  }
  const double step = static_cast<double>(input) / static_cast<double>(output);
  const double centre = step * (static_cast<double>(o) + 0.5);
  if (how == Resampling::linear || step <= 1) {
    const double at = std::max(0.0, centre - 0.5);
    const int64_t first = std::min(static_cast<int64_t>(at), input - 1);
    const auto share = static_cast<float>(at - static_cast<double>(first));
    weights[0] = 1.0f;
    if (share == 0.0f || first == input - 1) return {static_cast<int32_t>(first), 1};
    weights[0] = 1.0f - share;
    weights[1] = share;
    return {static_cast<int32_t>(first), 2};
  }
  const auto first = static_cast<int64_t>(std::max(0.0, centre - step + 0.5));
  const int64_t end = std::min(input, static_cast<int64_t>(centre + step + 0.5));
  double sum = 0;
  const auto nearness = [&](int64_t place) {
    return std::max(0.0, 1 - std::abs((static_cast<double>(place) + 0.5 - centre) / step));
  };
  for (int64_t place = first; place < end; ++place) sum += nearness(place);
  for (int64_t place = first; place < end; ++place)
    weights[place - first] = static_cast<float>(nearness(place) / sum);
  return {static_cast<int32_t>(first), static_cast<int32_t>(end - first)};
}

/// The parts that `boxes` i32 [N, 4] tell (see Box) of images [N, H, W, C], or the whole images where there
/// are none, as [N, size[0], size[1], C].
inline Tensor resizedCrop(Stream& stream, const Tensor& x, const Tensor& boxes,
                          const std::vector<int64_t>& size, Resampling how) {
  const char* operation = "resizedCrop";
  requireFloatImages(operation, "input", x);
  requireSize(operation, size);
  if (boxes) requirePerSample(operation, "boxes", boxes, DType::i32, x.shape[0], 4);
  const int64_t samples = x.shape[0], height = x.shape[1], width = x.shape[2], channels = x.shape[3];
  const Tensor y(operation, {samples, size[0], size[1], channels}, DType::f32);
  submit(stream, operation, {x, boxes}, {y}, [=] {
    const Box whole{0, 0, static_cast<int32_t>(height), static_cast<int32_t>(width)};
    const auto* given = boxes ? reinterpret_cast<const Box*>(boxes.i32()) : nullptr;
    for (int64_t n = 0; given && n < samples; ++n) {
      const Box& box = given[n];
      if (box.top < 0 || box.left < 0 || box.bottom > height || box.right > width || box.top >= box.bottom ||
          box.left >= box.right)
        throw RangeError("box " + std::to_string(n) + " is rows [" + std::to_string(box.top) + ", " +
                         std::to_string(box.bottom) + ") and columns [" + std::to_string(box.left) + ", " +
                         std::to_string(box.right) + "), wants some of the image's " +
                         std::to_string(height) + " and " + std::to_string(width));
    }
    if (y.elements() == 0) return;
    const int64_t rowWork = std::max(size[1], width) * channels;
    const int64_t rowsAtOnce = std::clamp<int64_t>(elementGrain / rowWork, 1, size[0]);
    const int64_t pieces = (size[0] + rowsAtOnce - 1) / rowsAtOnce;
    const int64_t tall = mostTaps(height, size[0], how), wide = mostTaps(width, size[1], how);
    static_assert(sizeof(Taps) == 2 * sizeof(float));
    const int64_t tallFloats = rowsAtOnce * (2 + tall), wideFloats = size[1] * (2 + wide);
    parallelWithScratch(
        samples * pieces, tallFloats + wideFloats + width * channels, [&](int64_t piece, float* scratch) {
          const int64_t n = piece / pieces, firstRow = piece % pieces * rowsAtOnce;
          const int64_t rows = std::min(rowsAtOnce, size[0] - firstRow);
          const Box box = given ? given[n] : whole;
          const int64_t partHeight = box.bottom - box.top, partWidth = box.right - box.left;
          const auto table = [&](float* memory, int64_t first, int64_t count, int64_t input, int64_t output,
                                 int64_t most) -> TapTable {
            auto* const taps = reinterpret_cast<Taps*>(memory);
            float* const weights = memory + 2 * count;
            for (int64_t k = 0; k < count; ++k)
              taps[k] = tapsOf(first + k, input, output, how, weights + k * most);
            return {taps, weights, most};
          };
          const float* part = x.f32() + ((n * height + box.top) * width + box.left) * channels;
          const TapTable vertical = table(scratch, firstRow, rows, partHeight, size[0], tall);
          const TapTable horizontal = table(scratch + tallFloats, 0, size[1], partWidth, size[1], wide);
          dispatch(ResizedCrop{part, width * channels, partWidth, channels, size[1], vertical, horizontal,
                               scratch + tallFloats + wideFloats,
                               y.f32() + (n * size[0] + firstRow) * size[1] * channels, rows});
        });
  });
  return y;
}

}  // namespace striate
