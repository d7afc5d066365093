// Orthonormal rows in double precision, by the modified Gram–Schmidt process: each row in turn is made of
// length 1, and taken out of all rows after it.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// rows[i] = x[i], as doubles.
struct Widen {
  const float* x;
  double* rows;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// row /= its length.
struct NormalizeRow {
  double* row;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// Subtracts from each of `count` rows of n elements its part along `unit`, a row of length 1.
struct TakeOutRow {
  const double* unit;
  double* rows;
  int64_t n, count;
  template <class Vec>
  void run() const;
};

/// y[i·columns + j] = gain·rows[i·rowStep + j·columnStep] for `count` rows i.
struct NarrowRows {
  const double* rows;
  float* y;
  double gain;
  int64_t count, columns, rowStep, columnStep;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

namespace striate {

/// In sixteen sums, the same for every instruction set.
template <class Vec>
double dot(const double* a, const double* b, int64_t n) {
  constexpr int parts = 16;
  double sums[parts] = {};
  int64_t i = 0;
  for (; i + parts <= n; i += parts)
    for (int k = 0; k < parts; ++k) sums[k] += a[i + k] * b[i + k];
  for (int k = 0; i < n; ++i, ++k) sums[k] += a[i] * b[i];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

template <class Vec>
void Widen::run() const {
  for (int64_t i = 0; i < n; ++i) rows[i] = static_cast<double>(x[i]);
}

template <class Vec>
void NormalizeRow::run() const {
  const double length = ::sqrt(dot<Vec>(row, row, n));
  if (length == 0) {
    row[0] = 1;
    return;
  }
  const double inverse = 1 / length;
  double* const values = row;
  for (int64_t i = 0, count = n; i < count; ++i) values[i] *= inverse;
}

template <class Vec>
void TakeOutRow::run() const {
  const double* const along = unit;
  const int64_t length = n;
  for (int64_t r = 0; r < count; ++r) {
    double* const row = rows + r * length;
    const double part = dot<Vec>(along, row, length);
    for (int64_t i = 0; i < length; ++i) row[i] -= part * along[i];
  }
}

template <class Vec>
void NarrowRows::run() const {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < columns; ++j)
      y[i * columns + j] = static_cast<float>(gain * rows[i * rowStep + j * columnStep]);
}

template void Widen::run<STRIATE_VEC>() const;
template void NormalizeRow::run<STRIATE_VEC>() const;
template void TakeOutRow::run<STRIATE_VEC>() const;
template void NarrowRows::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
