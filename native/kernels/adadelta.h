// A step of Adadelta over a run of elements, in place.
#pragma once

#include "kernels/gradient_use.h"

namespace striate {

/// s ← rho·s + (1 − rho)·g²; d = √(a + eps) / √(s + eps) · g; a ← rho·a + (1 − rho)·d²; p ← p − lr·d
struct AdadeltaStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *square, *change;
  int64_t n;
  float lr, rho, share, eps;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void AdadeltaStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const squares = square, *const changes = change;
  const Vec rate = Vec::broadcast(-lr), kept = Vec::broadcast(rho), fresh = Vec::broadcast(share),
            least = Vec::broadcast(eps);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(ps + i), g = used.at(i, p, load), a = load(changes + i);
    const Vec s = fma(kept, load(squares + i), fresh * (g * g));
    const Vec d = sqrt(a + least) / sqrt(s + least) * g;
    store(squares + i, s);
    store(changes + i, fma(kept, a, fresh * (d * d)));
    store(ps + i, fma(rate, d, p));
  });
}

template void AdadeltaStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
