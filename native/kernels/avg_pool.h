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
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
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
    storeLanes<Vec, partial>(y + c, sum / count, lanes);
  }
};

template <class Vec>
struct GiveToAll {
  const float* dy;
  float* dx;
  Vec count;
  bool once;

  template <int square, bool partial>
  void at(const Window<Vec>& w, int64_t c, int lanes) const {
    const int64_t rows = square ? square : w.rows, columns = square ? square : w.columns;
    const Vec share = loadLanes<Vec, partial>(dy + c, lanes) / count;
    float* row = dx + (w.offset + c);
    for (int64_t i = 0; i < rows; ++i, row += w.rowStep) {
      float* p = row;
      for (int64_t j = 0; j < columns; ++j, p += w.columnStep)
        storeLanes<Vec, partial>(p, once ? share : loadLanes<Vec, partial>(p, lanes) + share, lanes);
    }
  }
};

/// How many places the mean over a window counts.
template <class Vec>
Vec countedPlaces(const PoolWindows& windows, int64_t row, int64_t column, bool padding) {
  const auto along = [padding](const PoolAxis& axis, int64_t window) {
    const Places<Vec> places(axis, window, 0, axis.input);
    const int64_t end = places.start + axis.kernel, limit = axis.input + axis.after;
    return padding ? (end < limit ? end : limit) - places.start : places.to - places.from;
  };
  return Vec::broadcast(static_cast<float>(along(windows.vertical, row) * along(windows.horizontal, column)));
}

template <class Vec>
void AvgPool::run() const {
  const int64_t height = windows.vertical.output, width = windows.horizontal.output,
                channels = windows.channels;
  const int64_t imageSize = windows.vertical.input * windows.horizontal.input * channels;
  forBands<Vec>(firstRow, rows, height, [&](int64_t image, int64_t low, int64_t high) {
    WindowWalk<Vec> walk(windows, 0, windows.vertical.input, low);
    for (float* out = y + (image * height + low) * width * channels; walk.row() < high;
         walk.next(), out += channels)
      treat<Vec>(walk.window(), channels,
                 TakeMean<Vec>{x + image * imageSize, out,
                               countedPlaces<Vec>(windows, walk.row(), walk.column(), countPadding)});
  });
}

template <class Vec>
void AvgPoolBackward::run() const {
  const int64_t height = windows.vertical.input, channels = windows.channels;
  const Coverage<Vec> coverage(windows);
  forBands<Vec>(firstRow, rows, height, [&](int64_t number, int64_t low, int64_t high) {
    float* image = dx + number * height * windows.horizontal.input * channels;
    coverage.clear(windows, image, low, high);
    const RowsMeeting<Vec> meeting(windows.vertical, low, high);
    const float* in =
        dy + (number * windows.vertical.output + meeting.first) * windows.horizontal.output * channels;
    // The mean counts the whole window, though only what is in this band is written here.
    for (WindowWalk<Vec> walk(windows, low, high, meeting.first); walk.row() < meeting.end;
         walk.next(), in += channels)
      treat<Vec>(
          walk.window(), channels,
          GiveToAll<Vec>{in, image, countedPlaces<Vec>(windows, walk.row(), walk.column(), countPadding),
                         coverage.once});
  });
}

template void AvgPool::run<STRIATE_VEC>() const;
template void AvgPoolBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
