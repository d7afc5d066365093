// Pooling over windows of channels-last images. Rows are counted through all images of the batch.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Windows along one axis: place i of window o looks at o·stride − before + i·dilation.
struct PoolAxis {
  int64_t input, output;
  int64_t kernel, stride, before, after, dilation;
};

struct PoolWindows {
  PoolAxis vertical, horizontal;
  int64_t channels;
};

/// The largest value of each window, for output rows [firstRow, firstRow + rows), and its place in the
/// window, counted row by row. The first of equal ones counts, the last of those that are no numbers. Index
/// is uint8_t or int32_t.
template <class Index>
struct MaxPool {
  PoolWindows windows;
  const float* x;
  float* y;
  Index* indices;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The gradient by input rows [firstRow, firstRow + rows): each input has the sum over the windows that chose
/// it.
template <class Index>
struct MaxPoolBackward {
  PoolWindows windows;
  const float* dy;
  const Index* indices;
  float* dx;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The mean of each window, for output rows [firstRow, firstRow + rows).
struct AvgPool {
  PoolWindows windows;
  bool countPadding;
  const float* x;
  float* y;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

/// The gradient by input rows [firstRow, firstRow + rows).
struct AvgPoolBackward {
  PoolWindows windows;
  bool countPadding;
  const float* dy;
  float* dx;
  int64_t firstRow, rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>
#include <string.h>

#include "kernels/math.h"

namespace striate {

/// The places [from, to) of one window that lie in [low, high) of the input, where place 0 is at `start`.
template <class Vec>
struct Places {
  int64_t start, from, to;
};

template <class Vec>
Places<Vec> placesWithin(const PoolAxis& axis, int64_t window, int64_t low, int64_t high) {
  const int64_t start = window * axis.stride - axis.before, step = axis.dilation;
  const int64_t last = start + (axis.kernel - 1) * step;
  return {start, start >= low ? 0 : (low - start + step - 1) / step,
          last < high    ? axis.kernel
          : start < high ? (high - start + step - 1) / step
                         : 0};
}

/// How many places the mean over a window counts along one axis.
template <class Vec>
int64_t countedPlaces(const PoolAxis& axis, const Places<Vec>& places, bool countPadding) {
  if (!countPadding) return places.to - places.from;
  const int64_t end = places.start + axis.kernel, limit = axis.input + axis.after;
  return (end < limit ? end : limit) - places.start;
}

/// Output rows [first, end) whose windows may reach input rows [low, high).
template <class Vec>
struct RowsReaching {
  int64_t first, end;
};

template <class Vec>
RowsReaching<Vec> rowsReaching(const PoolAxis& axis, int64_t low, int64_t high) {
  const int64_t least = low + axis.before - (axis.kernel - 1) * axis.dilation;
  const int64_t end = (high - 1 + axis.before) / axis.stride + 1;
  return {least <= 0 ? 0 : (least + axis.stride - 1) / axis.stride, end < axis.output ? end : axis.output};
}

/// Where values and their places in windows are handled together: as many channels, or pixels of few
/// channels, as a buffer of places holds. Places are numbers as floats in the arithmetic, and converted for
/// the whole buffer at once.
template <class Vec>
struct PlaceBuffer {
  static constexpr int64_t size = 1024;
  float places[size];

  template <class Index>
  void store(Index* indices, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) indices[i] = static_cast<Index>(static_cast<int32_t>(places[i]));
  }
  template <class Index>
  void load(const Index* indices, int64_t n) {
    for (int64_t i = 0; i < n; ++i) places[i] = static_cast<float>(indices[i]);
  }
};

/// Calls body(pixel, pixels, channel, channels) over a row of pixels, for blocks that fill a PlaceBuffer:
/// several whole pixels, or part of one.
template <class Vec, class Body>
void forBlocks(int64_t pixels, int64_t channels, const Body& body) {
  constexpr int64_t size = PlaceBuffer<Vec>::size;
  const int64_t atOnce = channels < size ? size / channels : 1;
  for (int64_t pixel = 0; pixel < pixels; pixel += atOnce)
    for (int64_t channel = 0; channel < channels; channel += size)
      body(pixel, pixels - pixel < atOnce ? pixels - pixel : atOnce, channel,
           channels - channel < size ? channels - channel : size);
}

/// Calls body(offset, place) for each place of a window that lies inside, in order. The kernel's sizes are
/// constants where `square` is not 0 and nothing is cut off.
template <class Vec, int square, class Body>
void forPlaces(const PoolWindows& w, const Places<Vec>& ys, const Places<Vec>& xs, const Body& body) {
  const int64_t columnStep = w.horizontal.dilation * w.channels;
  const int64_t rowStep = w.vertical.dilation * w.horizontal.input * w.channels;
  const int64_t corner = (ys.start * w.horizontal.input + xs.start) * w.channels;
  if constexpr (square != 0) {
    for (int i = 0; i < square; ++i)
      for (int j = 0; j < square; ++j)
        body(corner + i * rowStep + j * columnStep, static_cast<float>(i * square + j));
  } else {
    for (int64_t i = ys.from; i < ys.to; ++i)
      for (int64_t j = xs.from; j < xs.to; ++j)
        body(corner + i * rowStep + j * columnStep, static_cast<float>(i * w.horizontal.kernel + j));
  }
}

/// Calls body with a function that goes through the places of this window, made for the usual sizes.
template <class Vec, class Body>
void withPlaces(const PoolWindows& w, const Places<Vec>& ys, const Places<Vec>& xs, const Body& body) {
  const bool whole = ys.from == 0 && xs.from == 0 && ys.to == w.vertical.kernel &&
                     xs.to == w.horizontal.kernel && ys.to == xs.to;
  if (whole && xs.to == 2)
    body([&](const auto& f) { forPlaces<Vec, 2>(w, ys, xs, f); });
  else if (whole && xs.to == 3)
    body([&](const auto& f) { forPlaces<Vec, 3>(w, ys, xs, f); });
  else
    body([&](const auto& f) { forPlaces<Vec, 0>(w, ys, xs, f); });
}

template <class Index>
template <class Vec>
void MaxPool<Index>::run() const {
  const PoolAxis &vertical = windows.vertical, &horizontal = windows.horizontal;
  const int64_t channels = windows.channels;
  PlaceBuffer<Vec> buffer;
  for (int64_t row = firstRow; row < firstRow + rows; ++row) {
    const float* image = x + row / vertical.output * vertical.input * horizontal.input * channels;
    const auto ys = placesWithin<Vec>(vertical, row % vertical.output, 0, vertical.input);
    forBlocks<Vec>(
        horizontal.output, channels, [&](int64_t pixel, int64_t pixels, int64_t channel, int64_t n) {
          const int64_t out = (row * horizontal.output + pixel) * channels + channel;
          for (int64_t p = 0; p < pixels; ++p) {
            const auto xs = placesWithin<Vec>(horizontal, pixel + p, 0, horizontal.input);
            const Vec first = Vec::broadcast(static_cast<float>(ys.from * horizontal.kernel + xs.from));
            withPlaces<Vec>(windows, ys, xs, [&](const auto& each) {
              forVectors<Vec>(n, [&](int64_t c, auto load, auto store) {
                Vec best = Vec::broadcast(-INFINITY), place = first;
                each([&](int64_t offset, float number) {
                  const Vec v = load(image + (offset + channel + c)), here = Vec::broadcast(number);
                  const auto larger = best < v, valid = v == v;
                  best = select(valid, select(larger, v, best), v);
                  place = select(valid, select(larger, here, place), here);
                });
                store(y + out + p * channels + c, best);
                store(buffer.places + p * n + c, place);
              });
            });
          }
          buffer.store(indices + out, pixels * n);
        });
  }
}

/// Calls body(image, low, high) for the rows [firstRow, firstRow + rows) of each image that they touch.
template <class Vec, class Body>
void forImages(int64_t firstRow, int64_t rows, int64_t height, const Body& body) {
  for (int64_t row = firstRow; row < firstRow + rows;) {
    const int64_t image = row / height, low = row % height, left = firstRow + rows - row;
    const int64_t high = height - low < left ? height : low + left;
    body(image, low, high);
    row += high - low;
  }
}

/// Whether no two windows share an input, so that each has at most one gradient.
template <class Vec>
bool disjoint(const PoolAxis& axis) {
  return axis.dilation == 1 && axis.stride >= axis.kernel;
}

template <class Index>
template <class Vec>
void MaxPoolBackward<Index>::run() const {
  const PoolAxis &vertical = windows.vertical, &horizontal = windows.horizontal;
  const int64_t channels = windows.channels, rowLength = horizontal.input * channels;
  const bool once = disjoint<Vec>(vertical) && disjoint<Vec>(horizontal);
  const Vec zero = Vec::broadcast(0.0f);
  PlaceBuffer<Vec> buffer;
  forImages<Vec>(firstRow, rows, vertical.input, [&](int64_t number, int64_t low, int64_t high) {
    float* image = dx + number * vertical.input * rowLength;
    ::memset(image + low * rowLength, 0, static_cast<size_t>((high - low) * rowLength) * sizeof(float));
    const auto reaching = rowsReaching<Vec>(vertical, low, high);
    for (int64_t row = reaching.first; row < reaching.end; ++row) {
      const auto ys = placesWithin<Vec>(vertical, row, low, high);
      forBlocks<Vec>(
          horizontal.output, channels, [&](int64_t pixel, int64_t pixels, int64_t channel, int64_t n) {
            const int64_t out =
                ((number * vertical.output + row) * horizontal.output + pixel) * channels + channel;
            buffer.load(indices + out, pixels * n);
            for (int64_t p = 0; p < pixels; ++p) {
              const auto xs = placesWithin<Vec>(horizontal, pixel + p, 0, horizontal.input);
              withPlaces<Vec>(windows, ys, xs, [&](const auto& each) {
                forVectors<Vec>(n, [&](int64_t c, auto load, auto store) {
                  const Vec gradient = load(dy + out + p * channels + c),
                            place = load(buffer.places + p * n + c);
                  each([&](int64_t offset, float here) {
                    float* target = image + (offset + channel + c);
                    const Vec share = select(place == Vec::broadcast(here), gradient, zero);
                    store(target, once ? share : load(target) + share);
                  });
                });
              });
            }
          });
    }
  });
}

template <class Vec>
void AvgPool::run() const {
  const PoolAxis &vertical = windows.vertical, &horizontal = windows.horizontal;
  const int64_t channels = windows.channels;
  for (int64_t row = firstRow; row < firstRow + rows; ++row) {
    const float* image = x + row / vertical.output * vertical.input * horizontal.input * channels;
    const auto ys = placesWithin<Vec>(vertical, row % vertical.output, 0, vertical.input);
    const int64_t height = countedPlaces<Vec>(vertical, ys, countPadding);
    for (int64_t pixel = 0; pixel < horizontal.output; ++pixel) {
      const auto xs = placesWithin<Vec>(horizontal, pixel, 0, horizontal.input);
      const Vec count =
          Vec::broadcast(static_cast<float>(height * countedPlaces<Vec>(horizontal, xs, countPadding)));
      float* out = y + (row * horizontal.output + pixel) * channels;
      withPlaces<Vec>(windows, ys, xs, [&](const auto& each) {
        forVectors<Vec>(channels, [&](int64_t c, auto load, auto store) {
          Vec sum = Vec::broadcast(0.0f);
          each([&](int64_t offset, float) { sum = sum + load(image + (offset + c)); });
          store(out + c, sum / count);
        });
      });
    }
  }
}

template <class Vec>
void AvgPoolBackward::run() const {
  const PoolAxis &vertical = windows.vertical, &horizontal = windows.horizontal;
  const int64_t channels = windows.channels, rowLength = horizontal.input * channels;
  const bool once = disjoint<Vec>(vertical) && disjoint<Vec>(horizontal);
  forImages<Vec>(firstRow, rows, vertical.input, [&](int64_t number, int64_t low, int64_t high) {
    float* image = dx + number * vertical.input * rowLength;
    ::memset(image + low * rowLength, 0, static_cast<size_t>((high - low) * rowLength) * sizeof(float));
    const auto reaching = rowsReaching<Vec>(vertical, low, high);
    for (int64_t row = reaching.first; row < reaching.end; ++row) {
      // The mean counts the whole window, though only the places in this band are written here.
      const auto whole = placesWithin<Vec>(vertical, row, 0, vertical.input);
      const auto ys = placesWithin<Vec>(vertical, row, low, high);
      const int64_t height = countedPlaces<Vec>(vertical, whole, countPadding);
      for (int64_t pixel = 0; pixel < horizontal.output; ++pixel) {
        const auto xs = placesWithin<Vec>(horizontal, pixel, 0, horizontal.input);
        const Vec count =
            Vec::broadcast(static_cast<float>(height * countedPlaces<Vec>(horizontal, xs, countPadding)));
        const float* in = dy + ((number * vertical.output + row) * horizontal.output + pixel) * channels;
        withPlaces<Vec>(windows, ys, xs, [&](const auto& each) {
          forVectors<Vec>(channels, [&](int64_t c, auto load, auto store) {
            const Vec share = load(in + c) / count;
            each([&](int64_t offset, float) {
              float* target = image + (offset + c);
              store(target, once ? share : load(target) + share);
            });
          });
        });
      }
    }
  });
}

template void MaxPool<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPool<int32_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<int32_t>::run<STRIATE_VEC>() const;
template void AvgPool::run<STRIATE_VEC>() const;
template void AvgPoolBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
