// Maximum pooling and its gradient.
#pragma once

#include "kernels/max_pool_pairs.h"

namespace striate {

/// The largest value of each window, for output rows [firstRow, firstRow + rows), and its place in the
/// window, counted row by row, where `indices` is not null. The first of equal ones counts, the last of those
/// that are no numbers. Index is uint8_t or int32_t.
template <class Index>
struct MaxPool {
  PoolWindows windows;
  const float* x;
  float* y;
  Index* indices;
  int64_t firstRow, rows;
  bool stream;
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
  bool stream;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>
#include <string.h>

#include "kernels/stream.h"

namespace striate {

/// Places of windows, which the arithmetic has as floats, as indices.
template <class Vec, bool partial>
void storePlaces(uint8_t* p, Vec places, int lanes) {
  if constexpr (partial) {
    uint8_t bytes[Vec::size];
    places.storeBytes(bytes);
    for (int lane = 0; lane < lanes; ++lane) p[lane] = bytes[lane];
  } else {
    places.storeBytes(p);
  }
}

template <class Vec, bool partial>
void storePlaces(int32_t* p, Vec places, int lanes) {
  float numbers[Vec::size];
  places.store(numbers);
  for (int lane = 0; lane < lanes; ++lane) p[lane] = static_cast<int32_t>(numbers[lane]);
}

/// Which of the indices from p on, in memory that ends at `end`, are `place`.
template <class Vec>
typename Vec::Mask chosen(const uint8_t* p, int32_t place, int lanes, const uint8_t* end) {
  const uint8_t value = static_cast<uint8_t>(place);
  if (p + Vec::size <= end) return Vec::bytesEqual(p, value);
  uint8_t bytes[Vec::size] = {};
  for (int lane = 0; lane < lanes; ++lane) bytes[lane] = p[lane];
  return Vec::bytesEqual(bytes, value);
}

template <class Vec>
typename Vec::Mask chosen(const int32_t* p, int32_t place, int lanes, const int32_t*) {
  float numbers[Vec::size] = {};
  for (int lane = 0; lane < lanes; ++lane) numbers[lane] = static_cast<float>(p[lane]);
  return Vec::load(numbers) == Vec::broadcast(static_cast<float>(place));
}

template <bool is>
struct Truth {
  static constexpr bool value = is;
};

template <class Vec, class Index, bool wantsPlaces>
struct TakeLargest {
  const float* x;
  float* y;
  Index* indices;
  bool stream;

  template <int square, bool partial>
  void at(const Window<Vec>& w, int64_t c, int lanes) const {
    Largest<Vec> most{};
    const bool whole = square && w.width == square && w.place == 0;
    if (!whole || !among<square, partial>(w, c, lanes, most)) amongAny<partial>(w, c, lanes, most);
    storeLanes<Vec, partial>(y + (w.result + c), most.value, lanes, stream);
    if constexpr (wantsPlaces) storePlaces<Vec, partial>(indices + (w.result + c), most.place, lanes);
  }

  /// The largest of the places of a whole square window; false where one of them may be no number.
  template <int square, bool partial>
  bool among(const Window<Vec>& w, int64_t c, int lanes, Largest<Vec>& most) const {
    const float* row = x + (w.offset + c);
    most = {loadLanes<Vec, partial>(row, lanes), Vec::broadcast(0.0f)};
    const float* const last = row + (square - 1) * (w.rowStep + w.columnStep);
    fetchAhead(last);
    if (w.strides)
      fetchAhead(last - w.columnStep), fetchAhead(last - w.rowStep),
          fetchAhead(last - w.rowStep - w.columnStep);
    // No number, if one is; also with infinities of both signs.
    Vec sum = most.value;
#pragma GCC unroll 4
    for (int i = 0; i < square; ++i) {
#pragma GCC unroll 4
      for (int j = i == 0 ? 1 : 0; j < square; ++j) {
        const Vec v = loadLanes<Vec, partial>(row + i * w.rowStep + j * w.columnStep, lanes);
        most.template meet<wantsPlaces>(v, Vec::broadcast(static_cast<float>(i * square + j)));
        sum = sum + v;
      }
    }
    return Vec::all(sum == sum);
  }

  template <bool partial>
  void amongAny(const Window<Vec>& w, int64_t c, int lanes, Largest<Vec>& most) const {
    const Vec one = Vec::broadcast(1.0f), width = Vec::broadcast(static_cast<float>(w.width));
    Vec first = Vec::broadcast(static_cast<float>(w.place));
    most = {Vec::broadcast(-INFINITY), first};
    const float* row = x + (w.offset + c);
    for (int64_t i = 0; i < w.rows; ++i, row += w.rowStep, first = first + width) {
      Vec here = first;
      const float* p = row;
      for (int64_t j = 0; j < w.columns; ++j, p += w.columnStep, here = here + one)
        most.meetAny(loadLanes<Vec, partial>(p, lanes), here);
    }
  }
};

template <class Vec, class Index>
struct FromWindowsThatChose {
  const float* dy;
  const Index *indices, *end;

  /// To row i of a window whose outputs are at `at`.
  template <bool partial>
  void spread(int64_t at, int32_t place, int64_t columns, float* dx, int64_t channels, int lanes,
              bool stream) const {
    const Vec zero = Vec::broadcast(0.0f), gradient = loadLanes<Vec, partial>(dy + at, lanes);
    for (int64_t j = 0; j < columns; ++j) {
      const auto mask = chosen<Vec>(indices + at, place + static_cast<int32_t>(j), lanes,
                                    partial ? end : indices + at + Vec::size);
      storeLanes<Vec, partial>(dx + j * channels, select(mask, gradient, zero), lanes, stream);
    }
  }

  template <int count, bool partial>
  Vec at(const WindowList<int32_t>& list, int64_t c, int lanes) const {
    const Vec zero = Vec::broadcast(0.0f);
    Vec sum = zero;
    const int n = count ? count : list.count;
    if (n > 0) {
      const int64_t last = list.offsets[n - 1] + c;
      fetchAhead(dy + last), fetchAhead(indices + last);
    }
#pragma GCC unroll 9
    for (int k = 0; k < n; ++k) {
      const int64_t at = list.offsets[k] + c;
      const auto mask =
          chosen<Vec>(indices + at, list.numbers[k], lanes, partial ? end : indices + at + Vec::size);
      sum = sum + select(mask, loadLanes<Vec, partial>(dy + at, lanes), zero);
    }
    return sum;
  }
};

/// Takes rows of few channels in several windows at once, but for some at the end, where that would reach too
/// far; how many.
template <class Vec>
int64_t takePairs(const MaxPool<uint8_t>& pool) {
  const PoolWindows& windows = pool.windows;
  if constexpr (Vec::size == 1) return 0;
  if (!LargestOfPairs<Vec>::suits(windows)) return 0;
  const int64_t n = windows.horizontal.output * windows.channels,
                inputRow = windows.horizontal.input * windows.channels;
  const int64_t end = pool.firstRow + pool.rows - (Vec::size + n - 1) / n;
  const LargestOfPairs<Vec> pairs(windows.channels);
  int64_t row = pool.firstRow;
  for (; row < end; ++row) {
    const float* above = pool.x + firstOfPair<Vec>(windows, row);
    if (pool.indices)
      pairs.template row<true>(above, above + inputRow, n, pool.y + row * n, pool.indices + row * n);
    else
      pairs.template row<false>(above, above + inputRow, n, pool.y + row * n, nullptr);
  }
  return row - pool.firstRow;
}

template <class Vec>
int64_t takePairs(const MaxPool<int32_t>&) {
  return 0;
}

/// The same for the gradient.
template <class Vec>
int64_t spreadPairs(const MaxPoolBackward<uint8_t>& pool) {
  if constexpr (Vec::size == 1) return 0;
  const PoolWindows& windows = pool.windows;
  const GradientOfPairs<Vec> pairs(windows);
  if (!pairs.suits()) return 0;
  const PoolAxis& axis = windows.vertical;
  const int64_t n = windows.horizontal.output * windows.channels,
                inputRow = windows.horizontal.input * windows.channels;
  const int64_t end = pool.firstRow + pool.rows;
  const float* const results = pool.dx + end * inputRow;
  const int64_t outputRows = ((end - 1) / axis.input + 1) * axis.output;
  int64_t row = pool.firstRow;
  for (; row < end; ++row) {
    const int64_t y = row % axis.input / 2, from = row / axis.input * axis.output + y;
    float* const dx = pool.dx + row * inputRow;
    const int64_t written = y < axis.output ? 2 * n : 0;
    if (written > 0) {
      if ((outputRows - from - 1) * n < Vec::size) break;
      pairs.row(pool.dy + from * n, pool.indices + from * n, row % axis.input % 2 != 0, written, dx, results);
    }
    ::memset(dx + written, 0, static_cast<size_t>(inputRow - written) * sizeof(float));
  }
  return row - pool.firstRow;
}

template <class Vec>
int64_t spreadPairs(const MaxPoolBackward<int32_t>&) {
  return 0;
}

template <class Index>
template <class Vec>
void MaxPool<Index>::run() const {
  const int64_t height = windows.vertical.output, width = windows.horizontal.output,
                channels = windows.channels;
  const int64_t imageSize = windows.vertical.input * windows.horizontal.input * channels;
  const bool past = stream && channels % Vec::size == 0 && aligned<Vec>(y);
  const int64_t taken = takePairs<Vec>(*this);
  const auto take = [&](auto wantsPlaces) {
    forBands<Vec>(firstRow + taken, rows - taken, height, [&](int64_t image, int64_t low, int64_t high) {
      const int64_t out = image * height * width * channels;
      const TakeLargest<Vec, Index, wantsPlaces.value> action{
          x + image * imageSize, y + out, wantsPlaces.value ? indices + out : nullptr, past};
      treatRows<Vec>(windows, low, high, [&](int64_t, int64_t) { return action; });
    });
  };
  if (indices)
    take(Truth<true>{});
  else
    take(Truth<false>{});
  if (past) Vec::fence();
}

template <class Index>
template <class Vec>
void MaxPoolBackward<Index>::run() const {
  const int64_t channels = windows.channels, kernelWidth = windows.horizontal.kernel;
  const int64_t outputs = windows.vertical.output * windows.horizontal.output * channels;
  const int64_t images = (firstRow + rows - 1) / windows.vertical.input + 1;
  const bool past = stream && channels % Vec::size == 0 && aligned<Vec>(dx);
  const FromWindowsThatChose<Vec, Index> terms{dy, indices, indices + images * outputs};
  float* const gradient = dx;
  const auto tile = [&](int64_t, int64_t, int64_t at, int64_t i, float* to, int64_t columns) {
    const int32_t place = static_cast<int32_t>(i * kernelWidth);
    int64_t c = 0;
    for (; c + Vec::size <= channels; c += Vec::size)
      terms.template spread<false>(at + c, place, columns, to + c, channels, Vec::size, past);
    if (const int rest = static_cast<int>(channels - c); rest > 0)
      terms.template spread<true>(at + c, place, columns, to + c, channels, rest, past);
  };
  if (areTiles<Vec>(windows)) {
    const int64_t done = spreadPairs<Vec>(*this);
    forTiles<Vec>(windows, firstRow + done, rows - done, gradient, tile);
  } else {
    forCovered<Vec, int32_t>(
        windows, firstRow, rows,
        [&](int64_t, int64_t, int64_t i, int64_t j) { return static_cast<int32_t>(i * kernelWidth + j); },
        [&](const WindowList<int32_t>& list, int64_t shift, int64_t in, bool more) {
          gatherList<Vec>(list, shift, channels, gradient + in, more, past, terms);
        });
  }
  if (past) Vec::fence();
}

template void MaxPool<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPool<int32_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<uint8_t>::run<STRIATE_VEC>() const;
template void MaxPoolBackward<int32_t>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
