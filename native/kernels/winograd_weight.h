// The transforms of Winograd's minimal filtering (kernels/winograd.h) on the side of the weights: U = G g Gᵀ,
// and from the gradients of U to those of g.
#pragma once

#include "kernels/kernel.h"
#include "kernels/winograd_points.h"

namespace striate {

/// g(i, j, d, k) = from[i·tapRow + j·tapColumn + d·depthStep + k·columnStep].
struct WinogradTaps {
  const float* from;
  int64_t tapRow, tapColumn, depthStep, columnStep;
};

/// panels[p] = (G g Gᵀ)ₚ, packed as by PackPanels, for depths [depthFrom, depthTo) of `depth` and at most 64
/// columns. Where columns are not contiguous, depths are.
template <int m, int r, int s = r>
struct WinogradWeight {
  WinogradTaps taps;
  int64_t depth, columns;
  int64_t depthFrom, depthTo;
  float* panels;
  int64_t planeStep;
  template <class Vec>
  void run() const;
};

/// dg(i, j, c, k) = (Gᵀ[planes]G)(i, j) for `columns` ≤ 64 of k: gradient[i·tapRow + j·tapStep + c·rowStep +
/// k] from planes[p·planeStep + c·64 + k].
template <int m, int r, int s = r>
struct WinogradWeightGradient {
  const float* planes;
  int64_t planeStep, rows, columns;
  float* gradient;
  int64_t tapRow, tapStep, rowStep;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"
#include "kernels/matmul_tile.h"
#include "kernels/transpose.h"

namespace striate {

/// Σ_i factors[i]·a[i]
template <class Vec, int r>
inline __attribute__((always_inline)) Vec winogradMix(const float (&factors)[r], const Vec (&a)[r]) {
  Vec sum = Vec::broadcast(factors[0]) * a[0];
  for (int i = 1; i < r; ++i) sum = times(factors[i], a[i], sum);
  return sum;
}

/// (G g Gᵀ) of taps given by column, then row.
template <class Vec, int m, int r, int s>
inline __attribute__((always_inline)) void winogradWeight(const Vec (&taps)[s][r], float* to,
                                                          int64_t planeStep) {
  constexpr int high = m + r - 1, wide = m + s - 1;
  const auto& down = Winograd<Vec, m, r>::weight;
  const auto& across = Winograd<Vec, m, s>::weight;
  for (int row = 0; row < high; ++row) {
    Vec half[s];
    for (int j = 0; j < s; ++j) half[j] = winogradMix(down[row], taps[j]);
    for (int j = 0; j < wide; ++j) winogradMix(across[j], half).store(to + (row * wide + j) * planeStep);
  }
}

/// The same for depths [0, depths) and so many columns of one vector, with depths contiguous: they are turned
/// a cache line at a time. These lie on many pages, where the processor foresees nothing, so that those of
/// the next time are asked for, in the end of the columns that follow.
template <class Vec, int m, int r, int s>
void winogradTurned(const WinogradTaps& g, const float* from, int64_t depths, int64_t columns, float* to,
                    int64_t width, int64_t planeStep) {
  float turned[s][r][lineFloats][Vec::size] = {};
  for (int64_t d = 0; d < depths; d += lineFloats) {
    const int64_t count = depths - d < lineFloats ? depths - d : lineFloats;
    const bool whole = count == lineFloats && columns == Vec::size;
    for (int i = 0; i < r; ++i)
      for (int j = 0; j < s; ++j) {
        const float* corner = from + i * g.tapRow + j * g.tapColumn + d;
        if (whole)
          for (int64_t at = 0; at < lineFloats; at += Vec::size)
            transposeSquare<Vec>(corner + at, g.columnStep, turned[j][i][at], Vec::size);
        else
          for (int64_t k = 0; k < columns; ++k)
            for (int64_t at = 0; at < count; ++at) turned[j][i][at][k] = corner[k * g.columnStep + at];
      }
    const float* soon = d + lineFloats < depths ? from + d + lineFloats : from + Vec::size * g.columnStep;
    for (int64_t at = 0; at < count; ++at) {
      Vec taps[s][r];
      for (int i = 0; i < r; ++i)
        for (int j = 0; j < s; ++j) {
          if (at < Vec::size)
            __builtin_prefetch(soon + i * g.tapRow + j * g.tapColumn + at * g.columnStep, 0, 3);
          taps[j][i] = Vec::load(turned[j][i][at]);
        }
      winogradWeight<Vec, m, r, s>(taps, to + (d + at) * width, planeStep);
    }
  }
}

template <int m, int r, int s>
template <class Vec>
void WinogradWeight<m, r, s>::run() const {
  float* panel = panels;
  for (int64_t column = 0; column < columns;) {
    const int64_t width = panelVectors<Vec>((columns - column + Vec::size - 1) / Vec::size) * Vec::size;
    const int64_t used = width < columns - column ? width : columns - column;
    const float* from = taps.from + depthFrom * taps.depthStep + column * taps.columnStep;
    float* to = panel + depthFrom * width;
    if (taps.columnStep != 1)
      for (int64_t k = 0; k < used; k += Vec::size)
        winogradTurned<Vec, m, r, s>(taps, from + k * taps.columnStep, depthTo - depthFrom,
                                     used - k < Vec::size ? used - k : Vec::size, to + k, width, planeStep);
    else
      for (int64_t d = 0; d < depthTo - depthFrom; ++d)
        forVectors<Vec>(used, [&](int64_t k, auto load, auto) {
          Vec g[s][r];
          for (int i = 0; i < r; ++i)
            for (int j = 0; j < s; ++j)
              g[j][i] = load(from + i * taps.tapRow + j * taps.tapColumn + d * taps.depthStep + k);
          winogradWeight<Vec, m, r, s>(g, to + d * width + k, planeStep);
        });
    for (int64_t d = 0; d < depthTo - depthFrom; ++d)
      for (int64_t k = (used + Vec::size - 1) / Vec::size * Vec::size; k < width; ++k)
        for (int64_t p = 0; p < winogradPlanes<m, r, s>; ++p) to[p * planeStep + d * width + k] = 0.0f;
    panel += depth * width;
    column += width;
  }
}

template <int m, int r, int s>
template <class Vec>
void WinogradWeightGradient<m, r, s>::run() const {
  constexpr int high = m + r - 1, wide = m + s - 1;
  const auto& down = Winograd<Vec, m, r>::weight;
  const auto& across = Winograd<Vec, m, s>::weight;
  for (int64_t c = 0; c < rows; ++c) {
    const float* from = planes + c * panelColumns;
    float* to = gradient + c * rowStep;
    forVectors<Vec>(columns, [&](int64_t k, auto load, auto store) {
      // Of its own, so that the compiler knows that no store changes them.
      const int64_t plane = planeStep, row = tapRow, step = tapStep;
      const float* const sums = from + k;
      float* const taps = to + k;
      Vec half[r][wide];
      for (int j = 0; j < wide; ++j) {
        Vec sum[r];
        for (int i = 0; i < high; ++i) {
          const Vec v = load(sums + (i * wide + j) * plane);
          for (int tap = 0; tap < r; ++tap)
            sum[tap] = i == 0 ? Vec::broadcast(down[0][tap]) * v : times(down[i][tap], v, sum[tap]);
        }
        for (int tap = 0; tap < r; ++tap) half[tap][j] = sum[tap];
      }
      for (int i = 0; i < r; ++i)
        for (int tap = 0; tap < s; ++tap) {
          Vec sum = Vec::broadcast(across[0][tap]) * half[i][0];
          for (int j = 1; j < wide; ++j) sum = times(across[j][tap], half[i][j], sum);
          store(taps + i * row + tap * step, sum);
        }
    });
  }
}

template void WinogradWeight<2, 3>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<2, 3>::run<STRIATE_VEC>() const;
template void WinogradWeight<4, 3>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4, 3>::run<STRIATE_VEC>() const;
template void WinogradWeight<2, 5>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<2, 5>::run<STRIATE_VEC>() const;
template void WinogradWeight<3, 4>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<3, 4>::run<STRIATE_VEC>() const;
template void WinogradWeight<4, 2>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4, 2>::run<STRIATE_VEC>() const;
template void WinogradWeight<4, 2, 1>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4, 2, 1>::run<STRIATE_VEC>() const;
template void WinogradWeight<4, 1, 2>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4, 1, 2>::run<STRIATE_VEC>() const;
template void WinogradWeight<4, 1>::run<STRIATE_VEC>() const;
template void WinogradWeightGradient<4, 1>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
