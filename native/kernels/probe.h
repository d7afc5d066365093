// What the machine gives at most: multiply-adds in registers, and streams through memory.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// values ← values·a + b, `rounds` times over `count` floats held in registers: enough sums side by side that
/// none waits for its own last result.
struct ProbeMultiplyAdd {
  /// Room for `count` in any instruction set.
  static constexpr int64_t most = 256;
  float* values;
  int64_t rounds;
  int64_t* count;  ///< told: sums that a round moves on
  template <class Vec>
  void run() const;
};

/// y ← x
struct ProbeCopy {
  const float* x;
  float* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// z ← x + a·y
struct ProbeTriad {
  const float *x, *y;
  float* z;
  float a;
  int64_t n;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void ProbeMultiplyAdd::run() const {
  // Two units with a latency of 4 want 8. The compiler makes vectors of four of the scalar ones, as it does
  // in the kernels.
  constexpr int sums = Vec::size == 1 ? 48 : 12;
  // The result stays finite and normal: it goes towards b / (1 − a) = 1.
  const Vec a = Vec::broadcast(0.75f), b = Vec::broadcast(0.25f);
  Vec sum[sums];
#pragma GCC unroll 48
  for (int i = 0; i < sums; ++i) sum[i] = Vec::load(values + i * Vec::size);
  const int64_t n = rounds;
  for (int64_t round = 0; round < n; ++round)
#pragma GCC unroll 48
    for (int i = 0; i < sums; ++i) sum[i] = fma(sum[i], a, b);
#pragma GCC unroll 48
  for (int i = 0; i < sums; ++i) sum[i].store(values + i * Vec::size);
  *count = sums * Vec::size;
}

template <class Vec>
void ProbeCopy::run() const {
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) { store(y + i, load(x + i)); });
}

template <class Vec>
void ProbeTriad::run() const {
  const Vec factor = Vec::broadcast(a);
  forVectors<Vec>(
      n, [&](int64_t i, auto load, auto store) { store(z + i, fma(factor, load(y + i), load(x + i))); });
}

template void ProbeMultiplyAdd::run<STRIATE_VEC>() const;
template void ProbeCopy::run<STRIATE_VEC>() const;
template void ProbeTriad::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
