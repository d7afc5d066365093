// Images through a filter of rows and one of columns, with those of each image its own.
#pragma once

#include "kernels/beyond.h"

namespace striate {

/// y[i, j, c] = Σ_u Σ_v vertical[u]·horizontal[v]·x[i + u − U/2, j + v − V/2, c] for rows [firstRow, firstRow
/// + rows), counted through all images, which are mirrored at their border pixels.
struct Blur {
  const float *x, *vertical, *horizontal;
  int64_t height, width, channels, verticalSize, horizontalSize;
  float* line;  // room for a row and the pixels beyond it
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void Blur::run() const {
  const int64_t rowSize = width * channels, before = horizontalSize / 2, after = horizontalSize - 1 - before;
  float* const middle = line + before * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const int64_t n = r / height, i = r % height;
    const float *image = x + n * height * rowSize, *down = vertical + n * verticalSize,
                *along = horizontal + n * horizontalSize;
    const auto row = [&](int64_t u) {
      return image + placeBeyond<Vec>(i + u - verticalSize / 2, height, Beyond::reflect) * rowSize;
    };
    const float* first = row(0);
    forVectors<Vec>(rowSize, [&](int64_t k, auto load, auto store) {
      store(middle + k, Vec::broadcast(down[0]) * load(first + k));
    });
    for (int64_t u = 1; u < verticalSize; ++u) {
      const float* next = row(u);
      const Vec weight = Vec::broadcast(down[u]);
      forVectors<Vec>(rowSize, [&](int64_t k, auto load, auto store) {
        store(middle + k, fma(weight, load(next + k), load(middle + k)));
      });
    }
    const auto copy = [&](int64_t j) {
      const float* from = middle + placeBeyond<Vec>(j, width, Beyond::reflect) * channels;
      for (int64_t c = 0; c < channels; ++c) middle[j * channels + c] = from[c];
    };
    for (int64_t j = 1; j <= before; ++j) copy(-j);
    for (int64_t j = 0; j < after; ++j) copy(width + j);
    float* const to = y + r * rowSize;
    forVectors<Vec>(rowSize, [&](int64_t k, auto load, auto store) {
      Vec sum = Vec::broadcast(along[0]) * load(line + k);
      for (int64_t v = 1; v < horizontalSize; ++v)
        sum = fma(Vec::broadcast(along[v]), load(line + v * channels + k), sum);
      store(to + k, sum);
    });
  }
}

template void Blur::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
