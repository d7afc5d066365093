// The transforms of Winograd's minimal filtering for kernels of r × r: an m × m tile of the output costs n² =
// (m + r − 1)² products for each pair of channels instead of (m·r)² (Lavin and Gray, 2016). With 1-D matrices
// A [n, m], B [n, n] and G [n, r]
//   y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A   and   dg = Gᵀ[(A dy Aᵀ) ⊙ (Bᵀ d B)]G.
// Each place of the n × n is a plane: over tiles and channels it is a matrix, and ⊙ becomes n² products.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"

namespace striate {

template <int m, int r>
constexpr int winogradPlanes = (m + r - 1) * (m + r - 1);

/// Tiles list[0..count) of images [height, width, channels], as counted row by row through all images. Tile
/// (0, 0) of an image starts at its place (−top, −left). Those of the last row and column have `edge` ≤ m
/// rows and columns of outputs: they do without the points from edge + r − 2 on, save infinity, and so
/// without their planes.
struct WinogradTiles {
  int64_t height, width, channels;
  int64_t rows, columns;  ///< of tiles in an image
  int64_t top, left;
  int64_t edge;
  const int64_t* list;
  int64_t count;
};

/// Whether tiles of m × m with kernels of r × r may have an edge smaller than m.
template <int m, int r>
constexpr bool winogradEdges = m == 4 && r == 3;

/// (Bᵀ d B)ₚ of the tiles' n² values, which are zero beyond the image:
/// planes[p·planeStep + c / 64·blockStep + t·64 + c mod 64], the last vector of channels filled up with
/// zeros.
template <int m, int r>
struct WinogradInput {
  WinogradTiles tiles;
  const float* images;
  const float* zeros;  ///< as many as channels
  float* planes;
  int64_t blockStep, planeStep;
  template <class Vec>
  void run() const;
};

/// (A dy Aᵀ)ₚ of the tiles' m² values, laid out in the same way.
template <int m, int r>
struct WinogradGradient {
  WinogradTiles tiles;
  const float* images;
  const float* zeros;
  float* planes;
  int64_t blockStep, planeStep;
  template <class Vec>
  void run() const;
};

/// panels[p] = (G g Gᵀ)ₚ, packed as by PackPanels, for depths [depthFrom, depthTo) of `depth` and at most 64
/// columns; g(tap, d, k) = weight[tap·tapStep + d·depthStep + k].
template <int m, int r>
struct WinogradWeight {
  const float* weight;
  int64_t tapStep, depthStep, depth, columns;
  int64_t depthFrom, depthTo;
  float* panels;
  int64_t planeStep;
  template <class Vec>
  void run() const;
};

/// The tiles' outputs Aᵀ[planes]A, ended by `end`, for columns of the channels from `column` on;
/// planes[p][t][64].
template <int m, int r>
struct WinogradOutput {
  WinogradTiles tiles;
  const float* planes;
  int64_t planeStep;
  int64_t column, columns;
  ConvEnd end;
  bool stream;  ///< stores past the caches; pixels are aligned to a cache line
  float* images;
  template <class Vec>
  void run() const;
};

/// dg(tap, c, k) = (Gᵀ[planes]G)(tap) for `columns` ≤ 64 of k: gradient[tap·tapStep + c·rowStep + k] from
/// planes[p·planeStep + c·64 + k].
template <int m, int r>
struct WinogradWeightGradient {
  const float* planes;
  int64_t planeStep, rows, columns;
  float* gradient;
  int64_t tapStep, rowStep;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/math.h"
#include "kernels/matmul_tile.h"
#include "kernels/stream.h"
#include "kernels/winograd_points.h"

namespace striate {

/// Applies a 1-D transform to the rows, and another to the columns.
template <class Vec, int inRows, int inColumns, int outRows, int outColumns, class AlongRow,
          class AlongColumn, class Load, class Store>
inline __attribute__((always_inline)) void transformTile(AlongRow alongRow, AlongColumn alongColumn,
                                                         Load load, Store store) {
  Vec half[inRows][outColumns];
#pragma GCC unroll 6
  for (int i = 0; i < inRows; ++i) {
    Vec row[inColumns];
#pragma GCC unroll 6
    for (int j = 0; j < inColumns; ++j) row[j] = load(i, j);
    alongRow(row, half[i]);
  }
#pragma GCC unroll 6
  for (int j = 0; j < outColumns; ++j) {
    Vec column[inRows], result[outRows];
#pragma GCC unroll 6
    for (int i = 0; i < inRows; ++i) column[i] = half[i][j];
    alongColumn(column, result);
#pragma GCC unroll 6
    for (int i = 0; i < outRows; ++i) store(i, j, result[i]);
  }
}

/// Where a tile lies.
struct WinogradPlace {
  int64_t image, row, column;

  WinogradPlace(const WinogradTiles& tiles, int64_t tile)
      : image(tile / (tiles.rows * tiles.columns)),
        row(tile / tiles.columns % tiles.rows),
        column(tile % tiles.columns) {}
};

/// A number known to the compiler.
template <int number>
struct WinogradSize {
  static constexpr int value = number;
};

/// body(rows, columns), the sizes of a tile's outputs.
template <int m, int edge, class Body>
inline __attribute__((always_inline)) void withEdge(const WinogradTiles& tiles, const WinogradPlace& at,
                                                    const Body& body) {
  const bool low = at.row == tiles.rows - 1, right = at.column == tiles.columns - 1;
  if (low && right)
    body(WinogradSize<edge>{}, WinogradSize<edge>{});
  else if (low)
    body(WinogradSize<edge>{}, WinogradSize<m>{});
  else if (right)
    body(WinogradSize<m>{}, WinogradSize<edge>{});
  else
    body(WinogradSize<m>{}, WinogradSize<m>{});
}

template <int m, int r, class Body>
inline __attribute__((always_inline)) void withSizes(const WinogradTiles& tiles, const WinogradPlace& at,
                                                     const Body& body) {
  if constexpr (winogradEdges<m, r>) {
    switch (tiles.edge) {
      case 1:
        return withEdge<m, 1>(tiles, at, body);
      case 2:
        return withEdge<m, 2>(tiles, at, body);
      case 3:
        return withEdge<m, 3>(tiles, at, body);
      default:
        break;
    }
  }
  body(WinogradSize<m>{}, WinogradSize<m>{});
}

/// Pointers to a tile's side × side values, those beyond the image to zeros.
template <int side>
inline void winogradValues(const WinogradTiles& tiles, const float* images, const float* zeros,
                           const WinogradPlace& at, int step, const float* (&values)[side][side]) {
  const int64_t top = at.row * step - tiles.top, left = at.column * step - tiles.left;
  const float* corner = images + ((at.image * tiles.height + top) * tiles.width + left) * tiles.channels;
  const bool inside = top >= 0 && left >= 0 && top + side <= tiles.height && left + side <= tiles.width;
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j)
      values[i][j] =
          inside || (top + i >= 0 && top + i < tiles.height && left + j >= 0 && left + j < tiles.width)
              ? corner + (i * tiles.width + j) * tiles.channels
              : zeros;
}

/// The transform of each tile's values, `extra` more than its outputs along each side, to planes in blocks of
/// 64 channels. transform(size, from, to) is the 1-D one for a size of outputs.
template <class Vec, int m, int r, int extra, class Kernel, class Transform>
void transformTiles(const Kernel& k, Transform transform) {
  constexpr int n = m + r - 1;
  const WinogradTiles& tiles = k.tiles;
  const int64_t planeStep = k.planeStep;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const float* d[m + extra][m + extra];
    const WinogradPlace at(tiles, tiles.list[t]);
    winogradValues<m + extra>(tiles, k.images, k.zeros, at, m, d);
    withSizes<m, r>(tiles, at, [&](auto rows, auto columns) __attribute__((always_inline)) {
      constexpr int down = rows.value, across = columns.value;
      for (int64_t first = 0; first < tiles.channels; first += panelColumns) {
        const int64_t rest = tiles.channels - first;
        float* to = k.planes + first / panelColumns * k.blockStep + t * panelColumns;
        forVectors<Vec>(rest < panelColumns ? rest : panelColumns, [&](int64_t c, auto load,
                                                                       auto) __attribute__((always_inline)) {
          transformTile<Vec, down + extra, across + extra, down + r - 1, across + r - 1>(
              [&](const auto& from, auto& result)
                  __attribute__((always_inline)) { transform(columns, from, result); },
              [&](const auto& from, auto& result)
                  __attribute__((always_inline)) { transform(rows, from, result); },
              [&](int i, int j) __attribute__((always_inline)) { return load(d[i][j] + first + c); },
              [&](int i, int j, Vec v) __attribute__((always_inline)) {
                v.store(to + (winogradPoint<m, r>(i, down) * n + winogradPoint<m, r>(j, across)) * planeStep +
                        c);
              });
        });
      }
    });
  }
}

template <int m, int r>
template <class Vec>
void WinogradInput<m, r>::run() const {
  transformTiles<Vec, m, r, r - 1>(
      *this, [](auto size, const auto& from, auto& result) __attribute__((always_inline)) {
        WinogradSide<Vec, m, r, size.value>::input(from, result);
      });
}

template <int m, int r>
template <class Vec>
void WinogradGradient<m, r>::run() const {
  transformTiles<Vec, m, r, 0>(*this,
                               [](auto size, const auto& from, auto& result) __attribute__((always_inline)) {
                                 WinogradSide<Vec, m, r, size.value>::gradient(from, result);
                               });
}

template <int m, int r>
template <class Vec>
void WinogradWeight<m, r>::run() const {
  constexpr int n = m + r - 1;
  const auto& g = Winograd<Vec, m, r>::weight;
  const auto mix = [](const float(&factors)[r], const Vec(&a)[r]) {
    Vec sum = Vec::broadcast(factors[0]) * a[0];
    for (int i = 1; i < r; ++i) sum = times(factors[i], a[i], sum);
    return sum;
  };
  float* panel = panels;
  for (int64_t column = 0; column < columns;) {
    const int64_t width = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size) * Vec::size;
    const int64_t used = width < columns - column ? width : columns - column;
    for (int64_t d = depthFrom; d < depthTo; ++d) {
      const float* from = weight + d * depthStep + column;
      float* to = panel + d * width;
      forVectors<Vec>(used, [&](int64_t k, auto load, auto) {
        Vec taps[r][r];  // by column, then row
        for (int i = 0; i < r; ++i)
          for (int j = 0; j < r; ++j) taps[j][i] = load(from + (r * i + j) * tapStep + k);
        for (int row = 0; row < n; ++row) {
          Vec half[r];
          for (int j = 0; j < r; ++j) half[j] = mix(g[row], taps[j]);
          for (int j = 0; j < n; ++j) mix(g[j], half).store(to + (row * n + j) * planeStep + k);
        }
      });
      for (int64_t k = (used + Vec::size - 1) / Vec::size * Vec::size; k < width; ++k)
        for (int64_t p = 0; p < n * n; ++p) to[p * planeStep + k] = 0.0f;
    }
    panel += depth * width;
    column += width;
  }
}

template <int m, int r>
template <class Vec>
void WinogradOutput<m, r>::run() const {
  constexpr int n = m + r - 1;
  const int64_t pixel = tiles.channels, step = planeStep;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const WinogradPlace at(tiles, tiles.list[t]);
    const int64_t top = at.row * m, left = at.column * m;
    const int64_t down = tiles.height - top < m ? tiles.height - top : m;
    const int64_t across = tiles.width - left < m ? tiles.width - left : m;
    float* to = images + ((at.image * tiles.height + top) * tiles.width + left) * pixel + column;
    const float* added = end.residual ? end.residual + (to - images) : nullptr;
    const float* from = planes + t * panelColumns;
    const Vec floor = Vec::broadcast(end.relu ? 0.0f : -INFINITY);
    withSizes<m, r>(tiles, at, [&](auto rowSize, auto columnSize) __attribute__((always_inline)) {
      constexpr int high = rowSize.value, wide = columnSize.value;
      const auto tile = [&](auto whole) __attribute__((always_inline)) {
        writeVectors<Vec>(
            to, columns, stream, [&](int64_t k, auto load, auto store) __attribute__((always_inline)) {
              const Vec shift = end.bias ? load(end.bias + column + k) : Vec::broadcast(0.0f);
              transformTile<Vec, high + r - 1, wide + r - 1, high, wide>(
                  [&](const auto& in, auto& result)
                      __attribute__((always_inline)) { WinogradSide<Vec, m, r, wide>::output(in, result); },
                  [&](const auto& in, auto& result)
                      __attribute__((always_inline)) { WinogradSide<Vec, m, r, high>::output(in, result); },
                  [&](int i, int j) __attribute__((always_inline)) {
                    return load(from +
                                (winogradPoint<m, r>(i, high) * n + winogradPoint<m, r>(j, wide)) * step + k);
                  },
                  [&](int i, int j, Vec v) __attribute__((always_inline)) {
                    if (!whole() && (i >= down || j >= across)) return;
                    const int64_t place = (i * tiles.width + j) * pixel + k;
                    Vec sum = v + shift;
                    if (added) sum = sum + load(added + place);
                    store(to + place, max(floor, sum));
                  });
            });
      };
      if (high < m || wide < m || (down == m && across == m))
        tile([] { return true; });
      else
        tile([] { return false; });
    });
  }
  if (stream) Vec::fence();
}

template <int m, int r>
template <class Vec>
void WinogradWeightGradient<m, r>::run() const {
  constexpr int n = m + r - 1;
  const auto& g = Winograd<Vec, m, r>::weight;
  for (int64_t c = 0; c < rows; ++c) {
    const float* from = planes + c * panelColumns;
    float* to = gradient + c * rowStep;
    forVectors<Vec>(columns, [&](int64_t k, auto load, auto store) {
      Vec half[r][n];
      for (int j = 0; j < n; ++j) {
        Vec sum[r];
        for (int i = 0; i < n; ++i) {
          const Vec v = load(from + (i * n + j) * planeStep + k);
          for (int tap = 0; tap < r; ++tap)
            sum[tap] = i == 0 ? Vec::broadcast(g[0][tap]) * v : times(g[i][tap], v, sum[tap]);
        }
        for (int tap = 0; tap < r; ++tap) half[tap][j] = sum[tap];
      }
      for (int i = 0; i < r; ++i)
        for (int tap = 0; tap < r; ++tap) {
          Vec sum = Vec::broadcast(g[0][tap]) * half[i][0];
          for (int j = 1; j < n; ++j) sum = times(g[j][tap], half[i][j], sum);
          store(to + (r * i + tap) * tapStep + k, sum);
        }
    });
  }
}

template void WinogradInput<2, 3>::run<STRIATE_VEC>() const;
template void WinogradGradient<2, 3>::run<STRIATE_VEC>() const;
template void WinogradWeight<2, 3>::run<STRIATE_VEC>() const;
template void WinogradOutput<2, 3>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<2, 3>::run<STRIATE_VEC>() const;
template void WinogradInput<4, 3>::run<STRIATE_VEC>() const;
template void WinogradGradient<4, 3>::run<STRIATE_VEC>() const;
template void WinogradWeight<4, 3>::run<STRIATE_VEC>() const;
template void WinogradOutput<4, 3>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4, 3>::run<STRIATE_VEC>() const;
template void WinogradInput<2, 5>::run<STRIATE_VEC>() const;
template void WinogradGradient<2, 5>::run<STRIATE_VEC>() const;
template void WinogradWeight<2, 5>::run<STRIATE_VEC>() const;
template void WinogradOutput<2, 5>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<2, 5>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
