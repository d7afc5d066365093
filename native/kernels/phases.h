// Images for a convolution with a stride as one with stride 1 sees them.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// A row of pixels that hold `stride` × `stride` of an image [height, width, channels] each: pixel j those
/// from (top, left + j·stride) on, row by row, zeros beyond the image.
struct GatherPhases {
  const float* image;
  int64_t height, width, channels, stride;
  int64_t top, left;
  int64_t pixels;
  float* row;
  template <class Vec>
  void run() const;

 private:
  template <class Vec, class Copy>
  void gather(Copy copy) const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

#include "kernels/math.h"

namespace striate {

template <class Vec>
void GatherPhases::run() const {
  switch (stride * channels) {
    case 6:
      return gather<Vec>([](const float* from, float* to) { ::memcpy(to, from, 6 * sizeof(float)); });
    case 12:
      return gather<Vec>([](const float* from, float* to) { ::memcpy(to, from, 12 * sizeof(float)); });
    default:
      return gather<Vec>([this](const float* from, float* to) {
        forVectors<Vec>(stride * channels,
                        [&](int64_t k, auto load, auto store) { store(to + k, load(from + k)); });
      });
  }
}

template <class Vec, class Copy>
void GatherPhases::gather(Copy copy) const {
  const int64_t run = stride * channels, pixel = stride * run;
  for (int64_t i = 0; i < stride; ++i) {
    const int64_t y = top + i;
    const bool inside = y >= 0 && y < height;
    const float* from = image + (y * width + left) * channels;
    float* to = row + i * run;
    for (int64_t j = 0, x = left; j < pixels; ++j, x += stride, from += run, to += pixel) {
      if (inside && x >= 0 && x + stride <= width) {
        copy(from, to);
        continue;
      }
      for (int64_t at = 0; at < stride; ++at)
        for (int64_t c = 0; c < channels; ++c)
          to[at * channels + c] = inside && x + at >= 0 && x + at < width ? from[at * channels + c] : 0.0f;
    }
  }
}

template void GatherPhases::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
