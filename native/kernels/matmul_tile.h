// The micro-kernel under matrix products and direct convolution: a tile of rows × columns held in registers
// while a sum runs along their depth. Rows are found through pointers, so that they may be rows of a matrix
// or pixels of an image.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Columns at which work may be divided: whole panels in every instruction set.
constexpr int64_t panelColumns = 64;

/// Floats in a cache line.
constexpr int64_t lineFloats = 16;

/// c[r][n] = Σ_d a(r, d)·b(d, n) + added[r][n] + bias[n], then ReLU.
///
/// The depth is cut into segments of equal length, within which a row's values are `aStep` apart:
/// a(r, s·length + i) = aRows[r][segments[s] + i·aStep].
struct TileProduct {
  const float* const* aRows;
  float* const* cRows;
  int64_t rows, columns;
  const int64_t* segments;
  int64_t segmentCount, length, aStep;
  const float* b;
  int64_t bStep;       ///< from one depth to the next where b is a plain matrix; 0: b is packed by PackPanels
  int64_t panelDepth;  ///< where packed: the depth of its panels
  int64_t panelFrom;   ///< and from which depth on this product uses them
  const float* const* addedRows;  ///< c's own to add to what it holds, or null
  const float* bias;              ///< by column, or null
  bool relu;
  bool stream;  ///< stores past the caches; c's rows are aligned to a cache line, and a fence follows
  /// What comes after this product, to be brought into the L2 cache meanwhile: a cache line for each depth of
  /// the first `nextTiles` tiles of the first panel, `nextStep` floats apart, from one tile to the next
  /// `nextTileStep`.
  const float* next;
  int64_t nextStep, nextTileStep, nextTiles;
  template <class Vec>
  void run() const;
};

/// A product that goes past the caches by itself.
struct StreamedProduct {
  TileProduct tiles;
  template <class Vec>
  void run() const;
};

/// Packs b(d, n) = source[rows[d / rowRun] + (d mod rowRun)·runStep + n·columnStep] into panels of four, two
/// and one vectors of columns, each with its values in the order of use; columns beyond the last are zero.
/// The packed size is depth × columns rounded up to panelColumns.
struct PackPanels {
  const float* source;
  const int64_t* rows;
  int64_t depth, rowRun, runStep, columns, columnStep;
  float* packed;
  template <class Vec>
  void run() const;
};

/// y[i] = Σ_k blocks[k·stride + i], in the order of k.
struct SumBlocks {
  const float* blocks;
  int64_t count, stride, n;
  float* y;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// The vectors in the panel that starts `vectors` before the last column: with few registers, more rows serve
/// better than a fourth vector, as each value of b is then loaded for more of them.
template <class Vec>
constexpr int panelVectors(int64_t vectors) {
  constexpr bool wide = Vec::tileRows[2] >= 4;
  return wide && vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
}

/// How a tile finds b: packed, its rows bStep apart, or the same with a last vector that is not whole.
enum class TileB : uint8_t { packed, plain, partial };

/// One tile. The loops over rows and vectors are unrolled whole, so that the sums live in registers, and
/// those along the depth in part, so that a row's pointer is loaded once for several values.
template <class Vec, int rows, int vectors, TileB kind, bool prefetch>
void tile(const TileProduct& p, int64_t row, int64_t column, const float* b, const float* ahead = nullptr) {
  constexpr bool partialB = kind == TileB::partial;
  const int64_t bStep = kind == TileB::packed ? vectors * Vec::size : p.bStep;
  const int lastLanes = static_cast<int>(p.columns - column - (vectors - 1) * Vec::size);
  const bool whole = lastLanes >= Vec::size;
  Vec sum[rows][vectors];
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[r][v] = Vec::broadcast(0.0f);

  const float* a[rows];
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r) a[r] = p.aRows[row + r];
  [[maybe_unused]] const int64_t nextStep = p.nextStep;
  const auto multiply = [&](int64_t at) __attribute__((always_inline)) {
    if constexpr (prefetch) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += nextStep;
    }
    Vec right[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v)
      right[v] = partialB && v == vectors - 1 ? Vec::loadPartial(b + v * Vec::size, lastLanes)
                                              : Vec::load(b + v * Vec::size);
    b += bStep;
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      const Vec left = Vec::broadcast(a[r][at]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
  };
  for (int64_t s = 0; s < p.segmentCount; ++s) {
    int64_t at = p.segments[s], left = p.length;
    if (p.aStep == 1)
      for (constexpr int atOnce = 4 / vectors; left >= atOnce; left -= atOnce, at += atOnce)
#pragma GCC unroll 4
        for (int k = 0; k < atOnce; ++k) multiply(at + k);
    for (; left > 0; --left, at += p.aStep) multiply(at);
  }

#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    const int64_t at = column + v * Vec::size;
    const bool full = v < vectors - 1 || whole;
    const auto load = [&](const float* from) {
      return full ? Vec::load(from) : Vec::loadPartial(from, lastLanes);
    };
    const Vec bias = p.bias ? load(p.bias + at) : Vec::broadcast(0.0f);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      float* c = p.cRows[row + r] + at;
      Vec result = sum[r][v];
      if (p.addedRows) result = result + load(p.addedRows[row + r] + at);
      if (p.bias) result = result + bias;
      if (p.relu) result = max(Vec::broadcast(0.0f), result);
      if (!full)
        result.storePartial(c, lastLanes);
      else if (p.stream)
        result.stream(c);
      else
        result.store(c);
    }
  }
}

/// A tile of `count` rows, of `rows` at most.
template <class Vec, int rows, int vectors>
void tileOf(const TileProduct& p, int64_t count, int64_t row, int64_t column, const float* b,
            const float* ahead) {
  if constexpr (rows > 1) {
    if (count < rows) return tileOf<Vec, rows - 1, vectors>(p, count, row, column, b, ahead);
  }
  if (ahead)
    tile<Vec, rows, vectors, TileB::packed, true>(p, row, column, b, ahead);
  else if (p.bStep == 0)
    tile<Vec, rows, vectors, TileB::packed, false>(p, row, column, b);
  else if (p.columns - column >= vectors * Vec::size)
    tile<Vec, rows, vectors, TileB::plain, false>(p, row, column, b);
  else
    tile<Vec, rows, vectors, TileB::partial, false>(p, row, column, b);
}

/// All rows in as few tiles as registers allow. Those are of much the same size: a small one waits for its
/// own sums at each step.
template <class Vec, int rows, int vectors>
void tilesOf(const TileProduct& p, int64_t column, const float* b) {
  const int64_t tiles = (p.rows + rows - 1) / rows;
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t count = (p.rows - row + tiles - i - 1) / (tiles - i);
    const bool prefetch = p.bStep == 0 && column == 0 && i < p.nextTiles;
    tileOf<Vec, rows, vectors>(p, count, row, column, b, prefetch ? p.next + i * p.nextTileStep : nullptr);
    row += count;
  }
}

template <class Vec>
void TileProduct::run() const {
  for (int64_t column = 0; column < columns;) {
    const int vectors = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size);
    const int64_t step = bStep ? bStep : vectors * Vec::size;
    const float* panel = bStep ? b + column : b + column * panelDepth + panelFrom * step;
    switch (vectors) {
      case 4:
        tilesOf<Vec, Vec::tileRows[2], 4>(*this, column, panel);
        break;
      case 2:
        tilesOf<Vec, Vec::tileRows[1], 2>(*this, column, panel);
        break;
      default:
        tilesOf<Vec, Vec::tileRows[0], 1>(*this, column, panel);
    }
    column += vectors * Vec::size;
  }
}

template <class Vec>
void StreamedProduct::run() const {
  tiles.run<Vec>();
  Vec::fence();
}

template <class Vec>
void PackPanels::run() const {
  // Transposed sources are read a cache line at a time.
  const int64_t atOnce = columnStep == 1 ? 1 : lineFloats;
  float* panel = packed;
  for (int64_t column = 0; column < columns;) {
    const int64_t width = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size) * Vec::size;
    const int64_t used = width < columns - column ? width : columns - column;
    for (int64_t d = 0; d < depth;) {
      const int64_t inRun = d % rowRun, left = rowRun - inRun < depth - d ? rowRun - inRun : depth - d;
      const int64_t count = atOnce < left ? atOnce : left;
      const float* from = source + rows[d / rowRun] + inRun * runStep + column * columnStep;
      float* to = panel + d * width;
      if (columnStep == 1)
        forVectors<Vec>(used, [&](int64_t n, auto load, auto store) { store(to + n, load(from + n)); });
      else
        for (int64_t n = 0; n < used; ++n)
          for (int64_t i = 0; i < count; ++i) to[i * width + n] = from[n * columnStep + i * runStep];
      for (int64_t i = 0; i < count; ++i)
        for (int64_t n = used; n < width; ++n) to[i * width + n] = 0.0f;
      d += count;
    }
    panel += depth * width;
    column += width;
  }
}

template <class Vec>
void SumBlocks::run() const {
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    Vec sum = load(blocks + i);
    for (int64_t k = 1; k < count; ++k) sum = sum + load(blocks + k * stride + i);
    store(y + i, sum);
  });
}

template void TileProduct::run<STRIATE_VEC>() const;
template void StreamedProduct::run<STRIATE_VEC>() const;
template void PackPanels::run<STRIATE_VEC>() const;
template void SumBlocks::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
