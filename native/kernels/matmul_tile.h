// The micro-kernel under matrix products and direct convolution: a tile of rows × columns held in registers
// while a sum runs along their depth. Rows are found through pointers, so that they may be rows of a matrix
// or pixels of an image.
#pragma once

#include "kernels/kernel.h"
#include "kernels/moments.h"

namespace striate {

/// Columns at which work may be divided: whole panels in every instruction set.
constexpr int64_t panelColumns = 64;

/// Floats in a cache line.
constexpr int64_t lineFloats = 16;

/// Floats that lie side by side.
struct FetchRun {
  const float* from;
  int64_t length;
};

/// c[r][n] = Σ_d a(r, d)·b(d, n) + added[r][n] + bias[n], then ReLU.
///
/// The depth is cut into segments of equal length, within which a row's values are `aStep` apart:
/// a(r, s·length + i) = aRows[s·segmentRows + r][segments[s] + i·aStep].
struct TileProduct {
  const float* const* aRows;
  int64_t segmentRows;  ///< 0: all segments of a row are found from one place
  float* const* cRows;
  int64_t rows, columns;
  const int64_t* segments;
  int64_t segmentCount, length, aStep;
  const float* b;
  int64_t bStep;  ///< from one depth to the next where b is a plain matrix; 0: b is packed by PackPanels
  const int64_t* bSegments;  ///< where a segment's depths begin in b; null: after those of the one before
  int64_t panelDepth;        ///< where packed: the depth of its panels
  int64_t panelFrom;         ///< and from which depth on this product uses them
  float* fill;  ///< room for a panel, where b is plain: the first rows to use it fill it for the others
  const float* const* addedRows;  ///< c's own to add to what it holds, or null
  const float* bias;              ///< by column, or null
  bool relu;
  bool stream;  ///< stores past the caches; c's rows are aligned to a cache line, and a fence follows
  GatheredMoments moments;  ///< of c's columns
  bool momentsBegin;        ///< with the first row
  const FetchRun* next;  ///< what comes after this product, to be brought into the L2 cache meanwhile, evenly
  int64_t nextRuns;
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

/// Brings rows of `columns` floats, `rowStep` apart, into the L2 cache.
struct FetchRows {
  const float* from;
  int64_t rows, rowStep, columns;
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
#include "kernels/transpose.h"

namespace striate {

/// The vectors in the panel that starts `vectors` before the last column: with few registers, more rows serve
/// better than a fourth vector, as each value of b is then loaded for more of them.
template <class Vec>
constexpr int panelVectors(int64_t vectors) {
  constexpr bool wide = Vec::tileRows[2] >= 4;
  return wide && vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
}

/// How a tile finds b: packed, its rows bStep apart, or the same with a last vector that is not whole; and
/// the last two when it packs b for the tiles that follow.
enum class TileB : uint8_t { packed, plain, partial, fill, fillPart };

/// How far what comes next has been asked for: a line every few steps of a sum, as memory likes it best.
/// Lines may be asked for several times, which costs less than to count steps.
template <class Vec>
struct Ahead {
  /// From one line to the next where a row's values are contiguous: steps of short vectors are short.
  /// Otherwise each step.
  static constexpr int steps = Vec::size >= 16 ? 2 : 4;

  const FetchRun* run;
  const float *at = nullptr, *end = nullptr;  ///< of the run
  int64_t step = 0, runs;

  Ahead(const TileProduct& p, int64_t lines) : run(p.next), runs(p.nextRuns) {
    int64_t floats = 0;
    for (int64_t i = 0; i < runs; ++i) floats += run[i].length;
    if (floats == 0) return;
    step = lines > 0 ? (floats + lines - 1) / lines : lineFloats;
    if (step > lineFloats) step = lineFloats;
    at = run->from, end = at + run->length;
  }

  /// Stays at the last line when all runs have been asked for.
  void nextRun() {
    if (--runs > 0)
      ++run, at = run->from, end = at + run->length;
    else
      at = end - 1, step = 0;
  }
};

/// What follows a tile's sums. What is the same for all of them is asked once: their loops are unrolled
/// whole.
template <class Vec, int rows, int vectors, bool whole>
__attribute__((always_inline)) inline void finishTile(const TileProduct& p, int64_t row, int64_t column,
                                                      Vec (&sum)[rows][vectors]) {
  const int lastLanes = static_cast<int>(p.columns - column - (vectors - 1) * Vec::size);
  const auto load = [lastLanes](const float* from, int v) {
    return whole || v < vectors - 1 ? Vec::load(from + v * Vec::size)
                                    : Vec::loadPartial(from + v * Vec::size, lastLanes);
  };
  if (p.addedRows) {
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      const float* added = p.addedRows[row + r] + column;
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = sum[r][v] + load(added, v);
    }
  }
  if (p.bias) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const Vec bias = load(p.bias + column, v);
#pragma GCC unroll 32
      for (int r = 0; r < rows; ++r) sum[r][v] = sum[r][v] + bias;
    }
  }
  if (p.relu) {
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = max(Vec::broadcast(0.0f), sum[r][v]);
  }
  if (p.moments.sums) {
    const bool first = p.momentsBegin && row == 0;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const int64_t at = column + v * Vec::size;
      MomentsOfVector<Vec> moments(first ? sum[0][v] : Vec::load(p.moments.sums + at));
#pragma GCC unroll 32
      for (int r = 0; r < rows; ++r) moments.add(sum[r][v]);
      moments.store(p.moments, at, first);
    }
  }
  const bool stream = whole && p.stream;
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r) {
    float* c = p.cRows[row + r] + column;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v)
      if (stream)
        sum[r][v].stream(c + v * Vec::size);
      else if (whole || v < vectors - 1)
        sum[r][v].store(c + v * Vec::size);
      else
        sum[r][v].storePartial(c + v * Vec::size, lastLanes);
  }
}

/// One tile. The loops over rows and vectors are unrolled whole, so that the sums live in registers, and
/// those along the depth in part, so that a row's pointer is loaded once for several values.
template <class Vec, int rows, int vectors, TileB kind, bool prefetch>
void tile(const TileProduct& p, int64_t row, int64_t column, const float* b, Ahead<Vec>& ahead) {
  constexpr bool partialB = kind == TileB::partial || kind == TileB::fillPart;
  constexpr bool fills = kind == TileB::fill || kind == TileB::fillPart;
  float* filled = p.fill;
  const int64_t bStep = kind == TileB::packed ? vectors * Vec::size : p.bStep;
  const int lastLanes = static_cast<int>(p.columns - column - (vectors - 1) * Vec::size);
  Vec sum[rows][vectors];
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[r][v] = Vec::broadcast(0.0f);

  // Stores that find their lines at another place than the L1 cache would hold up the next tile.
  if (!p.stream) {
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (int64_t n = 0; n < vectors * Vec::size; n += lineFloats)
        __builtin_prefetch(p.cRows[row + r] + column + n, 1, 3);
  }

  const float* a[rows];
  const float* const* aRows = p.aRows + row;
  Ahead<Vec> soon = ahead;
  const auto askAhead = [&]() __attribute__((always_inline)) {
    if constexpr (prefetch) {
      __builtin_prefetch(soon.at, 0, 2);
      soon.at += soon.step;
      if (soon.at >= soon.end) soon.nextRun();
    }
  };
  const auto multiply = [&](int64_t at) __attribute__((always_inline)) {
    Vec right[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v)
      right[v] = partialB && v == vectors - 1 ? Vec::loadPartial(b + v * Vec::size, lastLanes)
                                              : Vec::load(b + v * Vec::size);
    b += bStep;
    if constexpr (fills) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) right[v].store(filled + v * Vec::size);
      filled += vectors * Vec::size;
    }
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      const Vec left = Vec::broadcast(a[r][at]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
  };
  const float* const firstB = b;
  for (int64_t s = 0; s < p.segmentCount; ++s) {
    if (kind != TileB::packed && p.bSegments) b = firstB + p.bSegments[s];
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) a[r] = aRows[r];
    aRows += p.segmentRows;
    int64_t at = p.segments[s], left = p.length;
    if (p.aStep == 1)
      for (constexpr int atOnce = 4; left >= atOnce; left -= atOnce, at += atOnce)
#pragma GCC unroll 4
        for (int k = 0; k < atOnce; ++k) {
          if (k % Ahead<Vec>::steps == 0) askAhead();
          multiply(at + k);
        }
    for (; left > 0; --left, at += p.aStep) {
      if (p.aStep != 1) askAhead();
      multiply(at);
    }
  }
  if constexpr (prefetch) ahead = soon;

  if (lastLanes >= Vec::size)
    finishTile<Vec, rows, vectors, true>(p, row, column, sum);
  else
    finishTile<Vec, rows, vectors, false>(p, row, column, sum);
}

/// A tile of `count` rows, of `rows` at most.
template <class Vec, int rows, int vectors>
void tileOf(const TileProduct& p, int64_t count, int64_t row, int64_t column, const float* b,
            Ahead<Vec>& ahead) {
  if constexpr (rows > 1) {
    if (count < rows) return tileOf<Vec, rows - 1, vectors>(p, count, row, column, b, ahead);
  }
  const bool whole = p.columns - column >= vectors * Vec::size;
  if (p.fill && row == 0)
    whole ? tile<Vec, rows, vectors, TileB::fill, false>(p, row, column, b, ahead)
          : tile<Vec, rows, vectors, TileB::fillPart, false>(p, row, column, b, ahead);
  else if (p.fill || p.bStep == 0)
    ahead.step > 0 ? tile<Vec, rows, vectors, TileB::packed, true>(p, row, column, b, ahead)
                   : tile<Vec, rows, vectors, TileB::packed, false>(p, row, column, b, ahead);
  else
    whole ? tile<Vec, rows, vectors, TileB::plain, false>(p, row, column, b, ahead)
          : tile<Vec, rows, vectors, TileB::partial, false>(p, row, column, b, ahead);
}

/// All rows in as few tiles as registers allow. Those are of much the same size: a small one waits for its
/// own sums at each step.
template <class Vec, int rows, int vectors>
void tilesOf(const TileProduct& p, int64_t column, const float* b, Ahead<Vec>& ahead) {
  const int64_t tiles = (p.rows + rows - 1) / rows;
  for (int64_t i = 0, row = 0; i < tiles; ++i) {
    const int64_t count = (p.rows - row + tiles - i - 1) / (tiles - i);
    tileOf<Vec, rows, vectors>(p, count, row, column, p.fill && row > 0 ? p.fill : b, ahead);
    row += count;
  }
}

template <class Vec>
void TileProduct::run() const {
  constexpr int widest = panelVectors<Vec>(4), tileRows = Vec::tileRows[widest / 2];
  const int64_t panels = (columns + widest * Vec::size - 1) / (widest * Vec::size);
  const int64_t lines = aStep == 1 ? length / Ahead<Vec>::steps : length;
  const int64_t fetching = (rows + tileRows - 1) / tileRows - (fill ? 1 : 0);
  Ahead<Vec> ahead(*this, panels * fetching * segmentCount * lines);
  for (int64_t column = 0; column < columns;) {
    const int vectors = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size);
    const int64_t step = bStep ? bStep : vectors * Vec::size;
    const float* panel = bStep ? b + column : b + column * panelDepth + panelFrom * step;
    switch (vectors) {
      case 4:
        tilesOf<Vec, Vec::tileRows[2], 4>(*this, column, panel, ahead);
        break;
      case 2:
        tilesOf<Vec, Vec::tileRows[1], 2>(*this, column, panel, ahead);
        break;
      default:
        tilesOf<Vec, Vec::tileRows[0], 1>(*this, column, panel, ahead);
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
      if (columnStep == 1) {
        forVectors<Vec>(used, [&](int64_t n, auto load, auto store) { store(to + n, load(from + n)); });
      } else {
        int64_t n = 0;
        if (count == lineFloats && runStep == 1)
          for (; n + Vec::size <= used; n += Vec::size)
            for (int64_t i = 0; i < lineFloats; i += Vec::size)
              transposeSquare<Vec>(from + n * columnStep + i, columnStep, to + i * width + n, width);
        for (; n < used; ++n)
          for (int64_t i = 0; i < count; ++i) to[i * width + n] = from[n * columnStep + i * runStep];
      }
      for (int64_t i = 0; i < count; ++i)
        for (int64_t n = used; n < width; ++n) to[i * width + n] = 0.0f;
      d += count;
    }
    panel += depth * width;
    column += width;
  }
}

template <class Vec>
void FetchRows::run() const {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < columns; i += lineFloats) __builtin_prefetch(from + r * rowStep + i, 0, 2);
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
template void FetchRows::run<STRIATE_VEC>() const;
template void SumBlocks::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
