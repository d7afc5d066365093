// The transforms of Winograd's minimal filtering for kernels of 3 × 3: an m × m tile of the output costs
// n² = (m + 2)² products for each pair of channels instead of 9m² (Lavin and Gray, 2016). With 1-D matrices
// A [n, m], B [n, n] and G [n, 3]
//   y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A   and   dg = Gᵀ[(A dy Aᵀ) ⊙ (Bᵀ d B)]G.
// Each place of the n × n is a plane: over tiles and channels it is a matrix, and ⊙ becomes n² products.
//
// m = 2 interpolates at 0, 1, −1; m = 4 at 0, 1, −1, ½, −2, which errs half as much as 0, ±1, ±2.
#pragma once

#include "kernels/kernel.h"

namespace striate {

template <int m>
constexpr int winogradPlanes = (m + 2) * (m + 2);

/// Tiles [from, from + count) of images [height, width, channels], counted row by row through all images.
/// Tile (0, 0) of an image starts at its place (−top, −left).
struct WinogradTiles {
  int64_t height, width, channels;
  int64_t rows, columns;  ///< of tiles in an image
  int64_t top, left;
  int64_t from, count;
};

/// (Bᵀ d B)ₚ of the tiles' (m + 2)² values, which are zero beyond the image:
/// planes[p·planeStep + c / 64·blockStep + t·tileStep + c mod 64].
template <int m>
struct WinogradInput {
  WinogradTiles tiles;
  const float* images;
  const float* zeros;  ///< as many as channels
  float* planes;
  int64_t tileStep, blockStep, planeStep;
  template <class Vec>
  void run() const;
};

/// (A dy Aᵀ)ₚ of the tiles' m² values, which are zero beyond the image, in blocks of 64 channels:
/// planes[p·planeStep + c / 64·blockStep + t·64 + c mod 64].
template <int m>
struct WinogradGradient {
  WinogradTiles tiles;
  const float* images;
  const float* zeros;
  float* planes;
  int64_t blockStep, planeStep;
  template <class Vec>
  void run() const;
};

/// panels[p] = (G g Gᵀ)ₚ, packed as by PackPanels, for the planes of rows [rowFrom, rowTo) of the n × n,
/// depths [depthFrom, depthTo) of `depth` and at most 64 columns; g(tap, d, k) = weight[tap·tapStep +
/// d·depthStep + k].
template <int m>
struct WinogradWeight {
  const float* weight;
  int64_t tapStep, depthStep, depth, columns;
  int64_t rowFrom, rowTo, depthFrom, depthTo;
  float* panels;
  int64_t planeStep;
  template <class Vec>
  void run() const;
};

/// The tiles' outputs Aᵀ[planes]A + bias, then ReLU, for columns of the channels from `column` on;
/// planes[p][t][64].
template <int m>
struct WinogradOutput {
  WinogradTiles tiles;
  const float* planes;
  int64_t planeStep;
  int64_t column, columns;
  const float* bias;  ///< by channel, or null
  bool relu;
  float* images;
  template <class Vec>
  void run() const;
};

/// dg(tap, i) = (Gᵀ[planes]G)(tap) for the elements of a plane.
template <int m>
struct WinogradWeightGradient {
  const float* planes;
  int64_t planeStep, elements;
  float* gradient;
  int64_t tapStep;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"
#include "kernels/matmul_tile.h"

namespace striate {

/// The 1-D transforms, as sums that share their terms.
template <class Vec, int m>
struct Winograd;

template <class Vec>
struct Winograd<Vec, 2> {
  static void input(const Vec (&d)[4], Vec (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
  }
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
struct Winograd<Vec, 4> {
  static void input(const Vec (&d)[6], Vec (&v)[6]) {
    const Vec two = Vec::broadcast(2.0f), half = Vec::broadcast(0.5f), more = Vec::broadcast(1.5f);
    const Vec zero = Vec::broadcast(0.0f);
    const Vec even = d[4] - d[2], odd = d[3] - d[1];
    v[0] = fma(more, odd, fma(zero - two, d[2], d[0] + d[4]));
    v[1] = fma(more, d[2] + d[3], even + odd);
    v[2] = fma(more, d[3] - d[2], even - odd);
    v[3] = fma(two, odd, even);
    v[4] = fma(zero - half, odd, even);
    v[5] = fma(more, even, fma(zero - two, d[3], d[1] + d[5]));
  }
  static void gradient(const Vec (&y)[4], Vec (&v)[6]) {
    const auto times = [](float factor, Vec a, Vec b) { return fma(Vec::broadcast(factor), a, b); };
    const Vec even = y[0] + y[2], odd = y[1] + y[3];
    v[0] = y[0];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = times(0.125f, y[3], times(0.25f, y[2], times(0.5f, y[1], y[0])));
    v[4] = times(-8.0f, y[3], times(4.0f, y[2], times(-2.0f, y[1], y[0])));
    v[5] = y[3];
  }
  static void output(const Vec (&v)[6], Vec (&y)[4]) {
    const auto times = [](float factor, Vec a, Vec b) { return fma(Vec::broadcast(factor), a, b); };
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

template <int m>
template <class Vec>
void WinogradInput<m>::run() const {
  constexpr int n = m + 2;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const float* d[n][n];
    winogradValues<n>(tiles, images, zeros, WinogradPlace(tiles, tiles.from + t), m, d);
    const int64_t step = planeStep;
    for (int64_t first = 0; first < tiles.channels; first += panelColumns) {
      const int64_t rest = tiles.channels - first;
      float* to = planes + first / panelColumns * blockStep + t * tileStep;
      forVectors<Vec>(rest < panelColumns ? rest : panelColumns,
                      [&](int64_t c, auto load, auto store) __attribute__((always_inline)) {
                        transformSquare<Vec, n, n>(
                            [](const Vec(&from)[n], Vec(&result)[n])
                                __attribute__((always_inline)) { Winograd<Vec, m>::input(from, result); },
                            [&](int i, int j)
                                __attribute__((always_inline)) { return load(d[i][j] + first + c); },
                            [&](int i, int j, Vec v)
                                __attribute__((always_inline)) { store(to + (i * n + j) * step + c, v); });
                      });
    }
  }
}

template <int m>
template <class Vec>
void WinogradGradient<m>::run() const {
  constexpr int n = m + 2;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const float* d[m][m];
    winogradValues<m>(tiles, images, zeros, WinogradPlace(tiles, tiles.from + t), m, d);
    const int64_t step = planeStep;
    for (int64_t first = 0; first < tiles.channels; first += panelColumns) {
      const int64_t rest = tiles.channels - first;
      float* to = planes + first / panelColumns * blockStep + t * panelColumns;
      forVectors<Vec>(rest < panelColumns ? rest : panelColumns,
                      [&](int64_t c, auto load, auto store) __attribute__((always_inline)) {
                        transformSquare<Vec, m, n>(
                            [](const Vec(&from)[m], Vec(&result)[n])
                                __attribute__((always_inline)) { Winograd<Vec, m>::gradient(from, result); },
                            [&](int i, int j)
                                __attribute__((always_inline)) { return load(d[i][j] + first + c); },
                            [&](int i, int j, Vec v)
                                __attribute__((always_inline)) { store(to + (i * n + j) * step + c, v); });
                      });
    }
  }
}

template <int m>
template <class Vec>
void WinogradWeight<m>::run() const {
  constexpr int n = m + 2;
  const auto& g = Winograd<Vec, m>::weight;
  float* panel = panels;
  for (int64_t column = 0; column < columns;) {
    const int64_t width = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size) * Vec::size;
    const int64_t used = width < columns - column ? width : columns - column;
    for (int64_t d = depthFrom; d < depthTo; ++d) {
      const float* from = weight + d * depthStep + column;
      float* to = panel + d * width;
      forVectors<Vec>(used, [&](int64_t k, auto load, auto) {
        Vec taps[3][3];
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) taps[i][j] = load(from + (3 * i + j) * tapStep + k);
        for (int64_t row = rowFrom; row < rowTo; ++row) {
          Vec half[3];
          const auto mix = [](const float(&factors)[3], Vec a, Vec b, Vec c) {
            return fma(Vec::broadcast(factors[2]), c,
                       fma(Vec::broadcast(factors[1]), b, Vec::broadcast(factors[0]) * a));
          };
          for (int j = 0; j < 3; ++j) half[j] = mix(g[row], taps[0][j], taps[1][j], taps[2][j]);
          for (int j = 0; j < n; ++j)
            mix(g[j], half[0], half[1], half[2]).store(to + ((row - rowFrom) * n + j) * planeStep + k);
        }
      });
      for (int64_t k = (used + Vec::size - 1) / Vec::size * Vec::size; k < width; ++k)
        for (int64_t p = 0; p < (rowTo - rowFrom) * n; ++p) to[p * planeStep + k] = 0.0f;
    }
    panel += depth * width;
    column += width;
  }
}

template <int m>
template <class Vec>
void WinogradOutput<m>::run() const {
  constexpr int n = m + 2;
  const int64_t pixel = tiles.channels, step = planeStep;
  for (int64_t t = 0; t < tiles.count; ++t) {
    const WinogradPlace at(tiles, tiles.from + t);
    const int64_t top = at.row * m, left = at.column * m;
    const int64_t down = tiles.height - top < m ? tiles.height - top : m;
    const int64_t across = tiles.width - left < m ? tiles.width - left : m;
    float* to = images + ((at.image * tiles.height + top) * tiles.width + left) * pixel + column;
    const float* from = planes + t * panelColumns;
    const Vec floor = Vec::broadcast(relu ? 0.0f : -__builtin_inff());
    const auto tile = [&](auto whole) __attribute__((always_inline)) {
      forVectors<Vec>(columns, [&](int64_t k, auto load, auto store) __attribute__((always_inline)) {
        const Vec shift = bias ? load(bias + column + k) : Vec::broadcast(0.0f);
        transformSquare<Vec, n, m>(
            [](const auto& in, Vec(&out)[m])
                __attribute__((always_inline)) { Winograd<Vec, m>::output(in, out); },
            [&](int i, int j) __attribute__((always_inline)) { return load(from + (i * n + j) * step + k); },
            [&](int i, int j, Vec v) __attribute__((always_inline)) {
              if (whole() || (i < down && j < across))
                store(to + (i * tiles.width + j) * pixel + k, max(floor, v + shift));
            });
      });
    };
    if (down == m && across == m)
      tile([] { return true; });
    else
      tile([] { return false; });
  }
}

template <int m>
template <class Vec>
void WinogradWeightGradient<m>::run() const {
  constexpr int n = m + 2;
  const auto& g = Winograd<Vec, m>::weight;
  forVectors<Vec>(elements, [&](int64_t k, auto load, auto store) {
    Vec half[3][n];
    for (int j = 0; j < n; ++j) {
      Vec sum[3];
      for (int i = 0; i < n; ++i) {
        const Vec v = load(planes + (i * n + j) * planeStep + k);
        for (int tap = 0; tap < 3; ++tap)
          sum[tap] = i == 0 ? Vec::broadcast(g[0][tap]) * v : fma(Vec::broadcast(g[i][tap]), v, sum[tap]);
      }
      for (int tap = 0; tap < 3; ++tap) half[tap][j] = sum[tap];
    }
    for (int i = 0; i < 3; ++i)
      for (int tap = 0; tap < 3; ++tap) {
        Vec sum = Vec::broadcast(g[0][tap]) * half[i][0];
        for (int j = 1; j < n; ++j) sum = fma(Vec::broadcast(g[j][tap]), half[i][j], sum);
        store(gradient + (3 * i + tap) * tapStep + k, sum);
      }
  });
}

template void WinogradInput<2>::run<STRIATE_VEC>() const;
template void WinogradGradient<2>::run<STRIATE_VEC>() const;
template void WinogradWeight<2>::run<STRIATE_VEC>() const;
template void WinogradOutput<2>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<2>::run<STRIATE_VEC>() const;
template void WinogradInput<4>::run<STRIATE_VEC>() const;
template void WinogradGradient<4>::run<STRIATE_VEC>() const;
template void WinogradWeight<4>::run<STRIATE_VEC>() const;
template void WinogradOutput<4>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
