// Eigenvalues and eigenvectors of a symmetric matrix in double precision: Householder's reduction to three
// diagonals, and the rotations of the QL algorithm. Golub and Van Loan, "Matrix computations", chapter 8.
#pragma once

#include "kernels/orthogonal.h"

namespace striate {

/// Rows [first, first + count) of the matrix a [n, n], from column `begin` on: takes out u·wᵀ + w·uᵀ, where
/// given, and tells their products with v.
struct ReduceRows {
  double* a;
  int64_t n, begin;
  const double *u, *w, *v;
  double* products;
  int64_t first, count;
  template <class Vec>
  void run() const;
};

/// Rows [first, first + count) of basis [n, n]: row j is H₀·H₁···eⱼ, where Hₖ = I − taus[k]·v·vᵀ and v is row
/// k of `reflectors` from column k + 1 on.
struct FormBasis {
  const double *reflectors, *taus;
  int64_t n;
  double* basis;
  int64_t first, count;
  template <class Vec>
  void run() const;
};

/// A rotation of two neighbouring rows: the upper becomes c·upper − s·lower, the lower s·upper + c·lower.
struct Rotation {
  double c, s;
};

/// Rotations of rows (high, high + 1), (high − 1, high), … one after the other, `count` of them.
struct Sweep {
  int64_t high, count;
};

/// Works off sweeps, whose rotations follow one another, on columns [from, from + columns) of `rows` [n, n].
struct RotateRows {
  /// Columns that one call takes at most.
  static constexpr int width = 16;
  double* rows;
  int64_t n;
  const Sweep* sweeps;
  int64_t sweepCount;
  const Rotation* rotations;
  int64_t from, columns;
  double* scratch;  // [n, width]
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

template <class Vec>
void ReduceRows::run() const {
  const int64_t length = n - begin;
  const double* const along = v + begin;
  for (int64_t r = first; r < first + count; ++r) {
    double* const row = a + r * n + begin;
    if (u) {
      const double *const us = u + begin, *const ws = w + begin, ofU = u[r], ofW = w[r];
      for (int64_t i = 0; i < length; ++i) row[i] -= ofU * ws[i] + ofW * us[i];
    }
    products[r] = dot<Vec>(row, along, length);
  }
}

template <class Vec>
void FormBasis::run() const {
  for (int64_t j = first; j < first + count; ++j) {
    ::memset(basis + j * n, 0, static_cast<size_t>(n) * sizeof(double));
    basis[j * n + j] = 1;
  }
  const int64_t last = first + count - 1;
  // Those past the last row's own leave it as it is.
  for (int64_t k = (last < n - 2 ? last : n - 2) - 1; k >= 0; --k) {
    if (taus[k] == 0) continue;
    const double* const v = reflectors + k * n + k + 1;
    const int64_t length = n - k - 1;
    for (int64_t j = first > k + 1 ? first : k + 1; j <= last; ++j) {
      double* const row = basis + j * n + k + 1;
      const double part = taus[k] * dot<Vec>(v, row, length);
      for (int64_t i = 0; i < length; ++i) row[i] -= part * v[i];
    }
  }
}

template <class Vec>
void RotateRows::run() const {
  const size_t rowBytes = static_cast<size_t>(columns) * sizeof(double);
  // Rows lie a power of two apart, perhaps, where a cache has few places for all of them.
  for (int64_t r = 0; r < n; ++r) {
    if (columns < width) ::memset(scratch + r * width, 0, width * sizeof(double));
    ::memcpy(scratch + r * width, rows + r * n + from, rowBytes);
  }
  const Rotation* next = rotations;
  for (int64_t k = 0; k < sweepCount; ++k) {
    double lower[width];
    double* at = scratch + (sweeps[k].high + 1) * width;
    for (int i = 0; i < width; ++i) lower[i] = at[i];
    for (int64_t left = sweeps[k].count; left > 0; --left, ++next) {
      const double c = next->c, s = next->s;
      double* const upper = at - width;
      for (int i = 0; i < width; ++i) {
        const double value = upper[i];
        at[i] = s * value + c * lower[i];
        lower[i] = c * value - s * lower[i];
      }
      at = upper;
    }
    for (int i = 0; i < width; ++i) at[i] = lower[i];
  }
  for (int64_t r = 0; r < n; ++r) ::memcpy(rows + r * n + from, scratch + r * width, rowBytes);
}

template void ReduceRows::run<STRIATE_VEC>() const;
template void FormBasis::run<STRIATE_VEC>() const;
template void RotateRows::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
