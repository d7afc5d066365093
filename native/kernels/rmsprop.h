// A step of RMSProp over a run of elements, in place.
#pragma once

#include "kernels/gradient_use.h"

namespace striate {

/// v ← α·v + (1 − α)·g²; m ← m + (1 − α)·(g − m) and w = v − m², or w = v without a mean;
/// d = g / (√w + eps); b ← momentum·b + d and p ← p − lr·b, or p ← p − lr·d without a velocity.
struct RmsPropStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *square, *mean, *velocity;
  int64_t n;
  float lr, alpha, share, eps, momentum;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void RmsPropStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const squares = square, *const ms = mean, *const vs = velocity;
  const Vec rate = Vec::broadcast(-lr), kept = Vec::broadcast(alpha), fresh = Vec::broadcast(share),
            least = Vec::broadcast(eps), inertia = Vec::broadcast(momentum), zero = Vec::broadcast(0.0f);
  const auto step = [&](const auto& spread, const auto& move) {
    forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
      const Vec p = load(ps + i), g = used.at(i, p, load);
      const Vec v = fma(kept, load(squares + i), fresh * (g * g));
      store(squares + i, v);
      const Vec d = g / (sqrt(spread(i, g, v, load, store)) + least);
      store(ps + i, fma(rate, move(i, d, load, store), p));
    });
  };
  const auto plain = [](int64_t, Vec, Vec v, auto, auto) { return v; };
  // Rounding must not take the variance below 0.
  const auto centered = [&](int64_t i, Vec g, Vec v, auto load, auto store) {
    const Vec m = load(ms + i), moved = fma(fresh, g - m, m);
    store(ms + i, moved);
    return max(zero, v - moved * moved);
  };
  const auto straight = [](int64_t, Vec d, auto, auto) { return d; };
  const auto rolling = [&](int64_t i, Vec d, auto load, auto store) {
    const Vec b = fma(inertia, load(vs + i), d);
    store(vs + i, b);
    return b;
  };
  if (mean) return velocity ? step(centered, rolling) : step(centered, straight);
  return velocity ? step(plain, rolling) : step(plain, straight);
}

template void RmsPropStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
