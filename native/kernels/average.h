// A moving average of a run of elements, in place.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// a ← a + share·(v − a)
struct AverageStep {
  float* average;
  const float* value;
  int64_t n;
  float share;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void AverageStep::run() const {
  float* const as = average;
  const float* const vs = value;
  const Vec part = Vec::broadcast(share);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec a = load(as + i);
    store(as + i, fma(part, load(vs + i) - a, a));
  });
}

template void AverageStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
