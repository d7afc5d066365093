// Windows cut out of images, padded, mirrored and brought to a mean of 0: one pass, from bytes or floats to
// floats.
#pragma once

#include "kernels/beyond.h"

namespace striate {

/// Where a window lies in its image, beyond which it may reach; what it shows is then mirrored.
struct Window {
  int32_t top, left, leftToRight, upsideDown;
};

/// Rows [firstRow, firstRow + rows) of the windows, counted through all of them. A value is unit·x; where
/// there is a mean, (value − mean)·factor.
template <class Element>
struct CropFlip {
  const Element* images;
  const int32_t* indices;  // window n is of image indices[n], of image n where null
  const Window* windows;
  int64_t height, width, channels, windowHeight, windowWidth;
  Beyond beyond;
  float unit;
  const float *fill, *mean, *factor;  // one for each element of a window's row; fill as it is to be told
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

/// n elements of a row; for the compiler to vectorize: the vocabulary loads no bytes.
template <class Vec, class Element>
void toValues(const Element* from, float* to, int64_t n, float unit, const float* mean, const float* factor) {
  if (mean) {
    for (int64_t i = 0; i < n; ++i) to[i] = (static_cast<float>(from[i]) * unit - mean[i]) * factor[i];
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]) * unit;
  }
}

/// The pixels of a row in the other order.
template <class Vec>
void mirrorRow(float* row, int64_t pixels, int64_t channels) {
  for (int64_t a = 0, b = (pixels - 1) * channels; a < b; a += channels, b -= channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = row[a + c];
      row[a + c] = row[b + c];
      row[b + c] = value;
    }
  }
}

template <class Element>
template <class Vec>
void CropFlip<Element>::run() const {
  const int64_t rowSize = width * channels, windowRow = windowWidth * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const int64_t n = r / windowHeight, i = r % windowHeight;
    const Window window = windows[n];
    const int64_t left = window.left;
    const int64_t row =
        placeBeyond<Vec>(window.top + (window.upsideDown ? windowHeight - 1 - i : i), height, beyond);
    float* const to = y + r * windowRow;
    if (row < 0) {
      ::memcpy(to, fill, static_cast<size_t>(windowRow) * sizeof(float));
      continue;
    }
    const Element* const from = images + (indices ? indices[n] : n) * height * rowSize + row * rowSize;
    // Columns [begin, end) of the window lie in the image.
    const int64_t first = left < 0 ? -left : 0, last = width - left;
    const int64_t begin = first < windowWidth ? first : windowWidth;
    const int64_t end = last < begin ? begin : last < windowWidth ? last : windowWidth;
    toValues<Vec>(from + (begin < end ? (left + begin) * channels : 0), to + begin * channels,
                  (end - begin) * channels, unit, mean, factor);
    for (int64_t j = 0; j < windowWidth; ++j) {
      if (j == begin) j = end;
      if (j == windowWidth) break;
      const int64_t column = placeBeyond<Vec>(left + j, width, beyond);
      if (column < 0) {
        ::memcpy(to + j * channels, fill, static_cast<size_t>(channels) * sizeof(float));
      } else {
        toValues<Vec>(from + column * channels, to + j * channels, channels, unit, mean, factor);
      }
    }
    if (window.leftToRight) mirrorRow<Vec>(to, windowWidth, channels);
  }
}

template void CropFlip<float>::run<STRIATE_VEC>() const;
template void CropFlip<uint8_t>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
