// A step of Lion over a run of elements, in place.
#pragma once

#include "kernels/gradient_use.h"

namespace striate {

/// p ← keep·p − lr·sign(β₁·m + (1 − β₁)·g); m ← β₂·m + (1 − β₂)·g
struct LionStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *mean;
  int64_t n;
  float lr, beta1, share1, beta2, share2, keep;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void LionStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const ms = mean;
  const Vec rate = Vec::broadcast(lr), b1 = Vec::broadcast(beta1), fresh1 = Vec::broadcast(share1),
            b2 = Vec::broadcast(beta2), fresh2 = Vec::broadcast(share2), kept = Vec::broadcast(keep),
            zero = Vec::broadcast(0.0f);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(ps + i), g = used.at(i, p, load), m = load(ms + i);
    const Vec c = fma(b1, m, fresh1 * g);
    // Of 0, and of what is not a number, lr times itself.
    const Vec move = select(zero < c, rate, select(c < zero, zero - rate, rate * c));
    store(ms + i, fma(b2, m, fresh2 * g));
    store(ps + i, fma(kept, p, zero - move));
  });
}

template void LionStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
