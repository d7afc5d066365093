// Resizing images by interpolation between neighbouring places. Each output place of an axis lies between two
// input places (which may be one), with shares that add up to 1.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Output place o of an axis is (1 − share)·x[from] + share·x[to].
struct Between {
  int32_t from, to;
  float share;
};

/// Output places [first, last) take something from an input place.
struct TakenBy {
  int32_t first, last;
};

struct ResizedAxis {
  int64_t input, output;
  const Between* between;  // for each output place
  const TakenBy* takenBy;  // for each input place
};

struct Resizing {
  ResizedAxis vertical, horizontal;
  int64_t channels;
};

/// Output rows [firstRow, firstRow + rows), counted through all images.
struct Upsample {
  Resizing resizing;
  const float* x;
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The gradient by input rows [firstRow, firstRow + rows).
struct UpsampleBackward {
  Resizing resizing;
  const float* dy;
  float* dx;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void Upsample::run() const {
  const ResizedAxis &vertical = resizing.vertical, &horizontal = resizing.horizontal;
  const int64_t channels = resizing.channels, rowSize = horizontal.input * channels;
  float* to = y + firstRow * horizontal.output * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const Between high = vertical.between[r % vertical.output];
    const float* image = x + r / vertical.output * vertical.input * rowSize;
    const float *above = image + high.from * rowSize, *below = image + high.to * rowSize;
    const Vec down = Vec::broadcast(high.share), up = Vec::broadcast(1.0f - high.share);
    for (int64_t o = 0; o < horizontal.output; ++o, to += channels) {
      const Between wide = horizontal.between[o];
      const int64_t left = int64_t{wide.from} * channels, right = int64_t{wide.to} * channels;
      const Vec forth = Vec::broadcast(wide.share), back = Vec::broadcast(1.0f - wide.share);
      // What has no share is not read: it may be infinite.
      const auto mix = [&](const float* row, int64_t i, auto load) {
        const Vec first = load(row + left + i);
        return wide.share == 0.0f ? first : fma(forth, load(row + right + i), back * first);
      };
      forVectors<Vec>(channels, [&](int64_t i, auto load, auto store) {
        const Vec first = mix(above, i, load);
        store(to + i, high.share == 0.0f ? first : fma(down, mix(below, i, load), up * first));
      });
    }
  }
}

/// What an output place takes from input place `at`.
template <class Vec>
float shareOf(const Between& between, int32_t at) {
  return (between.from == at ? 1.0f - between.share : 0.0f) + (between.to == at ? between.share : 0.0f);
}

template <class Vec>
void UpsampleBackward::run() const {
  const ResizedAxis &vertical = resizing.vertical, &horizontal = resizing.horizontal;
  const int64_t channels = resizing.channels, gradientRow = horizontal.output * channels;
  float* to = dx + firstRow * horizontal.input * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const auto row = static_cast<int32_t>(r % vertical.input);
    const float* gradients = dy + r / vertical.input * vertical.output * gradientRow;
    const TakenBy high = vertical.takenBy[row];
    for (int32_t column = 0; column < horizontal.input; ++column, to += channels) {
      const TakenBy wide = horizontal.takenBy[column];
      forVectors<Vec>(channels, [&](int64_t i, auto load, auto store) {
        Vec sum = Vec::broadcast(0.0f);
        for (int64_t u = high.first; u < high.last; ++u) {
          const float down = shareOf<Vec>(vertical.between[u], row);
          const float* g = gradients + u * gradientRow + i;
          for (int64_t v = wide.first; v < wide.last; ++v)
            sum = fma(Vec::broadcast(down * shareOf<Vec>(horizontal.between[v], column)),
                      load(g + v * channels), sum);
        }
        store(to + i, sum);
      });
    }
  }
}

template void Upsample::run<STRIATE_VEC>() const;
template void UpsampleBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
