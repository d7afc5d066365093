// Convolution to few outputs, and the maximum of each window of 2 × 2 of them, in one pass: what lies between
// the two is several times as large as what goes in and comes out. Lanes run on over neighbouring windows, so
// that their four places are in four vectors.
#pragma once

#include "kernels/conv_narrow.h"

namespace striate {

/// The kernel's rows are summed up at once.
constexpr int64_t mostNarrowPoolRows = 5;

/// y = the largest of each window of image ⋆ weights + bias, then ReLU, for rows of windows [rowFrom, rowTo).
struct NarrowPool {
  static constexpr int64_t bandRows = 14;

  NarrowShape shape;  ///< its points are windows
  const float* image;
  int64_t rowFrom, rowTo;
  const float* weights;
  const float* bias;  ///< [phase][lane]
  bool relu;
  float* y;         ///< of row rowFrom
  uint8_t* places;  ///< likewise: which of the window was the largest, as by MaxPool; or null
  float* scratch;   ///< scratchFloats(2·(rowTo − rowFrom))
  float* windows;   ///< two rows of rowFloats for each row of windows
  template <class Vec>
  void run() const;
};

/// sums (+)= what these windows give to the gradient by the weights, each lane on its own.
struct NarrowPoolWeights {
  static constexpr int64_t bandRows = 14;

  NarrowShape shape;  ///< its points are windows
  const float* image;
  int64_t rowFrom, rowTo;
  const float* gradient;  ///< of row rowFrom
  const uint8_t* places;  ///< likewise
  const uint8_t* end;     ///< of the memory of places
  float* sums;
  bool accumulate;
  float* scratch;  ///< scratchFloats(2·(rowTo − rowFrom))
  float* windows;  ///< three rows of rowFloats for each row of windows
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/max_pool.h"

namespace striate {

/// The image's rows for rows of windows from `first` on.
template <class Vec>
void spreadWindows(const NarrowShape& s, const float* image, int64_t first, int64_t rows, float* spread) {
  spreadRows<Vec>(s, image, 2 * first - s.top, 2 * rows + s.kernelHeight - 1, spread);
}

/// The largest of a window's four, and which it is.
template <class Vec>
__attribute__((always_inline)) inline void largestOf(const Vec (&values)[4], Vec& best, Vec& place) {
  best = values[0], place = Vec::broadcast(0.0f);
  Vec total = values[0];
#pragma GCC unroll 4
  for (int i = 1; i < 4; ++i) {
    place = select(best < values[i], Vec::broadcast(static_cast<float>(i)), place);
    best = max(values[i], best);
    total = total + values[i];
  }
  if (Vec::all(total == total)) return;
  // One may be no number, which is larger than all numbers; the last of those counts.
  best = Vec::broadcast(-INFINITY), place = Vec::broadcast(0.0f);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const auto larger = best < values[i], valid = values[i] == values[i];
    const Vec here = Vec::broadcast(static_cast<float>(i));
    best = select(valid, select(larger, values[i], best), values[i]);
    place = select(valid, select(larger, here, place), here);
  }
}

/// A vector of each of some rows of windows. A vector of the image serves all of the kernel's rows, and of
/// its columns the one for even places and the one before it for odd ones.
template <class Vec, int windows, int kernelRows>
void narrowPoolTile(const NarrowPool& p, int64_t row, int64_t vector) {
  const NarrowShape& s = p.shape;
  const int64_t phase = vector % s.phases, rowStep = 2 * s.channels * s.rowFloats, lastColumn = s.kernelWidth;
  const float* weights = p.weights + phase * s.tapVectors() * Vec::size;
  const float* from = p.scratch + 2 * row * rowStep + vector * Vec::size;
  constexpr int rows = 2 * windows, weightStep = kernelRows * Vec::size;
  Vec even[rows], odd[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) even[r] = odd[r] = Vec::load(p.bias + phase * Vec::size);
  const auto add = [&](int64_t column, auto toEven, auto toOdd) __attribute__((always_inline)) {
    Vec here[kernelRows], before[kernelRows];
#pragma GCC unroll 8
    for (int k = 0; k < kernelRows; ++k) {
      const float* weight = weights + column * weightStep + k * Vec::size;
      if constexpr (toEven.value) here[k] = Vec::load(weight);
      if constexpr (toOdd.value) before[k] = Vec::load(weight - weightStep);
    }
    const float* at = from + column % 2 * s.rowFloats + column / 2 * s.outputs;
#pragma GCC unroll 32
    for (int y = 0; y < rows + kernelRows - 1; ++y, at += rowStep) {
      const Vec value = Vec::load(at);
#pragma GCC unroll 8
      for (int k = 0; k < kernelRows; ++k)
        if (y >= k && y - k < rows) {
          if constexpr (toEven.value) even[y - k] = fma(value, here[k], even[y - k]);
          if constexpr (toOdd.value) odd[y - k] = fma(value, before[k], odd[y - k]);
        }
    }
  };
  for (int64_t c = 0; c < s.channels; ++c, from += 2 * s.rowFloats, weights += s.kernelWidth * weightStep) {
    add(0, Truth<true>{}, Truth<false>{});
    for (int64_t column = 1; column < lastColumn; ++column) add(column, Truth<true>{}, Truth<true>{});
    add(lastColumn, Truth<false>{}, Truth<true>{});
  }
  const int64_t all = p.rowTo - p.rowFrom;
  float* to = p.windows + row * s.rowFloats + vector * Vec::size;
#pragma GCC unroll 8
  for (int w = 0; w < windows; ++w, to += s.rowFloats) {
    Vec best, place;
    largestOf<Vec>({even[2 * w], odd[2 * w], even[2 * w + 1], odd[2 * w + 1]}, best, place);
    best.store(to);
    place.store(to + all * s.rowFloats);
  }
}

/// Stores what the tiles have found: apart from them, since whatever is called would move their sums out of
/// registers.
template <class Vec>
void storeLargest(const NarrowPool& p) {
  const NarrowShape& s = p.shape;
  const int64_t rows = p.rowTo - p.rowFrom, outRow = s.points * s.outputs;
  const float* best = p.windows;
  const float* places = best + rows * s.rowFloats;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < outRow; i += Vec::size) {
      const int64_t from = row * s.rowFloats + i, to = row * outRow + i, left = outRow - i;
      const int lanes = static_cast<int>(left < Vec::size ? left : Vec::size);
      const Vec y = p.relu ? max(Vec::broadcast(0.0f), Vec::load(best + from)) : Vec::load(best + from);
      if (lanes == Vec::size) {
        y.store(p.y + to);
        if (p.places) storePlaces<Vec, false>(p.places + to, Vec::load(places + from), lanes);
      } else {
        y.storePartial(p.y + to, lanes);
        if (p.places) storePlaces<Vec, true>(p.places + to, Vec::load(places + from), lanes);
      }
    }
}

template <class Vec, int windows, int kernelRows>
void narrowPoolTileOf(const NarrowPool& p, int64_t count, int64_t row, int64_t vector) {
  if constexpr (windows > 1) {
    if (count < windows) return narrowPoolTileOf<Vec, windows - 1, kernelRows>(p, count, row, vector);
  }
  if constexpr (kernelRows > 1) {
    if (p.shape.kernelHeight < kernelRows)
      return narrowPoolTileOf<Vec, windows, kernelRows - 1>(p, count, row, vector);
  }
  narrowPoolTile<Vec, windows, kernelRows>(p, row, vector);
}

template <class Vec>
void NarrowPool::run() const {
  constexpr int most = manyRegisters<Vec> ? 4 : 2;
  const int64_t rows = rowTo - rowFrom, tiles = (rows + most - 1) / most;
  spreadWindows<Vec>(shape, image, rowFrom, rows, scratch);
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t count = (rows - row + tiles - i - 1) / (tiles - i);
    for (int64_t vector = 0; vector < shape.vectors; ++vector)
      narrowPoolTileOf<Vec, most, static_cast<int>(mostNarrowPoolRows)>(*this, count, row, vector);
    row += count;
  }
  storeLargest<Vec>(*this);
}

/// Which places of its window a gradient goes to: what goes to the upper ones, to the lower ones, and whether
/// it is an odd one, for each window of the rows; apart from the sums, as above.
template <class Vec>
void partGradients(const NarrowPoolWeights& p) {
  const NarrowShape& s = p.shape;
  const int64_t rows = p.rowTo - p.rowFrom, outRow = s.points * s.outputs, step = rows * s.rowFloats;
  float* to = p.windows;
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f);
  for (int64_t row = 0; row < rows; ++row, to += s.rowFloats)
    for (int64_t i = 0; i < outRow; i += Vec::size) {
      const int64_t at = row * outRow + i, left = outRow - i;
      const int lanes = static_cast<int>(left < Vec::size ? left : Vec::size);
      const Vec gradient =
          lanes == Vec::size ? Vec::load(p.gradient + at) : Vec::loadPartial(p.gradient + at, lanes);
      const auto goesTo = [&](int32_t place) { return chosen<Vec>(p.places + at, place, lanes, p.end); };
      const auto upperOdd = goesTo(1), lowerOdd = goesTo(3);
      select(goesTo(0), gradient, select(upperOdd, gradient, zero)).store(to + i);
      select(goesTo(2), gradient, select(lowerOdd, gradient, zero)).store(to + step + i);
      select(upperOdd, one, select(lowerOdd, one, zero)).store(to + 2 * step + i);
    }
}

/// All of the kernel's rows and some of its columns, for all vectors of a phase.
template <class Vec, int kernelRows, int kernelColumns>
void narrowPoolWeights(const NarrowPoolWeights& p, int64_t phase, int64_t channel, int64_t kernelColumn) {
  const NarrowShape& s = p.shape;
  const int64_t rowStep = 2 * s.channels * s.rowFloats;
  float* const sums =
      p.sums + (phase * s.tapVectors() + (channel * s.kernelWidth + kernelColumn) * kernelRows) * Vec::size;
  const Vec zero = Vec::broadcast(0.0f);
  Vec sum[kernelRows][kernelColumns];
#pragma GCC unroll 8
  for (int k = 0; k < kernelRows; ++k)
#pragma GCC unroll 8
    for (int t = 0; t < kernelColumns; ++t)
      sum[k][t] = p.accumulate ? Vec::load(sums + (t * kernelRows + k) * Vec::size) : zero;
  int64_t columns[kernelColumns + 1];
#pragma GCC unroll 8
  for (int t = 0; t <= kernelColumns; ++t)
    columns[t] = (kernelColumn + t) % 2 * s.rowFloats + (kernelColumn + t) / 2 * s.outputs;
  const int64_t windowStep = (p.rowTo - p.rowFrom) * s.rowFloats;
  for (int64_t vector = phase; vector < s.vectors; vector += s.phases) {
    const float* values = p.scratch + 2 * channel * s.rowFloats + vector * Vec::size;
    const float* windows = p.windows + vector * Vec::size;
    for (int64_t row = p.rowFrom; row < p.rowTo; ++row, windows += s.rowFloats) {
      const Vec upper = Vec::load(windows), lower = Vec::load(windows + windowStep);
      const auto odd = zero < Vec::load(windows + 2 * windowStep);
#pragma GCC unroll 8
      for (int y = 0; y <= kernelRows; ++y, values += rowStep)
#pragma GCC unroll 8
        for (int t = 0; t < kernelColumns; ++t) {
          const Vec value = select(odd, Vec::load(values + columns[t + 1]), Vec::load(values + columns[t]));
          if (y < kernelRows) sum[y][t] = fma(value, upper, sum[y][t]);
          if (y > 0) sum[y - 1][t] = fma(value, lower, sum[y - 1][t]);
        }
      values -= (kernelRows - 1) * rowStep;
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < kernelRows; ++k)
#pragma GCC unroll 8
    for (int t = 0; t < kernelColumns; ++t) sum[k][t].store(sums + (t * kernelRows + k) * Vec::size);
}

template <class Vec, int kernelRows, int kernelColumns>
void narrowPoolWeightsOf(const NarrowPoolWeights& p, int64_t columnCount, int64_t phase, int64_t channel,
                         int64_t kernelColumn) {
  if constexpr (kernelRows > 1) {
    if (p.shape.kernelHeight < kernelRows)
      return narrowPoolWeightsOf<Vec, kernelRows - 1, kernelColumns>(p, columnCount, phase, channel,
                                                                     kernelColumn);
  }
  if constexpr (kernelColumns > 1) {
    if (columnCount < kernelColumns)
      return narrowPoolWeightsOf<Vec, kernelRows, kernelColumns - 1>(p, columnCount, phase, channel,
                                                                     kernelColumn);
  }
  narrowPoolWeights<Vec, kernelRows, kernelColumns>(p, phase, channel, kernelColumn);
}

template <class Vec>
void NarrowPoolWeights::run() const {
  constexpr int most = manyRegisters<Vec> ? 5 : 2;
  const NarrowShape& s = shape;
  spreadWindows<Vec>(shape, image, rowFrom, rowTo - rowFrom, scratch);
  partGradients<Vec>(*this);
  const int64_t parts = (s.kernelWidth + most - 1) / most;
  for (int64_t phase = 0; phase < s.phases; ++phase)
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t i = 0, column = 0; i < parts; ++i) {
        const int64_t count = (s.kernelWidth - column + parts - i - 1) / (parts - i);
        narrowPoolWeightsOf<Vec, static_cast<int>(mostNarrowPoolRows), most>(*this, count, phase, c, column);
        column += count;
      }
}

template void NarrowPool::run<STRIATE_VEC>() const;
template void NarrowPoolWeights::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
