// A step of AdaGrad over a run of elements, in place.
#pragma once

#include "kernels/gradient_use.h"

namespace striate {

/// s ← s + g²; p ← p − lr·g / (√s + eps)
struct AdagradStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *sum;
  int64_t n;
  float lr, eps;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void AdagradStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const sums = sum;
  const Vec rate = Vec::broadcast(-lr), least = Vec::broadcast(eps);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(ps + i), g = used.at(i, p, load), s = fma(g, g, load(sums + i));
    store(sums + i, s);
    store(ps + i, fma(rate, g / (sqrt(s) + least), p));
  });
}

template void AdagradStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
