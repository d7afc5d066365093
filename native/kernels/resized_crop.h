// Parts of images brought to one size: each place of the result is a weighted sum of some that follow one
// another, of rows first, then of columns.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// The places [first, first + count) that one of the result is the sum of.
struct Taps {
  int32_t first, count;
};

struct TapTable {
  const Taps* taps;      // for each place of the result
  const float* weights;  // `most` for each
  int64_t most;
};

/// `rows` rows of one image's result.
struct ResizedCrop {
  const float* part;  // its first pixel
  int64_t imageRow;   // elements from one row of the image to the next
  int64_t width, channels, outputWidth;
  TapTable vertical, horizontal;
  float* line;  // room for a row of the part
  float* y;
  int64_t rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void ResizedCrop::run() const {
  float* to = y;
  for (int64_t r = 0; r < rows; ++r) {
    const Taps tall = vertical.taps[r];
    const float *high = vertical.weights + r * vertical.most, *from = part + tall.first * imageRow;
    forVectors<Vec>(width * channels, [&](int64_t i, auto load, auto store) {
      Vec sum = Vec::broadcast(high[0]) * load(from + i);
      for (int64_t k = 1; k < tall.count; ++k)
        sum = fma(Vec::broadcast(high[k]), load(from + k * imageRow + i), sum);
      store(line + i, sum);
    });
    for (int64_t o = 0; o < outputWidth; ++o, to += channels) {
      const Taps wide = horizontal.taps[o];
      const float *weights = horizontal.weights + o * horizontal.most, *pixels = line + wide.first * channels;
      forVectors<Vec>(channels, [&](int64_t i, auto load, auto store) {
        Vec sum = Vec::broadcast(weights[0]) * load(pixels + i);
        for (int64_t k = 1; k < wide.count; ++k)
          sum = fma(Vec::broadcast(weights[k]), load(pixels + k * channels + i), sum);
        store(to + i, sum);
      });
    }
  }
}

template void ResizedCrop::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
