// Eigenvalues and eigenvectors of a symmetric matrix, in double precision.
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/eigen.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// A symmetric matrix on its way to its eigenvectors; for the compute thread.
class SymmetricEigen {
 public:
  /// Of the lower triangle of a [n, n].
  SymmetricEigen(const float* a, int64_t n)
      : n_(n), matrix_(takeDoubles(n * n)), basis_(takeDoubles(n * n)), rows_(takeDoubles(6 * n)) {
    double* const to = doubles(matrix_);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j <= i; ++j) to[i * n + j] = to[j * n + i] = static_cast<double>(a[i * n + j]);
  }

  void run() {
    reduce();
    formBasis();
    diagonalize();
  }

  /// Not in order.
  const double* values() const { return diagonal(); }
  /// Row i is the eigenvector of value i.
  const double* vectors() const { return doubles(basis_); }

 private:
  static Block takeDoubles(int64_t count) {
    return Block::take(std::max<int64_t>(1, count) * static_cast<int64_t>(sizeof(double)));
  }
  static double* doubles(const Block& block) { return static_cast<double*>(block.data()); }
  double* row(int64_t k) const { return doubles(rows_) + k * n_; }
  double* diagonal() const { return row(0); }
  /// Between places i and i + 1 of the diagonal.
  double* beside() const { return row(1); }
  double* taus() const { return row(2); }

  /// Rows are taken in such pieces that each is some elementGrain elements.
  int64_t rowsAtOnce(int64_t length) const { return std::max<int64_t>(1, elementGrain / length); }

  /// Step k brings row and column k to three diagonals: A becomes H·A·H with H = I − τ·v·vᵀ, which is
  /// A − v·wᵀ − w·vᵀ with w = p − ½τ(p·v)v and p = τ·A·v. That is taken out of the rows when the next step
  /// goes through them anyway. v stays in row k.
  void reduce() {
    double* const a = doubles(matrix_);
    double *v = nullptr, *w = row(3), *products = row(4);
    double* const pending = row(5);
    for (int64_t k = 0; k + 1 < n_; ++k) {
      double* const own = a + k * n_;
      if (v)
        for (int64_t i = k; i < n_; ++i) own[i] -= v[k] * w[i] + w[k] * v[i];
      diagonal()[k] = own[k];
      const int64_t begin = k + 1;
      double rest = 0;
      for (int64_t i = begin + 1; i < n_; ++i) rest += own[i] * own[i];
      const double first = own[begin];
      double tau = 0;
      beside()[k] = first;
      if (rest > 0) {
        const double length = std::sqrt(first * first + rest);
        const double next = first > 0 ? -length : length;
        tau = (next - first) / next;
        for (int64_t i = begin + 1; i < n_; ++i) own[i] /= first - next;
        beside()[k] = next;
      }
      own[begin] = 1;
      taus()[k] = tau;
      parallelRanges(n_ - begin, rowsAtOnce(n_ - begin), [&](int64_t from, int64_t to) {
        dispatch(ReduceRows{a, n_, begin, v, w, own, products, begin + from, to - from});
      });
      // w of the step before has been used by all rows.
      double along = 0;
      for (int64_t i = begin; i < n_; ++i) along += tau * products[i] * own[i];
      for (int64_t i = begin; i < n_; ++i) w[i] = tau * products[i] - 0.5 * tau * along * own[i];
      std::copy(own + begin, own + n_, pending + begin);
      v = pending;
    }
    const int64_t last = n_ - 1;
    diagonal()[last] = a[last * n_ + last] - (v ? 2 * v[last] * w[last] : 0);
    beside()[last] = 0;
  }

  void formBasis() {
    parallelRanges(n_, 8, [&](int64_t from, int64_t to) {
      dispatch(FormBasis{doubles(matrix_), taus(), n_, doubles(basis_), from, to - from});
    });
  }

  /// Whether the number beside place i is nothing, within what rounding has done already.
  bool parts(int64_t i, double floor) const {
    const double *d = diagonal(), *e = beside();
    return !(std::abs(e[i]) > DBL_EPSILON * std::max(floor, std::abs(d[i]) + std::abs(d[i + 1])));
  }

  /// The QL algorithm with Wilkinson's shifts, from the front on.
  void diagonalize() {
    double norm = 0;
    for (int64_t i = 0; i < n_; ++i) norm = std::max(norm, std::abs(diagonal()[i]) + std::abs(beside()[i]));
    const double floor = 0.01 * norm;
    for (int64_t l = 0; l < n_; ++l) {
      for (int steps = 0;; ++steps) {
        int64_t end = l;
        while (end + 1 < n_ && !parts(end, floor)) ++end;
        if (end == l) break;
        if (steps == 100) throw StateError("no eigenvalue after 100 steps");
        sweep(l, end);
        if (static_cast<int64_t>(rotations_.size()) > 32 * n_) rotate();
      }
    }
    rotate();
  }

  /// One step on places [l, end], which no small number parts.
  void sweep(int64_t l, int64_t end) {
    double *d = diagonal(), *e = beside();
    // The eigenvalue of the first two places that is nearer to the first.
    const double half = (d[l + 1] - d[l]) / (2 * e[l]);
    const double shift = d[l] - e[l] / (half + std::copysign(std::hypot(half, 1.0), half));
    double g = d[end] - shift, c = 1, s = 1, moved = 0;
    int64_t i = end - 1, count = 0;
    e[end] = 0;
    for (; i >= l; --i) {
      const double bulge = s * e[i], straight = c * e[i], length = std::hypot(bulge, g);
      if (i + 1 < end) e[i + 1] = length;
      if (length == 0) break;
      s = bulge / length;
      c = g / length;
      const double base = d[i + 1] - moved, turned = (d[i] - base) * s + 2 * c * straight;
      moved = s * turned;
      d[i + 1] = base + moved;
      g = c * turned - straight;
      rotations_.push_back({c, s});
      ++count;
    }
    // A length of 0 has parted them where it was found.
    if (i >= l) {
      d[i + 1] -= moved;
    } else {
      d[l] -= moved;
      e[l] = g;
    }
    if (count > 0) sweeps_.push_back({end - 1, count});
  }

  /// Applies the rotations so far to the basis.
  void rotate() {
    if (sweeps_.empty()) return;
    const int64_t slices = (n_ + RotateRows::width - 1) / RotateRows::width;
    parallelWithScratch(slices, 2 * n_ * RotateRows::width, [&](int64_t slice, float* scratch) {
      const int64_t from = slice * RotateRows::width;
      dispatch(RotateRows{doubles(basis_), n_, sweeps_.data(), static_cast<int64_t>(sweeps_.size()),
                          rotations_.data(), from, std::min<int64_t>(RotateRows::width, n_ - from),
                          reinterpret_cast<double*>(scratch)});
    });
    sweeps_.clear();
    rotations_.clear();
  }

  const int64_t n_;
  const Block matrix_, basis_, rows_;
  std::vector<Sweep> sweeps_;
  std::vector<Rotation> rotations_;
};

/// The eigenvalues [n] of a symmetric matrix [n, n], of which the lower triangle is read, from the least to
/// the greatest, and [n, n] whose columns are their eigenvectors: of length 1, and such that the element of
/// largest magnitude is positive.
inline std::pair<Tensor, Tensor> eigh(Stream& stream, const Tensor& a) {
  const char* operation = "eigh";
  requireType(operation, "input", a, DType::f32);
  requireRank(operation, "input", a, 2);
  const int64_t n = a.shape[0];
  if (a.shape[1] != n) throw RangeError("eigh: input " + a.shape.text() + " is no square matrix");
  const Tensor values(operation, Shape{n}, DType::f32), vectors(operation, a.shape, DType::f32);
  submit(stream, operation, {a}, {values, vectors}, [=] {
    if (n == 0) return;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j <= i; ++j)
        if (!std::isfinite(a.f32()[i * n + j]))
          throw RangeError("input is not finite at [" + std::to_string(i) + ", " + std::to_string(j) + "]");
    SymmetricEigen eigen(a.f32(), n);
    eigen.run();
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t i, int64_t j) { return eigen.values()[i] < eigen.values()[j]; });
    parallelRanges(n, 8, [&](int64_t from, int64_t to) {
      for (int64_t k = from; k < to; ++k) {
        const int64_t i = order[static_cast<size_t>(k)];
        const double* vector = eigen.vectors() + i * n;
        const double most = *std::max_element(vector, vector + n,
                                              [](double u, double v) { return std::abs(u) < std::abs(v); });
        values.f32()[k] = static_cast<float>(eigen.values()[i]);
        for (int64_t j = 0; j < n; ++j)
          vectors.f32()[j * n + k] = static_cast<float>(most < 0 ? -vector[j] : vector[j]);
      }
    });
  });
  return {values, vectors};
}

}  // namespace striate
