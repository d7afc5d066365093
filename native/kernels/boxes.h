// Boxes of images painted over.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Rows [top, bottom), columns [left, right), as far as they lie in the image.
struct Box {
  int32_t top, left, bottom, right;
};

/// y = x, but in image n's box what `with` has there: its image partners[n], or one pixel everywhere. Rows
/// [firstRow, firstRow + rows), counted through all images.
struct PaintBoxes {
  const float* x;
  const Box* boxes;
  const float* with;
  const int32_t* partners;  // null: `with` is a pixel
  int64_t height, width, channels;
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

template <class Vec>
void PaintBoxes::run() const {
  const int64_t rowSize = width * channels;
  const auto copy = [](float* to, const float* from, int64_t n) {
    ::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
  };
  copy(y + firstRow * rowSize, x + firstRow * rowSize, rows * rowSize);
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const int64_t n = r / height, i = r % height;
    const Box box = boxes[n];
    const int64_t left = box.left > 0 ? box.left : 0, right = box.right < width ? box.right : width;
    if (i < box.top || i >= box.bottom || left >= right) continue;
    float* const to = y + r * rowSize;
    if (partners) {
      copy(to + left * channels, with + (partners[n] * height + i) * rowSize + left * channels,
           (right - left) * channels);
    } else {
      for (int64_t j = left; j < right; ++j) copy(to + j * channels, with, channels);
    }
  }
}

template void PaintBoxes::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
