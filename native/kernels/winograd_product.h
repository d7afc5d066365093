// The matrix products between Winograd's transforms. Their operands lie as the transforms leave them, in rows
// of 64 floats: a tile of the product then finds its rows at distances known to the compiler, from one
// pointer, which is worth a tenth of the time against rows found through pointers of their own.
#pragma once

#include "kernels/kernel.h"
#include "kernels/matmul_tile.h"

namespace striate {

/// Memory from `from` on that is needed soon, to be brought into the L2 cache.
struct WinogradAhead {
  const float* from;
  int64_t lines;

  /// The ith of equal parts.
  WinogradAhead part(int64_t i, int64_t parts) const {
    const int64_t begin = i * lines / parts, end = (i + 1) * lines / parts;
    return {from + begin * lineFloats, end - begin};
  }
};

/// All that is needed soon, what is first in front.
struct WinogradNext {
  static constexpr int most = 4;
  WinogradAhead ranges[most];
};

/// Whether so many columns are one panel of a product.
struct WinogradOnePanel {
  int64_t columns;
  bool* one;
  template <class Vec>
  void run() const;
};

/// c(r, n) (+)= Σ_d a(r, d)·b(d, n) for at most 64 columns; c's rows are 64 floats apart. Where the depth is
/// at most 64 channels and the columns are one panel, c may be a.
///
/// Either rows are tiles and the depth is channels: a(r, d) = a[d / 64·aBlock + r·64 + d mod 64], and b is
/// packed by PackPanels. Or rows are at most 64 channels and the depth is tiles: a(r, d) = a[d·64 + r] and
/// b(d, n) = b[d·64 + n], readable to the end of a vector.
template <bool depthIsTiles>
struct WinogradProduct {
  const float* a;
  int64_t aBlock;
  const float* b;
  float* c;
  int64_t rows, depth, columns;
  bool accumulate;
  WinogradNext next;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

template <class Vec>
void WinogradOnePanel::run() const {
  *one = columns <= panelVectors<Vec>((columns + Vec::size - 1) / Vec::size) * Vec::size;
}

template <class Vec, bool depthIsTiles, int rows, int vectors>
void winogradTile(const WinogradProduct<depthIsTiles>& p, const float* a, const float* b, float* c,
                  WinogradAhead ahead) {
  constexpr int64_t aRow = depthIsTiles ? 1 : panelColumns, aStep = depthIsTiles ? panelColumns : 1;
  constexpr int64_t bStep = depthIsTiles ? panelColumns : vectors * Vec::size;
  Vec sum[rows][vectors];
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[r][v] = Vec::broadcast(0.0f);

  const float *line = ahead.from, *const end = ahead.from + ahead.lines * lineFloats;
  // One step of the depth, so many beyond where a and b point.
  const auto multiply = [&](int step) __attribute__((always_inline)) {
    Vec right[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) right[v] = Vec::load(b + step * bStep + v * Vec::size);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      const Vec left = Vec::broadcast(a[r * aRow + step * aStep]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
  };
  for (int64_t left = p.depth; left > 0; left -= panelColumns) {
    const int64_t steps = left < panelColumns ? left : panelColumns;
    constexpr int atOnce = 2;
    for (int64_t i = 0; i < steps / atOnce; ++i) {
#pragma GCC unroll 2
      for (int step = 0; step < atOnce; ++step) __builtin_prefetch(line + step * lineFloats, 0, 2);
      line += line < end ? atOnce * lineFloats : 0;
#pragma GCC unroll 2
      for (int step = 0; step < atOnce; ++step) multiply(step);
      a += atOnce * aStep, b += atOnce * bStep;
    }
    if (steps % atOnce != 0) {
      multiply(0);
      a += aStep, b += bStep;
    }
    if constexpr (!depthIsTiles) a += p.aBlock - panelColumns;
  }

#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      float* to = c + r * panelColumns + v * Vec::size;
      (p.accumulate ? sum[r][v] + Vec::load(to) : sum[r][v]).store(to);
    }
}

/// A tile of `rows` ≤ most.
template <class Vec, bool depthIsTiles, int most, int vectors>
void winogradTileOf(int64_t rows, const WinogradProduct<depthIsTiles>& p, const float* a, const float* b,
                    float* c, WinogradAhead ahead) {
  if (rows == most)
    winogradTile<Vec, depthIsTiles, most, vectors>(p, a, b, c, ahead);
  else if constexpr (most > 1)
    winogradTileOf<Vec, depthIsTiles, most - 1, vectors>(rows, p, a, b, c, ahead);
}

/// All rows for the columns of one panel, in tiles of nearly equal height.
template <class Vec, bool depthIsTiles, int most, int vectors>
void winogradPanel(const WinogradProduct<depthIsTiles>& p, int64_t column) {
  constexpr int64_t aRow = depthIsTiles ? 1 : panelColumns;
  const int64_t tiles = (p.rows + most - 1) / most;
  const WinogradAhead* range = p.next.ranges;
  int64_t lines = 0, given = 0, ofRange = 0;
  for (const WinogradAhead& each : p.next.ranges) lines += each.lines;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t row = i * p.rows / tiles, end = (i + 1) * p.rows / tiles;
    // What is needed soon is fetched evenly, by the tiles of the first panel.
    WinogradAhead ahead{p.b, 0};
    if (column == 0) {
      while (given < lines && ofRange == range->lines) ++range, ofRange = 0;
      const int64_t owed = (i + 1) * lines / tiles - given, left = range->lines - ofRange;
      ahead = {range->from + ofRange * lineFloats, owed < left ? owed : left};
      ofRange += ahead.lines, given += ahead.lines;
    }
    winogradTileOf<Vec, depthIsTiles, most, vectors>(end - row, p, p.a + row * aRow,
                                                     depthIsTiles ? p.b + column : p.b + column * p.depth,
                                                     p.c + row * panelColumns + column, ahead);
  }
}

template <bool depthIsTiles>
template <class Vec>
void WinogradProduct<depthIsTiles>::run() const {
  for (int64_t column = 0; column < columns;) {
    const int vectors = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size);
    switch (vectors) {
      case 4:
        winogradPanel<Vec, depthIsTiles, Vec::tileRows[2], 4>(*this, column);
        break;
      case 2:
        winogradPanel<Vec, depthIsTiles, Vec::tileRows[1], 2>(*this, column);
        break;
      default:
        winogradPanel<Vec, depthIsTiles, Vec::tileRows[0], 1>(*this, column);
    }
    column += vectors * Vec::size;
  }
}

template void WinogradOnePanel::run<STRIATE_VEC>() const;
template void WinogradProduct<false>::run<STRIATE_VEC>() const;
template void WinogradProduct<true>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
