// Images seen through affine maps: moved, turned, sheared, zoomed.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Pixel (j, i) of image n of the result is that at (a·j + b·i + c, d·j + e·i + f) of image n, whose matrix
/// is [a, b, c; d, e, f]. Rows [firstRow, firstRow + rows) of the result, counted through all images.
struct Affine {
  const float *x, *matrices;
  int64_t height, width, channels, outputHeight, outputWidth;
  bool bilinear;      // between four pixels, by nearness; else the nearest, the even one of two
  bool edge;          // beyond the image is the pixel at its border, else `fill`
  const float* fill;  // [channels]
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/math.h"

namespace striate {

/// Within [0, last]; 0 for what is no number.
template <class Vec>
float heldWithin(float place, float last) {
  const float above = place > 0.0f ? place : 0.0f;
  return above < last ? above : last;
}

template <class Vec>
void Affine::run() const {
  const float lastRow = static_cast<float>(height - 1), lastColumn = static_cast<float>(width - 1);
  float* to = y + firstRow * outputWidth * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const int64_t n = r / outputHeight;
    const float *image = x + n * height * width * channels, *m = matrices + 6 * n;
    const float i = static_cast<float>(r % outputHeight);
    const float column0 = m[1] * i + m[2], row0 = m[4] * i + m[5];
    const auto pixel = [&](int64_t row, int64_t column) {
      const bool inside = row >= 0 && row < height && column >= 0 && column < width;
      return inside ? image + (row * width + column) * channels : fill;
    };
    for (int64_t j = 0; j < outputWidth; ++j, to += channels) {
      float column = m[0] * static_cast<float>(j) + column0, row = m[3] * static_cast<float>(j) + row0;
      if (edge) {
        column = heldWithin<Vec>(column, lastColumn);
        row = heldWithin<Vec>(row, lastRow);
      }
      // Also false for what is no number; what is far outside would not fit whole numbers.
      const bool near = column > -1.0f && row > -1.0f && column < lastColumn + 1.0f && row < lastRow + 1.0f;
      if (!near || !bilinear) {
        const float* from =
            near ? pixel(static_cast<int64_t>(::nearbyintf(row)), static_cast<int64_t>(::nearbyintf(column)))
                 : fill;
        for (int64_t c = 0; c < channels; ++c) to[c] = from[c];
        continue;
      }
      const float top = ::floorf(row), left = ::floorf(column);
      const float down = row - top, right = column - left;
      const int64_t u = static_cast<int64_t>(top), v = static_cast<int64_t>(left);
      // What has no share is not read: it may be infinite.
      const int64_t below = down == 0.0f ? u : u + 1, after = right == 0.0f ? v : v + 1;
      const bool whole = u >= 0 && v >= 0 && below < height && after < width;
      const float* a = whole ? image + (u * width + v) * channels : pixel(u, v);
      const float* b = whole ? a + (after - v) * channels : pixel(u, after);
      const float* c = whole ? a + (below - u) * width * channels : pixel(below, v);
      const float* d = whole ? c + (after - v) * channels : pixel(below, after);
      // Parts of vectors take longer than so few numbers.
      if (channels <= 4) {
        for (int64_t k = 0; k < channels; ++k) {
          const float high = right == 0.0f ? a[k] : right * b[k] + (1.0f - right) * a[k];
          const float low = right == 0.0f ? c[k] : right * d[k] + (1.0f - right) * c[k];
          to[k] = down == 0.0f ? high : down * low + (1.0f - down) * high;
        }
        continue;
      }
      const Vec forth = Vec::broadcast(right), back = Vec::broadcast(1.0f - right);
      const Vec lower = Vec::broadcast(down), upper = Vec::broadcast(1.0f - down);
      forVectors<Vec>(channels, [&](int64_t k, auto load, auto store) {
        const auto between = [&](const float* first, const float* second) {
          const Vec value = load(first + k);
          return right == 0.0f ? value : fma(forth, load(second + k), back * value);
        };
        const Vec value = between(a, b);
        store(to + k, down == 0.0f ? value : fma(lower, between(c, d), upper * value));
      });
    }
  }
}

template void Affine::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
