// Where in the image max pooling found its values, and putting values back to such places. A place in an
// image is row·width + column.
#pragma once

#include "kernels/pool_windows.h"

namespace striate {

/// Places in the image from indices within the windows (see MaxPool), for output rows [firstRow, firstRow +
/// rows): −1 for what lies in no image. Index is uint8_t or int32_t.
template <class Index>
struct PoolPlaces {
  PoolWindows windows;
  const Index* indices;
  int32_t* places;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// y[places[i, c], c] = x[i, c] in one image, for channels [fromChannel, toChannel), and 0 elsewhere; the
/// last of those at one place counts.
struct MaxUnpool {
  const float* x;
  const int32_t* places;
  float* y;
  int64_t inputs, outputs, channels, image, fromChannel, toChannel;
  template <class Vec>
  void run() const;
};

/// dx[i, c] = dy[places[i, c], c] likewise.
struct MaxUnpoolBackward {
  const float* dy;
  const int32_t* places;
  float* dx;
  int64_t inputs, outputs, channels, image, fromChannel, toChannel;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

template <class Index>
template <class Vec>
void PoolPlaces<Index>::run() const {
  const PoolAxis &vertical = windows.vertical, &horizontal = windows.horizontal;
  const int64_t channels = windows.channels, width = horizontal.kernel;
  int64_t at = firstRow * horizontal.output * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const int64_t top = r % vertical.output * vertical.stride - vertical.before;
    for (int64_t o = 0; o < horizontal.output; ++o) {
      const int64_t left = o * horizontal.stride - horizontal.before;
      for (int64_t c = 0; c < channels; ++c, ++at) {
        const int64_t index = static_cast<int64_t>(indices[at]);
        const int64_t row = top + index / width * vertical.dilation,
                      column = left + index % width * horizontal.dilation;
        const bool inside =
            index >= 0 && row >= 0 && row < vertical.input && column >= 0 && column < horizontal.input;
        places[at] = inside ? static_cast<int32_t>(row * horizontal.input + column) : -1;
      }
    }
  }
}

template <class Vec>
void MaxUnpool::run() const {
  const int64_t from = fromChannel, to = toChannel;
  float* const target = y + image * outputs * channels;
  for (int64_t p = 0; p < outputs; ++p)
    ::memset(target + p * channels + from, 0, static_cast<size_t>(to - from) * sizeof(float));
  for (int64_t i = image * inputs; i < (image + 1) * inputs; ++i)
    for (int64_t c = from; c < to; ++c)
      target[static_cast<int64_t>(places[i * channels + c]) * channels + c] = x[i * channels + c];
}

template <class Vec>
void MaxUnpoolBackward::run() const {
  const int64_t from = fromChannel, to = toChannel;
  const float* const source = dy + image * outputs * channels;
  for (int64_t i = image * inputs; i < (image + 1) * inputs; ++i)
    for (int64_t c = from; c < to; ++c)
      dx[i * channels + c] = source[static_cast<int64_t>(places[i * channels + c]) * channels + c];
}

template void PoolPlaces<uint8_t>::run<STRIATE_VEC>() const;
template void PoolPlaces<int32_t>::run<STRIATE_VEC>() const;
template void MaxUnpool::run<STRIATE_VEC>() const;
template void MaxUnpoolBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
