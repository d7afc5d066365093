// Adaptive pooling: as many windows as the output has places, spread evenly. Window o of an axis is
// [⌊o·input/output⌋, ⌈(o + 1)·input/output⌉), and neighbours may share a place. Rows are counted through all
// images of the batch.
#pragma once

#include "kernels/kernel.h"

namespace striate {

struct AdaptiveAxis {
  int64_t input, output;
};

struct AdaptiveWindows {
  AdaptiveAxis vertical, horizontal;
  int64_t channels;
};

/// The mean of each window, for output rows [firstRow, firstRow + rows).
struct AdaptiveAvgPool {
  AdaptiveWindows windows;
  const float* x;
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The gradient by input rows [firstRow, firstRow + rows).
struct AdaptiveAvgPoolBackward {
  AdaptiveWindows windows;
  const float* dy;
  float* dx;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The largest value of each window, and the place in the image, row·width + column, where it is first, for
/// output rows [firstRow, firstRow + rows). What is no number is larger than all others.
struct AdaptiveMaxPool {
  AdaptiveWindows windows;
  const float* x;
  float* y;
  int32_t* places;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The gradient by whole images, for channels [fromChannel, toChannel). Places outside of the image take
/// nothing.
struct AdaptiveMaxPoolBackward {
  AdaptiveWindows windows;
  const float* dy;
  const int32_t* places;
  float* dx;
  int64_t image, fromChannel, toChannel;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

#include "kernels/math.h"
#include "kernels/pool_sums.h"

namespace striate {

/// The i-th of `parts` parts of n places, spread evenly: places [from, to). With the roles of input and
/// output changed, the windows that hold a place.
template <class Vec>
struct Part {
  int64_t from, to;

  Part(int64_t i, int64_t n, int64_t parts) : from(i * n / parts), to(((i + 1) * n + parts - 1) / parts) {}
};

/// The places of a window, and the windows that hold a place.
template <class Vec>
Part<Vec> placesOf(const AdaptiveAxis& axis, int64_t window) {
  return {window, axis.input, axis.output};
}
template <class Vec>
Part<Vec> windowsOf(const AdaptiveAxis& axis, int64_t place) {
  return {place, axis.output, axis.input};
}

template <class Vec>
void AdaptiveAvgPool::run() const {
  const AdaptiveAxis vertical = windows.vertical, horizontal = windows.horizontal;
  const int64_t channels = windows.channels, rowSize = horizontal.input * channels;
  float* out = y + firstRow * horizontal.output * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const float* image = x + r / vertical.output * vertical.input * rowSize;
    const auto high = placesOf<Vec>(vertical, r % vertical.output);
    for (int64_t o = 0; o < horizontal.output; ++o, out += channels) {
      const auto wide = placesOf<Vec>(horizontal, o);
      const int64_t width = wide.to - wide.from;
      for (int64_t row = high.from; row < high.to; ++row)
        sumPlaces<Vec>(image + row * rowSize + wide.from * channels, width, channels, out, row > high.from);
      const Vec count = Vec::broadcast(static_cast<float>((high.to - high.from) * width));
      forVectors<Vec>(channels,
                      [&](int64_t i, auto load, auto store) { store(out + i, load(out + i) / count); });
    }
  }
}

template <class Vec>
void AdaptiveAvgPoolBackward::run() const {
  const AdaptiveAxis vertical = windows.vertical, horizontal = windows.horizontal;
  const int64_t channels = windows.channels, gradientRow = horizontal.output * channels;
  float* to = dx + firstRow * horizontal.input * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const float* gradients = dy + r / vertical.input * vertical.output * gradientRow;
    const auto above = windowsOf<Vec>(vertical, r % vertical.input);
    Part<Vec> last(0, 0, 1);
    for (int64_t column = 0; column < horizontal.input; ++column, to += channels) {
      const auto beside = windowsOf<Vec>(horizontal, column);
      // Most columns are in the same windows as the one before.
      if (beside.from == last.from && beside.to == last.to) {
        forVectors<Vec>(channels,
                        [&](int64_t c, auto load, auto store) { store(to + c, load(to - channels + c)); });
        continue;
      }
      last = beside;
      for (int64_t i = above.from; i < above.to; ++i) {
        const auto high = placesOf<Vec>(vertical, i);
        for (int64_t j = beside.from; j < beside.to; ++j) {
          const auto wide = placesOf<Vec>(horizontal, j);
          const float* g = gradients + i * gradientRow + j * channels;
          const bool first = i == above.from && j == beside.from;
          const Vec count = Vec::broadcast(static_cast<float>((high.to - high.from) * (wide.to - wide.from)));
          forVectors<Vec>(channels, [&](int64_t c, auto load, auto store) {
            const Vec share = load(g + c) / count;
            store(to + c, first ? share : load(to + c) + share);
          });
        }
      }
    }
  }
}

template <class Vec>
void AdaptiveMaxPool::run() const {
  const AdaptiveAxis vertical = windows.vertical, horizontal = windows.horizontal;
  const int64_t channels = windows.channels, width = horizontal.input;
  int64_t at = firstRow * horizontal.output * channels;
  for (int64_t r = firstRow; r < firstRow + rows; ++r) {
    const float* image = x + r / vertical.output * vertical.input * width * channels;
    const auto high = placesOf<Vec>(vertical, r % vertical.output);
    for (int64_t o = 0; o < horizontal.output; ++o, at += channels) {
      const auto wide = placesOf<Vec>(horizontal, o);
      float* const best = y + at;
      int32_t* const place = places + at;
      for (int64_t row = high.from; row < high.to; ++row) {
        for (int64_t column = wide.from; column < wide.to; ++column) {
          const int64_t here = row * width + column;
          const float* p = image + here * channels;
          if (row == high.from && column == wide.from) {
            ::memcpy(best, p, static_cast<size_t>(channels) * sizeof(float));
            for (int64_t c = 0; c < channels; ++c) place[c] = static_cast<int32_t>(here);
            continue;
          }
          // No branches, so that GCC makes vectors of it.
          for (int64_t c = 0; c < channels; ++c) {
            const float v = p[c], most = best[c];
            const bool larger = (v > most) | ((v != v) & (most == most));
            best[c] = larger ? v : most;
            place[c] = larger ? static_cast<int32_t>(here) : place[c];
          }
        }
      }
    }
  }
}

template <class Vec>
void AdaptiveMaxPoolBackward::run() const {
  const int64_t channels = windows.channels, inputs = windows.vertical.input * windows.horizontal.input,
                outputs = windows.vertical.output * windows.horizontal.output, to = toChannel;
  float* const target = dx + image * inputs * channels;
  for (int64_t p = 0; p < inputs; ++p)
    ::memset(target + p * channels + fromChannel, 0, static_cast<size_t>(to - fromChannel) * sizeof(float));
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t at = (image * outputs + o) * channels;
    for (int64_t c = fromChannel; c < to; ++c) {
      const int64_t place = places[at + c];
      if (place >= 0 && place < inputs) target[place * channels + c] += dy[at + c];
    }
  }
}

template void AdaptiveAvgPool::run<STRIATE_VEC>() const;
template void AdaptiveAvgPoolBackward::run<STRIATE_VEC>() const;
template void AdaptiveMaxPool::run<STRIATE_VEC>() const;
template void AdaptiveMaxPoolBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
