// What L-BFGS does to vectors.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// *sum = Σ a·b; in blocks, whose sums are added in double precision.
struct Dot {
  const float *a, *b;
  int64_t n;
  double* sum;
  template <class Vec>
  void run() const;
};

/// y += factor·x
struct AddScaled {
  const float* x;
  float* y;
  int64_t n;
  float factor;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void Dot::run() const {
  constexpr int64_t block = 1024;
  const float *const as = a, *const bs = b;
  double total = 0;
  for (int64_t from = 0; from < n; from += block) {
    const int64_t count = n - from < block ? n - from : block;
    Vec sums[4];
    for (Vec& part : sums) part = Vec::broadcast(0.0f);
    int64_t i = from;
    for (; i + 4 * Vec::size <= from + count; i += 4 * Vec::size)
      for (int k = 0; k < 4; ++k)
        sums[k] = fma(Vec::load(as + i + k * Vec::size), Vec::load(bs + i + k * Vec::size), sums[k]);
    forVectors<Vec>(from + count - i, [&](int64_t j, auto load, auto) {
      sums[0] = fma(load(as + i + j), load(bs + i + j), sums[0]);
    });
    total += static_cast<double>(((sums[0] + sums[1]) + (sums[2] + sums[3])).sum());
  }
  *sum = total;
}

template <class Vec>
void AddScaled::run() const {
  const float* const xs = x;
  float* const ys = y;
  const Vec scale = Vec::broadcast(factor);
  forVectors<Vec>(
      n, [&](int64_t i, auto load, auto store) { store(ys + i, fma(scale, load(xs + i), load(ys + i))); });
}

template void Dot::run<STRIATE_VEC>() const;
template void AddScaled::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
