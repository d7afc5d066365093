// Sums of squares, for what bounds the norms of gradients and weights.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// *sum = Σ min(max(g, −limit), limit)²; in blocks, whose sums are added in double precision.
struct SumOfSquares {
  const float* gradient;
  int64_t n;
  float limit;
  double* sum;
  template <class Vec>
  void run() const;
};

/// sums[c] += Σ over rows of w[r, c]²
struct SquaresOfColumns {
  const float* w;
  int64_t rows, columns;
  float* sums;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/gradient_use.h"

namespace striate {

template <class Vec>
void SumOfSquares::run() const {
  constexpr int64_t block = 1024;
  const float* const gs = gradient;
  const Vec bound = Vec::broadcast(limit);
  double total = 0;
  for (int64_t from = 0; from < n; from += block) {
    const int64_t count = n - from < block ? n - from : block;
    Vec sums[4];
    for (Vec& sum : sums) sum = Vec::broadcast(0.0f);
    int64_t i = 0;
    for (; i + 4 * Vec::size <= count; i += 4 * Vec::size)
      for (int k = 0; k < 4; ++k) {
        const Vec g = within(bound, Vec::load(gs + from + i + k * Vec::size));
        sums[k] = fma(g, g, sums[k]);
      }
    forVectors<Vec>(count - i, [&](int64_t j, auto load, auto) {
      const Vec g = within(bound, load(gs + from + i + j));
      sums[0] = fma(g, g, sums[0]);
    });
    total += static_cast<double>(((sums[0] + sums[1]) + (sums[2] + sums[3])).sum());
  }
  *sum = total;
}

template <class Vec>
void SquaresOfColumns::run() const {
  const float* const ws = w;
  float* const totals = sums;
  const int64_t count = rows, width = columns;
  int64_t c = 0;
  for (; c + 4 * Vec::size <= width; c += 4 * Vec::size) {
    Vec totalOf[4];
    for (int k = 0; k < 4; ++k) totalOf[k] = Vec::load(totals + c + k * Vec::size);
    for (int64_t r = 0; r < count; ++r)
      for (int k = 0; k < 4; ++k) {
        const Vec x = Vec::load(ws + r * width + c + k * Vec::size);
        totalOf[k] = fma(x, x, totalOf[k]);
      }
    for (int k = 0; k < 4; ++k) totalOf[k].store(totals + c + k * Vec::size);
  }
  forVectors<Vec>(width - c, [&](int64_t j, auto load, auto store) {
    Vec total = load(totals + c + j);
    for (int64_t r = 0; r < count; ++r) {
      const Vec x = load(ws + r * width + c + j);
      total = fma(x, x, total);
    }
    store(totals + c + j, total);
  });
}

template void SumOfSquares::run<STRIATE_VEC>() const;
template void SquaresOfColumns::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
