// The transforms of Winograd's minimal filtering for kernels of r × r: an m × m tile of the output costs n² =
// (m + r − 1)² products for each pair of channels instead of (m·r)² (Lavin and Gray, 2016). With 1-D matrices
// A [n, m], B [n, n] and G [n, r]
//   y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A   and   dg = Gᵀ[(A dy Aᵀ) ⊙ (Bᵀ d B)]G.
// Each place of the n × n is a plane: over tiles and channels it is a matrix, and ⊙ becomes n² products.
//
// n = 4 interpolates at 0, 1, −1 and infinity; n = 6 at ½ and −2 as well, which errs half as much as ±2.
#pragma once

#include "kernels/conv_end.h"
#include "kernels/kernel.h"

namespace striate {

template <int m, int r>
constexpr int winogradPlanes = (m + r - 1) * (m + r - 1);

/// Tiles [from, from + count) of images [height, width, channels], counted row by row through all images.
/// Tile (0, 0) of an image starts at its place (−top, −left).
struct WinogradTiles {
  int64_t height, width, channels;
  int64_t rows, columns;  ///< of tiles in an image
  int64_t top, left;
  int64_t from, count;
};

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

namespace striate {

/// a·factor + b
template <class Vec>
inline __attribute__((always_inline)) Vec times(float factor, Vec a, Vec b) {
  return fma(Vec::broadcast(factor), a, b);
}

/// Bᵀ, which depends on the points alone.
template <class Vec, int n>
struct WinogradPoints;

template <class Vec>
struct WinogradPoints<Vec, 4> {
  static void input(const Vec (&d)[4], Vec (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
  }
};

template <class Vec>
struct WinogradPoints<Vec, 6> {
  static void input(const Vec (&d)[6], Vec (&v)[6]) {
    const Vec even = d[4] - d[2], odd = d[3] - d[1];
    v[0] = times(1.5f, odd, times(-2.0f, d[2], d[0] + d[4]));
    v[1] = times(1.5f, d[2] + d[3], even + odd);
    v[2] = times(1.5f, d[3] - d[2], even - odd);
    v[3] = times(2.0f, odd, even);
    v[4] = times(-0.5f, odd, even);
    v[5] = times(1.5f, even, times(-2.0f, d[3], d[1] + d[5]));
  }
};

/// A, Aᵀ and G, with sums that share their terms.
template <class Vec, int m, int r>
struct Winograd;

template <class Vec>
struct Winograd<Vec, 2, 3> : WinogradPoints<Vec, 4> {
  static void gradient(const Vec (&y)[2], Vec (&v)[4]) {
    v[0] = y[0];
    v[1] = y[0] + y[1];
    v[2] = y[0] - y[1];
    v[3] = y[1];
  }
  static void output(const Vec (&v)[4], Vec (&y)[2]) {
    y[0] = v[0] + v[1] + v[2];
    y[1] = v[1] - v[2] + v[3];
  }
  static constexpr float weight[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
};

template <class Vec>
struct Winograd<Vec, 4, 3> : WinogradPoints<Vec, 6> {
  static void gradient(const Vec (&y)[4], Vec (&v)[6]) {
    const Vec even = y[0] + y[2], odd = y[1] + y[3];
    v[0] = y[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = times(0.125f, y[3], times(0.25f, y[2], times(0.5f, y[1], y[0])));
    v[4] = times(-8.0f, y[3], times(4.0f, y[2], times(-2.0f, y[1], y[0])));
    v[5] = y[3];
  }
  static void output(const Vec (&v)[6], Vec (&y)[4]) {
    const Vec sum = v[1] + v[2], difference = v[1] - v[2];
    y[0] = v[0] + sum + (v[3] + v[4]);
    y[1] = times(-2.0f, v[4], times(0.5f, v[3], difference));
    y[2] = times(4.0f, v[4], times(0.25f, v[3], sum));
    y[3] = times(-8.0f, v[4], times(0.125f, v[3], difference)) + v[5];
  }
  static constexpr float weight[6][3] = {{1, 0, 0},
                                         {1 / 3.0f, 1 / 3.0f, 1 / 3.0f},
                                         {-1 / 3.0f, 1 / 3.0f, -1 / 3.0f},
                                         {-16 / 15.0f, -8 / 15.0f, -4 / 15.0f},
                                         {1 / 15.0f, -2 / 15.0f, 4 / 15.0f},
                                         {0, 0, 1}};
};

template <class Vec>
struct Winograd<Vec, 2, 5> : WinogradPoints<Vec, 6> {
  static void gradient(const Vec (&y)[2], Vec (&v)[6]) {
    v[0] = y[0];
    v[1] = y[0] + y[1];
    v[2] = y[0] - y[1];
    v[3] = times(0.5f, y[1], y[0]);
    v[4] = times(-2.0f, y[1], y[0]);
    v[5] = y[1];
  }
  static void output(const Vec (&v)[6], Vec (&y)[2]) {
    y[0] = v[0] + (v[1] + v[2]) + (v[3] + v[4]);
    y[1] = times(-2.0f, v[4], times(0.5f, v[3], v[1] - v[2])) + v[5];
  }
  static constexpr float weight[6][5] = {{1, 0, 0, 0, 0},
                                         {1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 1 / 3.0f},
                                         {-1 / 3.0f, 1 / 3.0f, -1 / 3.0f, 1 / 3.0f, -1 / 3.0f},
                                         {-16 / 15.0f, -8 / 15.0f, -4 / 15.0f, -2 / 15.0f, -1 / 15.0f},
                                         {1 / 15.0f, -2 / 15.0f, 4 / 15.0f, -8 / 15.0f, 16 / 15.0f},
                                         {0, 0, 0, 0, 1}};
};

/// Applies a 1-D transform to the rows, then to the columns, of a square.
template <class Vec, int in, int out, class Transform, class Load, class Store>
inline __attribute__((always_inline)) void transformSquare(Transform transform, Load load, Store store) {
  Vec half[in][out];
#pragma GCC unroll 6
  for (int i = 0; i < in; ++i) {
    Vec row[in];
#pragma GCC unroll 6
    for (int j = 0; j < in; ++j) row[j] = load(i, j);
    transform(row, half[i]);
  }
#pragma GCC unroll 6
  for (int j = 0; j < out; ++j) {
    Vec column[in], result[out];
#pragma GCC unroll 6
    for (int i = 0; i < in; ++i) column[i] = half[i][j];
    transform(column, result);
#pragma GCC unroll 6
    for (int i = 0; i < out; ++i) store(i, j, result[i]);
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

/// The transform of each tile's side × side values to n × n planes, in blocks of 64 channels.
template <class Vec, int side, int n, class Kernel, class Transform>
void transformTiles(const Kernel& k, int step, Transform transform) {
  const WinogradTiles& tiles = k.tiles;
  const int64_t planeStep = k.planeStep;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const float* d[side][side];
    winogradValues<side>(tiles, k.images, k.zeros, WinogradPlace(tiles, tiles.from + t), step, d);
    for (int64_t first = 0; first < tiles.channels; first += panelColumns) {
      const int64_t rest = tiles.channels - first;
      float* to = k.planes + first / panelColumns * k.blockStep + t * panelColumns;
      forVectors<Vec>(rest < panelColumns ? rest : panelColumns, [&](int64_t c, auto load,
                                                                     auto) __attribute__((always_inline)) {
        transformSquare<Vec, side, n>(
            transform, [&](int i, int j) __attribute__((always_inline)) { return load(d[i][j] + first + c); },
            [&](int i, int j, Vec v)
                __attribute__((always_inline)) { v.store(to + (i * n + j) * planeStep + c); });
      });
    }
  }
}

template <int m, int r>
template <class Vec>
void WinogradInput<m, r>::run() const {
  constexpr int n = m + r - 1;
  transformTiles<Vec, n, n>(*this, m,
                            [](const Vec(&from)[n], Vec(&result)[n])
                                __attribute__((always_inline)) { Winograd<Vec, m, r>::input(from, result); });
}

template <int m, int r>
template <class Vec>
void WinogradGradient<m, r>::run() const {
  constexpr int n = m + r - 1;
  transformTiles<Vec, m, n>(*this, m,
                            [](const Vec(&from)[m], Vec(&result)[n]) __attribute__((always_inline)) {
                              Winograd<Vec, m, r>::gradient(from, result);
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
    const WinogradPlace at(tiles, tiles.from + t);
    const int64_t top = at.row * m, left = at.column * m;
    const int64_t down = tiles.height - top < m ? tiles.height - top : m;
    const int64_t across = tiles.width - left < m ? tiles.width - left : m;
    float* to = images + ((at.image * tiles.height + top) * tiles.width + left) * pixel + column;
    const float* added = end.residual ? end.residual + (to - images) : nullptr;
    const float* from = planes + t * panelColumns;
    const Vec floor = Vec::broadcast(end.relu ? 0.0f : -INFINITY);
    const auto tile = [&](auto whole) __attribute__((always_inline)) {
      writeVectors<Vec>(
          to, columns, stream, [&](int64_t k, auto load, auto store) __attribute__((always_inline)) {
            const Vec shift = end.bias ? load(end.bias + column + k) : Vec::broadcast(0.0f);
            transformSquare<Vec, n, m>(
                [](const auto& in, Vec(&out)[m])
                    __attribute__((always_inline)) { Winograd<Vec, m, r>::output(in, out); },
                [&](int i, int j)
                    __attribute__((always_inline)) { return load(from + (i * n + j) * step + k); },
                [&](int i, int j, Vec v) __attribute__((always_inline)) {
                  if (!whole() && (i >= down || j >= across)) return;
                  const int64_t at = (i * tiles.width + j) * pixel + k;
                  Vec sum = v + shift;
                  if (added) sum = sum + load(added + at);
                  store(to + at, max(floor, sum));
                });
          });
    };
    if (down == m && across == m)
      tile([] { return true; });
    else
      tile([] { return false; });
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
