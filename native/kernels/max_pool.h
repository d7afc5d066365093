// Maximum pooling and its gradient.
#pragma once

#include "kernels/pool_windows.h"

namespace striate {

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

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

namespace striate {

/// Places of windows as floats, in which the arithmetic has them, for as many channels, or whole pixels of
/// few channels, as fit in: they are converted for all of these at once.
template <class Vec>
struct PlaceBuffer {
  static constexpr int64_t size = 1024;
  float places[size];

  template <class Index>
  void save(Index* indices, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) indices[i] = static_cast<Index>(static_cast<int32_t>(places[i]));
  }
  template <class Index>
  void restore(const Index* indices, int64_t n) {
    for (int64_t i = 0; i < n; ++i) places[i] = static_cast<float>(indices[i]);
  }
};

template <class Vec>
struct TakeLargest {
  const float* x;
  float *y, *places;

  template <int square, bool partial>
  void at(const Window<Vec>& w, int64_t c, int lanes) const {
    const int64_t rows = square ? square : w.rows, columns = square ? square : w.columns;
    const Vec one = Vec::broadcast(1.0f), width = Vec::broadcast(static_cast<float>(w.width));
    Vec best = Vec::broadcast(-INFINITY), first = Vec::broadcast(static_cast<float>(w.place)), place = first;
    const float* row = x + (w.offset + c);
    for (int64_t i = 0; i < rows; ++i, row += w.rowStep, first = first + width) {
      Vec here = first;
      const float* p = row;
      for (int64_t j = 0; j < columns; ++j, p += w.columnStep, here = here + one) {
        const Vec v = loadLanes<Vec, partial>(p, lanes);
        const auto larger = best < v, valid = v == v;
        best = select(valid, select(larger, v, best), v);
        place = select(valid, select(larger, here, place), here);
      }
    }
    storeLanes<Vec, partial>(y + c, best, lanes);
    storeLanes<Vec, partial>(places + c, place, lanes);
  }
};

template <class Vec>
struct GiveToLargest {
  const float *dy, *places;
  float* dx;
  bool once;

  template <int square, bool partial>
  void at(const Window<Vec>& w, int64_t c, int lanes) const {
    const int64_t rows = square ? square : w.rows, columns = square ? square : w.columns;
    const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f),
              width = Vec::broadcast(static_cast<float>(w.width));
    const Vec gradient = loadLanes<Vec, partial>(dy + c, lanes),
              place = loadLanes<Vec, partial>(places + c, lanes);
    Vec first = Vec::broadcast(static_cast<float>(w.place));
    float* row = dx + (w.offset + c);
    for (int64_t i = 0; i < rows; ++i, row += w.rowStep, first = first + width) {
      Vec here = first;
      float* p = row;
      for (int64_t j = 0; j < columns; ++j, p += w.columnStep, here = here + one) {
        const Vec share = select(place == here, gradient, zero);
        storeLanes<Vec, partial>(p, once ? share : loadLanes<Vec, partial>(p, lanes) + share, lanes);
      }
    }
  }
};

/// How many pixels are treated with one PlaceBuffer, and how many channels of them: one of both is all.
template <class Vec>
struct PlaceBlocks {
  int64_t pixels, channels;

  explicit PlaceBlocks(int64_t all) : pixels(1), channels(PlaceBuffer<Vec>::size) {
    if (all < channels) {
      pixels = channels / all;
      channels = all;
    }
  }
};

template <class Index>
template <class Vec>
void MaxPool<Index>::run() const {
  const int64_t height = windows.vertical.output, width = windows.horizontal.output,
                channels = windows.channels;
  const int64_t imageSize = windows.vertical.input * windows.horizontal.input * channels;
  const PlaceBlocks<Vec> blocks(channels);
  PlaceBuffer<Vec> buffer;
  forBands<Vec>(firstRow, rows, height, [&](int64_t image, int64_t low, int64_t high) {
    const int64_t end = (high - low) * width, out = (image * height + low) * width * channels;
    for (int64_t c = 0; c < channels; c += blocks.channels) {
      const int64_t n = channels - c < blocks.channels ? channels - c : blocks.channels;
      WindowWalk<Vec> walk(windows, 0, windows.vertical.input, low);
      for (int64_t first = 0; first < end; first += blocks.pixels) {
        const int64_t pixels = end - first < blocks.pixels ? end - first : blocks.pixels;
        const int64_t at = out + first * channels + c;
        for (int64_t p = 0; p < pixels; ++p, walk.next())
          treat<Vec>(
              walk.window(), n,
              TakeLargest<Vec>{x + (image * imageSize + c), y + (at + p * channels), buffer.places + p * n});
        buffer.save(indices + at, pixels * n);
      }
    }
  });
}

template <class Index>
template <class Vec>
void MaxPoolBackward<Index>::run() const {
  const int64_t height = windows.vertical.input, channels = windows.channels;
  const Coverage<Vec> coverage(windows);
  const PlaceBlocks<Vec> blocks(channels);
  PlaceBuffer<Vec> buffer;
  forBands<Vec>(firstRow, rows, height, [&](int64_t number, int64_t low, int64_t high) {
    float* image = dx + number * height * windows.horizontal.input * channels;
    coverage.clear(windows, image, low, high);
    const RowsMeeting<Vec> meeting(windows.vertical, low, high);
    const int64_t width = windows.horizontal.output, end = (meeting.end - meeting.first) * width;
    const int64_t in = (number * windows.vertical.output + meeting.first) * width * channels;
    for (int64_t c = 0; c < channels; c += blocks.channels) {
      const int64_t n = channels - c < blocks.channels ? channels - c : blocks.channels;
      WindowWalk<Vec> walk(windows, low, high, meeting.first);
      for (int64_t first = 0; first < end; first += blocks.pixels) {
        const int64_t pixels = end - first < blocks.pixels ? end - first : blocks.pixels;
        const int64_t at = in + first * channels + c;
        buffer.restore(indices + at, pixels * n);
        for (int64_t p = 0; p < pixels; ++p, walk.next())
          treat<Vec>(
              walk.window(), n,
              GiveToLargest<Vec>{dy + (at + p * channels), buffer.places + p * n, image + c, coverage.once});
      }
    }
  });
}

template void MaxPool<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPool<int32_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<int32_t>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
