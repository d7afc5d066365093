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

/// The part of a window that lies in the image.
template <class Vec>
struct Window {
  int64_t rows, columns;
  /// Of its first place, in the image's elements, and from row to row and column to column.
  int64_t offset, rowStep, columnStep;
  /// The number of its first place in the whole window, which is this wide.
  int64_t place, width;
  /// Where its results begin.
  int64_t result;
  bool strides;  ///< whether the next one lies further than a pixel
};

/// The places [from, to) of a window along one axis that lie in the image, where place 0 lies at `start`.
template <class Vec>
struct Places {
  int64_t start = 0, from = 0, to = 0;

  Places(const PoolAxis& axis, int64_t window) {
    const int64_t step = axis.dilation;
    start = window * axis.stride - axis.before;
    from = start >= 0 ? 0 : (step - 1 - start) / step;
    to = axis.kernel;
    if (start + (axis.kernel - 1) * step >= axis.input)
      to = start < axis.input ? (axis.input - start + step - 1) / step : 0;
  }
};

/// Goes through the windows of an image, row by row; its results begin at 0.
template <class Vec>
class WindowWalk {
 public:
  WindowWalk(const PoolWindows& windows, int64_t firstRow)
      : windows_(windows), row_(firstRow), ys_(windows.vertical, firstRow) {
    const PoolAxis& axis = windows.horizontal;
    columnStep_ = axis.dilation * windows.channels;
    rowStep_ = windows.vertical.dilation * axis.input * windows.channels;
    const int64_t spare = axis.input + axis.before - axis.dilation * (axis.kernel - 1) - 1;
    firstWhole_ = (axis.before + axis.stride - 1) / axis.stride;
    endWhole_ = spare < 0 ? 0 : spare / axis.stride + 1;
    if (endWhole_ > axis.output) endWhole_ = axis.output;
  }

  int64_t row() const { return row_; }
  int64_t column() const { return column_; }

  /// How many windows from here on, in this row, lie in the image as a whole.
  int64_t wholeOnes() const {
    if (ys_.to - ys_.from < windows_.vertical.kernel || column_ < firstWhole_) return 0;
    return endWhole_ > column_ ? endWhole_ - column_ : 0;
  }

  /// To the window that comes after so many, in this row or first in the next.
  void advance(int64_t windows) {
    column_ += windows;
    if (column_ < windows_.horizontal.output) return;
    column_ = 0;
    ys_ = Places<Vec>(windows_.vertical, ++row_);
  }

  Window<Vec> window() const {
    const PoolAxis& horizontal = windows_.horizontal;
    const Places<Vec> xs(horizontal, column_);
    return {ys_.to - ys_.from,
            xs.to - xs.from,
            (ys_.start * horizontal.input + xs.start) * windows_.channels + ys_.from * rowStep_ +
                xs.from * columnStep_,
            rowStep_,
            columnStep_,
            ys_.from * horizontal.kernel + xs.from,
            horizontal.kernel,
            (row_ * horizontal.output + column_) * windows_.channels,
            horizontal.stride > 1};
  }

 private:
  const PoolWindows& windows_;
  int64_t row_, column_ = 0, rowStep_, columnStep_;
  int64_t firstWhole_, endWhole_;  // columns
  Places<Vec> ys_;
};

/// The windows [first, end) along an axis that reach as far as a place of the input, which goes on from one
/// to the next.
template <class Vec>
class Covering {
 public:
  int64_t first, end;

  Covering(const PoolAxis& axis, int64_t place)
      : axis_(axis), reach_((axis.kernel - 1) * axis.dilation), at_(place + axis.before) {
    first = at_ <= reach_ ? 0 : (at_ - reach_ + axis.stride - 1) / axis.stride;
    end = at_ / axis.stride + 1;
    if (end > axis.output) end = axis.output;
  }

  void next() {
    ++at_;
    if (first * axis_.stride + reach_ < at_) ++first;
    if (end < axis_.output && end * axis_.stride <= at_) ++end;
  }

  /// Which place of that window it is; −1 where it lies between two.
  int64_t placeIn(int64_t window) const {
    const int64_t away = at_ - window * axis_.stride;
    if (axis_.dilation == 1) return away;
    return away % axis_.dilation == 0 ? away / axis_.dilation : -1;
  }

 private:
  const PoolAxis& axis_;
  const int64_t reach_;
  int64_t at_;
};

/// Whether windows lie side by side from the first place on: an input is in one of them, or, past the last,
/// in none.
template <class Vec>
bool areTiles(const PoolWindows& windows) {
  const auto along = [](const PoolAxis& axis) {
    return axis.stride == axis.kernel && axis.before == 0 && axis.dilation == 1;
  };
  return along(windows.vertical) && along(windows.horizontal);
}

/// Calls spread(row, column, at, i, dx, columns) for the windows that inputs of rows [firstRow, firstRow +
/// rows) lie in, where they are tiles: their outputs are at `at`, and row i of such a window, of so many
/// columns, is to be written at dx. Clears what lies in none.
template <class Vec, class Spread>
void forTiles(const PoolWindows& windows, int64_t firstRow, int64_t rows, float* dx, const Spread& spread) {
  const PoolAxis &v = windows.vertical, &h = windows.horizontal;
  const int64_t channels = windows.channels, covered = h.output * h.kernel;
  const int64_t columns = covered < h.input ? covered : h.input;
  for (int64_t row = firstRow; row < firstRow + rows; ++row) {
    float* const line = dx + row * h.input * channels;
    const int64_t inImage = row % v.input, y = inImage / v.kernel;
    const int64_t written = y < v.output ? columns : 0;
    int64_t at = (row / v.input * v.output + y) * h.output * channels;
    for (int64_t x = 0, column = 0; column < written; ++x, column += h.kernel, at += channels) {
      const int64_t left = written - column;
      spread(y, x, at, inImage - y * v.kernel, line + column * channels, left < h.kernel ? left : h.kernel);
    }
    ::memset(line + written * channels, 0,
             static_cast<size_t>((h.input - written) * channels) * sizeof(float));
  }
}

/// Some of the windows that one input lies in: where their outputs begin, and a number for each.
template <class Number>
struct WindowList {
  static constexpr int most = 16;
  int count = 0;
  int64_t offsets[most];
  Number numbers[most];
};

/// Columns [from, to) of the input that lie in nothing but whole windows: from one to the one a stride
/// further on, these windows shift by one and nothing else changes.
template <class Vec>
struct SteadyColumns {
  static constexpr int64_t mostPhases = 4;
  int64_t from = 0, to = 0;

  explicit SteadyColumns(const PoolWindows& windows) {
    const PoolAxis &v = windows.vertical, &h = windows.horizontal;
    const int64_t covering = ((v.kernel - 1) / v.stride + 1) * ((h.kernel - 1) / h.stride + 1);
    if (v.dilation > 1 || h.dilation > 1 || h.stride > mostPhases || covering > WindowList<int>::most) return;
    const int64_t firstWhole = (h.before + h.stride - 1) / h.stride;
    int64_t endWhole = (h.input + h.before - h.kernel) / h.stride + 1;
    if (endWhole > h.output) endWhole = h.output;
    from = (firstWhole - 1) * h.stride + h.kernel - h.before;
    if (from < 0) from = 0;
    to = endWhole * h.stride - h.before;
    if (to > h.input) to = h.input;
  }
};

/// Goes through the inputs of rows [firstRow, firstRow + rows): calls gather(list, shift, in, more) with the
/// windows that the input at `in` lies in, whose outputs begin at the list's offsets + shift, in lists of at
/// most 16; `more` tells that others came before. A window's number is numberOf(row, column, i, j), where the
/// input is place (i, j) of it.
template <class Vec, class Number, class NumberOf, class Gather>
void forCovered(const PoolWindows& windows, int64_t firstRow, int64_t rows, const NumberOf& numberOf,
                const Gather& gather) {
  const int64_t height = windows.vertical.input, width = windows.horizontal.input,
                channels = windows.channels, outputWidth = windows.horizontal.output;
  const int64_t outputs = windows.vertical.output * outputWidth * channels;
  const int64_t stride = windows.horizontal.stride;
  const SteadyColumns<Vec> steady(windows);
  WindowList<Number> lists[SteadyColumns<Vec>::mostPhases + 1];
  for (int64_t row = firstRow; row < firstRow + rows; ++row) {
    const Covering<Vec> ys(windows.vertical, row % height);
    Covering<Vec> xs(windows.horizontal, 0);
    const int64_t image = row / height * outputs;
    int64_t phase = 0, shift = 0;
    for (int64_t column = 0; column < width; ++column, xs.next()) {
      const int64_t in = (row * width + column) * channels;
      const bool isSteady = column >= steady.from && column < steady.to;
      WindowList<Number>& list = lists[isSteady ? phase : SteadyColumns<Vec>::mostPhases];
      bool more = false;
      if (!isSteady || column < steady.from + stride) {
        list.count = 0;
        for (int64_t y = ys.first; y < ys.end; ++y) {
          const int64_t i = ys.placeIn(y);
          if (i < 0) continue;
          for (int64_t x = xs.first; x < xs.end; ++x) {
            const int64_t j = xs.placeIn(x);
            if (j < 0) continue;
            if (list.count == WindowList<Number>::most) {
              gather(list, 0, in, more);
              list.count = 0;
              more = true;
            }
            list.offsets[list.count] = image + (y * outputWidth + x) * channels;
            list.numbers[list.count++] = numberOf(y, x, i, j);
          }
        }
      }
      gather(list, isSteady ? shift : 0, in, more);
      if (isSteady && ++phase == stride) {
        phase = 0;
        shift += channels;
      }
    }
  }
}

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

/// A whole vector past the caches, where asked for.
template <class Vec, bool partial>
void storeLanes(float* p, Vec v, int lanes, bool stream) {
  if (!partial && stream)
    v.stream(p);
  else
    storeLanes<Vec, partial>(p, v, lanes);
}

// Channels that are no whole vectors end in part of one. Where those of the next window come after them, they
// *spill*: a whole vector is read and written, and what was too much is written again.

// What is done with a window: at<square, partial>() treats `lanes` channels from c on. `square` is the
// window's size where it is a usual one, else 0. These are structs of plain values rather than closures: GCC
// inlines them.

/// Does it for `count` windows that lie `step` elements apart.
template <class Vec, int square, class Action>
void forWindows(Window<Vec> w, int64_t count, int64_t step, int64_t channels, bool spills,
                const Action& action) {
  const int64_t wholeTo = spills ? channels : channels - (Vec::size - 1);
  for (int64_t i = 0; i < count; ++i, w.offset += step, w.result += channels) {
    int64_t c = 0;
    for (; c < wholeTo; c += Vec::size) action.template at<square, false>(w, c, Vec::size);
    if (c < channels) action.template at<square, true>(w, c, static_cast<int>(channels - c));
  }
}

/// Does it for windows that are alike.
template <class Vec, class Action>
void treat(const Window<Vec>& w, int64_t count, int64_t step, int64_t channels, bool spills,
           const Action& action) {
  if (w.rows == 2 && w.columns == 2)
    forWindows<Vec, 2>(w, count, step, channels, spills, action);
  else if (w.rows == 3 && w.columns == 3)
    forWindows<Vec, 3>(w, count, step, channels, spills, action);
  else
    forWindows<Vec, 0>(w, count, step, channels, spills, action);
}

/// How many of `count` windows, `step` elements apart, may spill, where the image has so many elements.
template <class Vec>
int64_t spilling(const Window<Vec>& w, int64_t count, int64_t step, int64_t channels, int64_t imageSize,
                 int64_t resultsEnd) {
  const int64_t end = channels + Vec::size;
  const int64_t last = w.offset + (w.rows - 1) * w.rowStep + (w.columns - 1) * w.columnStep + end;
  if (last > imageSize || w.result + end > resultsEnd) return 0;
  const int64_t byInput = (imageSize - last) / step + 1,
                byResult = (resultsEnd - w.result - end) / channels + 1;
  const int64_t most = byInput < byResult ? byInput : byResult;
  return count < most ? count : most;
}

/// Does it for the windows of rows [low, high) of an image: whole ones in one go as far as they lie side by
/// side.
template <class Vec, class ActionFor>
void treatRows(const PoolWindows& windows, int64_t low, int64_t high, const ActionFor& actionFor) {
  const PoolAxis& axis = windows.horizontal;
  // Where the stride is longer than the image, there are no two whole ones.
  const int64_t channels = windows.channels,
                step = (axis.stride < axis.input ? axis.stride : axis.input) * channels;
  const int64_t imageSize = windows.vertical.input * axis.input * channels;
  const int64_t resultsEnd = high * windows.horizontal.output * channels;
  for (WindowWalk<Vec> walk(windows, low); walk.row() < high;) {
    const Window<Vec> w = walk.window();
    int64_t count = walk.wholeOnes();
    if (count == 0) count = 1;
    bool spills = false;
    if (channels % Vec::size != 0) {
      const int64_t most = spilling(w, count, step, channels, imageSize, resultsEnd);
      spills = most > 0;
      if (spills) count = most;
    }
    treat<Vec>(w, count, step, channels, spills, actionFor(walk.row(), walk.column()));
    walk.advance(count);
  }
}

/// The gradient of n channels of an input, which `terms` gives: at<count, partial>(list, c, lanes) is the sum
/// over the windows of a list, as many as `count` where that is not 0, of what is c past their offsets.
template <class Vec, int count, class List, class Terms>
void gatherChannels(const List& list, int64_t shift, int64_t n, float* dx, bool more, bool stream,
                    const Terms& terms) {
  int64_t c = 0;
  for (; c + Vec::size <= n; c += Vec::size) {
    Vec sum = terms.template at<count, false>(list, shift + c, Vec::size);
    if (more) sum = sum + Vec::load(dx + c);
    storeLanes<Vec, false>(dx + c, sum, Vec::size, stream);
  }
  if (const int rest = static_cast<int>(n - c); rest > 0) {
    Vec sum = terms.template at<count, true>(list, shift + c, rest);
    if (more) sum = sum + Vec::loadPartial(dx + c, rest);
    sum.storePartial(dx + c, rest);
  }
}

template <class Vec, class List, class Terms>
void gatherList(const List& list, int64_t shift, int64_t n, float* dx, bool more, bool stream,
                const Terms& terms) {
  switch (list.count) {
    case 1:
      return gatherChannels<Vec, 1>(list, shift, n, dx, more, stream, terms);
    case 2:
      return gatherChannels<Vec, 2>(list, shift, n, dx, more, stream, terms);
    case 4:
      return gatherChannels<Vec, 4>(list, shift, n, dx, more, stream, terms);
    case 9:
      return gatherChannels<Vec, 9>(list, shift, n, dx, more, stream, terms);
    default:
      return gatherChannels<Vec, 0>(list, shift, n, dx, more, stream, terms);
  }
}

}  // namespace striate
#endif
