// Windows over channels-last images, and how pooling walks through them. Rows are counted through all images
// of the batch.
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

}  // namespace striate

#ifdef STRIATE_VEC
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

}  // namespace striate
#endif
