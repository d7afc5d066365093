// The gradient of a convolution by its weights where there are channels enough to fill vectors: a product of
// pixels and gradients, with the points of the output as its depth. Some points at a time are copied to where
// they lie side by side in the L1 cache, whatever the strides, and with zeros beyond the image.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// A tap: the place of its pixel relative to a point's times the stride.
struct ConvTap {
  int64_t row, column;
};

/// dw(r, k) (+)= Σ_points image(point + tap(r), channel(r))·gradient(point, k) for one image and rows r =
/// (tap, channel) in [rowFrom, rowTo) of one group.
struct ConvWeightProduct {
  static constexpr int64_t pointsAtOnce = 64, rowsAtOnce = 96;
  /// From one point's values to the next: multiples of a power of 2 would fall on the same places of the
  /// cache.
  static constexpr int64_t valueStep = rowsAtOnce + 16;

  const float* image;
  int64_t height, width, channels, pixelStep;  ///< channels of the group, floats from one pixel to the next
  const ConvTap* taps;
  int64_t rowFrom, rowTo;
  int64_t latticeRows, latticeColumns, strideHeight, strideWidth;
  const float* gradient;
  int64_t gradientStep, outputs;
  float* dw;
  int64_t dwStep;
  bool accumulate;
  float* scratch;  ///< pointsAtOnce·(valueStep + outputs rounded up to panelColumns)
  template <class Vec>
  void run() const;

 private:
  template <class Vec>
  const float* firstValue(int64_t point, int64_t row) const;
  template <class Vec>
  void gather(int64_t from, int64_t count, int64_t row, int64_t rows, float* values) const;
  template <class Vec>
  void gatherTap(const ConvTap& tap, int64_t channel, int64_t n, int64_t from, int64_t count,
                 float* values) const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"
#include "kernels/matmul_tile.h"

namespace striate {

template <class Vec>
void ConvWeightProduct::run() const {
  float *values = scratch, *panels = values + pointsAtOnce * valueStep;
  const float* aRows[rowsAtOnce];
  float* cRows[rowsAtOnce];
  for (int64_t r = 0; r < rowsAtOnce; ++r) aRows[r] = values + r;
  const float* next[pointsAtOnce];
  const int64_t zero = 0, points = latticeRows * latticeColumns;
  TileProduct tiles{};
  tiles.segments = &zero;
  tiles.segmentCount = 1;
  tiles.aStep = valueStep;
  tiles.next = next;
  for (int64_t from = 0; from < points; from += pointsAtOnce) {
    const int64_t count = points - from < pointsAtOnce ? points - from : pointsAtOnce;
    const float* here = gradient + from * gradientStep;
    tiles.length = tiles.panelDepth = count;
    tiles.accumulate = accumulate || from > 0;
    PackPanels{here, &zero, count, count, gradientStep, outputs, 1, panels}.run<Vec>();
    for (int64_t row = rowFrom; row < rowTo; row += rowsAtOnce) {
      const int64_t rows = rowTo - row < rowsAtOnce ? rowTo - row : rowsAtOnce;
      gather<Vec>(from, count, row, rows, values);
      // What comes next, in cache lines of each point: values by the first tiles, gradients by the others.
      const bool lastRows = row + rowsAtOnce >= rowTo;
      const int64_t nextRow = lastRows ? rowFrom : row + rowsAtOnce;
      const float* nextValues = firstValue<Vec>(lastRows ? from + count : from, nextRow);
      const auto product = [&](int64_t first, int64_t end) {
        tiles.aRows = aRows + first, tiles.cRows = cRows + first;
        tiles.rows = end - first;
        tiles.run<Vec>();
      };
      for (int64_t column = 0; column < outputs; column += panelColumns) {
        const int64_t left = outputs - column;
        tiles.columns = left < panelColumns ? left : panelColumns;
        tiles.b = panels + column * count;
        for (int64_t r = 0; r < rows; ++r) cRows[r] = dw + (row + r) * dwStep + column;
        const int64_t forValues = column > 0 ? 0 : rows / 12 * 6;
        for (int64_t i = 0; i < count; ++i) next[i] = nextValues + i * strideWidth * pixelStep;
        tiles.nextRuns = count, tiles.nextLength = rowsAtOnce;
        product(0, forValues);
        for (int64_t i = 0; i < count; ++i) next[i] = here + (count + i) * gradientStep + column;
        tiles.nextRuns = row == rowFrom ? count : 0, tiles.nextLength = panelColumns;
        product(forValues, rows);
      }
    }
  }
}

/// Where the values of a point begin for a row of the product, were there no end to the image.
template <class Vec>
const float* ConvWeightProduct::firstValue(int64_t point, int64_t row) const {
  const ConvTap& tap = taps[row / channels];
  const int64_t y = point / latticeColumns * strideHeight + tap.row;
  const int64_t x = point % latticeColumns * strideWidth + tap.column;
  return image + (y * width + x) * pixelStep + row % channels;
}

/// values[point][r] = what row `row` + r of the product takes from each of the points.
template <class Vec>
void ConvWeightProduct::gather(int64_t from, int64_t count, int64_t row, int64_t rows, float* values) const {
  while (rows > 0) {
    const int64_t channel = row % channels, left = channels - channel, n = left < rows ? left : rows;
    gatherTap<Vec>(taps[row / channels], channel, n, from, count, values);
    row += n, rows -= n, values += n;
  }
}

template <class Vec>
void ConvWeightProduct::gatherTap(const ConvTap& tap, int64_t channel, int64_t n, int64_t from, int64_t count,
                                  float* values) const {
  for (int64_t at = from; at < from + count;) {
    const int64_t y = at / latticeColumns * strideHeight + tap.row, first = at % latticeColumns;
    const int64_t inRow = latticeColumns - first, left = from + count - at,
                  some = inRow < left ? inRow : left;
    const float* source = image + y * width * pixelStep + channel;
    for (int64_t j = first; j < first + some; ++j, values += valueStep) {
      const int64_t x = j * strideWidth + tap.column;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      if (inside)
        forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
          store(values + i, load(source + x * pixelStep + i));
        });
      else
        forVectors<Vec>(n, [&](int64_t i, auto, auto store) { store(values + i, Vec::broadcast(0.0f)); });
    }
    at += some;
  }
}

template void ConvWeightProduct::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
