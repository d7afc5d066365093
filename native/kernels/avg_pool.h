// Average pooling and its gradient.
#pragma once

#include "kernels/pool_windows.h"

namespace striate {

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
  bool stream;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/pool_sums.h"
#include "kernels/stream.h"

namespace striate {

template <class Vec>
struct TakeMean {
  const float* x;
  float* y;
  Vec count;

  template <int square, bool partial>
  void at(const Window<Vec>& w, int64_t c, int lanes) const {
    const int64_t rows = square ? square : w.rows, columns = square ? square : w.columns;
    Vec sum = Vec::broadcast(0.0f);
    const float* row = x + (w.offset + c);
    for (int64_t i = 0; i < rows; ++i, row += w.rowStep) {
      const float* p = row;
      for (int64_t j = 0; j < columns; ++j, p += w.columnStep) sum = sum + loadLanes<Vec, partial>(p, lanes);
    }
    storeLanes<Vec, partial>(y + (w.result + c), sum / count, lanes);
  }
};

template <class Vec>
struct FromAllWindows {
  const float* dy;

  template <int count, bool partial>
  Vec at(const WindowList<float>& list, int64_t c, int lanes) const {
    Vec sum = Vec::broadcast(0.0f);
    const int n = count ? count : list.count;
#pragma GCC unroll 9
    for (int k = 0; k < n; ++k)
      sum = fma(loadLanes<Vec, partial>(dy + (list.offsets[k] + c), lanes), Vec::broadcast(list.numbers[k]),
                sum);
    return sum;
  }
};

/// How many places the mean over a window counts.
template <class Vec>
float countedPlaces(const PoolWindows& windows, int64_t row, int64_t column, bool padding) {
  const auto along = [padding](const PoolAxis& axis, int64_t window) {
    const Places<Vec> places(axis, window);
    const int64_t end = places.start + axis.kernel, limit = axis.input + axis.after;
    return padding ? (end < limit ? end : limit) - places.start : places.to - places.from;
  };
  return static_cast<float>(along(windows.vertical, row) * along(windows.horizontal, column));
}

/// Windows of so many places are gone through pixel by pixel, as they lie in memory, and not channel by
/// channel.
constexpr int64_t largeWindow = 49;

/// The means of such windows for output rows [low, high) of an image.
template <class Vec>
void takeLargeMeans(const PoolWindows& windows, bool countPadding, int64_t low, int64_t high, const float* x,
                    float* y) {
  const int64_t channels = windows.channels;
  for (WindowWalk<Vec> walk(windows, low); walk.row() < high; walk.advance(1)) {
    const Window<Vec> w = walk.window();
    float* const mean = y + w.result;
    for (int64_t i = 0; i < w.rows; ++i)
      sumPlaces<Vec>(x + w.offset + i * w.rowStep, w.columns, channels, mean, i > 0);
    const Vec count = Vec::broadcast(countedPlaces<Vec>(windows, walk.row(), walk.column(), countPadding));
    forVectors<Vec>(channels,
                    [&](int64_t c, auto load, auto store) { store(mean + c, load(mean + c) / count); });
  }
}

template <class Vec>
void AvgPool::run() const {
  const int64_t height = windows.vertical.output, width = windows.horizontal.output,
                channels = windows.channels;
  const int64_t imageSize = windows.vertical.input * windows.horizontal.input * channels;
  const bool large = windows.vertical.kernel * windows.horizontal.kernel >= largeWindow;
  forBands<Vec>(firstRow, rows, height, [&](int64_t image, int64_t low, int64_t high) {
    const float* const from = x + image * imageSize;
    float* const to = y + image * height * width * channels;
    if (large) return takeLargeMeans<Vec>(windows, countPadding, low, high, from, to);
    treatRows<Vec>(windows, low, high, [&](int64_t row, int64_t column) {
      const float count = countedPlaces<Vec>(windows, row, column, countPadding);
      return TakeMean<Vec>{from, to, Vec::broadcast(count)};
    });
  });
}

template <class Vec>
void AvgPoolBackward::run() const {
  const int64_t channels = windows.channels;
  const bool past = stream && channels % Vec::size == 0 && aligned<Vec>(dx);
  const FromAllWindows<Vec> terms{dy};
  const auto whole = [](const PoolAxis& axis, int64_t window) {
    const int64_t start = window * axis.stride - axis.before;
    return start >= 0 && start + axis.kernel <= axis.input;
  };
  const float share = 1.0f / static_cast<float>(windows.vertical.kernel * windows.horizontal.kernel);
  float* const gradient = dx;
  const auto shareOf = [&](int64_t row, int64_t column) {
    if (whole(windows.vertical, row) && whole(windows.horizontal, column)) return share;
    return 1.0f / countedPlaces<Vec>(windows, row, column, countPadding);
  };
  const auto tile = [&](int64_t row, int64_t column, int64_t at, int64_t, float* to, int64_t columns) {
    const Vec each = Vec::broadcast(shareOf(row, column));
    for (int64_t j = 0; j < columns; ++j, to += channels)
      writeVectors<Vec>(to, channels, past,
                        [&](int64_t c, auto load, auto store) { store(to + c, load(dy + at + c) * each); });
  };
  if (areTiles<Vec>(windows))
    forTiles<Vec>(windows, firstRow, rows, gradient, tile);
  else
    forCovered<Vec, float>(
        windows, firstRow, rows,
        [&](int64_t row, int64_t column, int64_t, int64_t) { return shareOf(row, column); },
        [&](const WindowList<float>& list, int64_t shift, int64_t in, bool more) {
          gatherList<Vec>(list, shift, channels, gradient + in, more, past, terms);
        });
  if (past) Vec::fence();
}

template void AvgPool::run<STRIATE_VEC>() const;
template void AvgPoolBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
