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

/// The part of a window that lies in the image, or in a band of its rows.
template <class Vec>
struct Window {
  int64_t rows, columns;
  /// Of its first place, in the image's elements, and from row to row and column to column.
  int64_t offset, rowStep, columnStep;
  /// The number of its first place in the whole window, which is this wide.
  int64_t place, width;
};

/// The places [from, to) of a window along one axis that lie in [low, high), where place 0 lies at `start`.
template <class Vec>
struct Places {
  int64_t start = 0, from = 0, to = 0;

  Places() = default;
  Places(const PoolAxis& axis, int64_t window, int64_t low, int64_t high) {
    const int64_t step = axis.dilation;
    start = window * axis.stride - axis.before;
    from = start >= low ? 0 : (low - start + step - 1) / step;
    to = axis.kernel;
    if (start + (axis.kernel - 1) * step >= high) to = start < high ? (high - start + step - 1) / step : 0;
  }
};

/// Goes through the windows of an image, row by row, as they meet a band [low, high) of its rows.
template <class Vec>
class WindowWalk {
 public:
  WindowWalk(const PoolWindows& windows, int64_t low, int64_t high, int64_t firstRow)
      : windows_(windows),
        low_(low),
        high_(high),
        row_(firstRow),
        ys_(windows.vertical, firstRow, low, high) {
    columnStep_ = windows.horizontal.dilation * windows.channels;
    rowStep_ = windows.vertical.dilation * windows.horizontal.input * windows.channels;
  }

  int64_t row() const { return row_; }
  int64_t column() const { return column_; }

  void next() {
    if (++column_ < windows_.horizontal.output) return;
    column_ = 0;
    ys_ = Places<Vec>(windows_.vertical, ++row_, low_, high_);
  }

  Window<Vec> window() const {
    const PoolAxis& horizontal = windows_.horizontal;
    const Places<Vec> xs(horizontal, column_, 0, horizontal.input);
    return {ys_.to - ys_.from,
            xs.to - xs.from,
            (ys_.start * horizontal.input + xs.start) * windows_.channels + ys_.from * rowStep_ +
                xs.from * columnStep_,
            rowStep_,
            columnStep_,
            ys_.from * horizontal.kernel + xs.from,
            horizontal.kernel};
  }

 private:
  const PoolWindows& windows_;
  const int64_t low_, high_;
  int64_t row_, column_ = 0, rowStep_, columnStep_;
  Places<Vec> ys_;
};

/// Output rows [first, end) whose windows may meet input rows [low, high).
template <class Vec>
struct RowsMeeting {
  int64_t first, end;

  RowsMeeting(const PoolAxis& axis, int64_t low, int64_t high) {
    const int64_t least = low + axis.before - (axis.kernel - 1) * axis.dilation;
    first = least <= 0 ? 0 : (least + axis.stride - 1) / axis.stride;
    end = (high - 1 + axis.before) / axis.stride + 1;
    if (end > axis.output) end = axis.output;
  }
};

/// Calls body(image, low, high) for the band of each image that rows [firstRow, firstRow + rows) of all make
/// up.
template <class Vec, class Body>
void forBands(int64_t firstRow, int64_t rows, int64_t height, const Body& body) {
  for (int64_t row = firstRow; row < firstRow + rows;) {
    const int64_t low = row % height, left = firstRow + rows - row;
    const int64_t high = height - low < left ? height : low + left;
    body(row / height, low, high);
    row += high - low;
  }
}

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

template <class Vec, bool partial>
Vec loadLanes(const float* p, int lanes) {
  if constexpr (partial)
    return Vec::loadPartial(p, lanes);
  else
    return Vec::load(p);
}

template <class Vec, bool partial>
void storeLanes(float* p, Vec v, int lanes) {
  if constexpr (partial)
    v.storePartial(p, lanes);
  else
    v.store(p);
}

// What is done with a window: at<square, partial>() treats `lanes` channels from c on. `square` is the
// window's size where it is a usual one, else 0. These are structs of plain values rather than closures: GCC
// inlines them.

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

template <class Vec, int square, class Action>
void forChannels(const Window<Vec>& w, int64_t n, const Action& action) {
  int64_t c = 0;
  for (; c + Vec::size <= n; c += Vec::size) action.template at<square, false>(w, c, Vec::size);
  if (c < n) action.template at<square, true>(w, c, static_cast<int>(n - c));
}

/// Does it for n channels of a window.
template <class Vec, class Action>
void treat(const Window<Vec>& w, int64_t n, const Action& action) {
  if (w.rows == 2 && w.columns == 2)
    forChannels<Vec, 2>(w, n, action);
  else if (w.rows == 3 && w.columns == 3)
    forChannels<Vec, 3>(w, n, action);
  else
    forChannels<Vec, 0>(w, n, action);
}

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

/// How backward passes write: whether no two windows share an input, so that each is written once; and which
/// inputs are in no window, and have to be cleared. With windows that share or leave out, that is all of
/// them.
template <class Vec>
struct Coverage {
  bool once;
  int64_t rows, columns;

  explicit Coverage(const PoolWindows& w) {
    const PoolAxis &v = w.vertical, &h = w.horizontal;
    once = v.stride >= v.kernel && h.stride >= h.kernel && v.dilation == 1 && h.dilation == 1;
    const bool all = once && v.stride == v.kernel && h.stride == h.kernel;
    rows = all ? v.output * v.stride - v.before : 0;
    columns = all ? h.output * h.stride - h.before : 0;
    if (columns > h.input) columns = h.input;
  }

  /// Clears what no window is going to write.
  void clear(const PoolWindows& w, float* image, int64_t low, int64_t high) const {
    for (int64_t row = low; row < high; ++row) {
      const int64_t written = row < rows ? columns : 0;
      ::memset(image + (row * w.horizontal.input + written) * w.channels, 0,
               static_cast<size_t>((w.horizontal.input - written) * w.channels) * sizeof(float));
    }
  }
};

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

template void MaxPool<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPool<int32_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<int32_t>::run<STRIATE_VEC>() const;
template void AvgPool::run<STRIATE_VEC>() const;
template void AvgPoolBackward::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
