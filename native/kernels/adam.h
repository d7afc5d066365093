// Steps of Adam and NAdam over a run of elements, in place.
#pragma once

#include "kernels/gradient_use.h"

namespace striate {

/// m ← m + (1 − β₁)·(g − m); v ← β₂·v + (1 − β₂)·g²; p ← keep·p − stepSize·m / (√w·correction + eps), where w
/// is v, or with `highest` the largest that v has been.
struct AdamStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *mean, *variance, *highest;
  int64_t n;
  float meanShare, beta2, varianceShare, keep, stepSize, correction, eps;
  template <class Vec>
  void run() const;
};

/// m and v as Adam's; p ← keep·p − (gradientStep·g + meanStep·m) / (√v·correction + eps)
struct NadamStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *mean, *variance;
  int64_t n;
  float meanShare, beta2, varianceShare, keep, gradientStep, meanStep, correction, eps;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void AdamStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const ms = mean, *const vs = variance, *const hs = highest;
  const Vec share1 = Vec::broadcast(meanShare), b2 = Vec::broadcast(beta2),
            share2 = Vec::broadcast(varianceShare), kept = Vec::broadcast(keep),
            rate = Vec::broadcast(-stepSize), root = Vec::broadcast(correction), least = Vec::broadcast(eps);
  const auto step = [&](const auto& scale) {
    forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
      const Vec p = load(ps + i), g = used.at(i, p, load), m = load(ms + i);
      const Vec newMean = fma(share1, g - m, m);
      const Vec newVariance = fma(b2, load(vs + i), share2 * (g * g));
      store(ms + i, newMean);
      store(vs + i, newVariance);
      const Vec w = scale(i, newVariance, load, store);
      store(ps + i, fma(kept, p, rate * (newMean / fma(sqrt(w), root, least))));
    });
  };
  if (!highest) return step([](int64_t, Vec v, auto, auto) { return v; });
  step([&](int64_t i, Vec v, auto load, auto store) {
    const Vec h = max(load(hs + i), v);
    store(hs + i, h);
    return h;
  });
}

template <class Vec>
void NadamStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const ms = mean, *const vs = variance;
  const Vec share1 = Vec::broadcast(meanShare), b2 = Vec::broadcast(beta2),
            share2 = Vec::broadcast(varianceShare), kept = Vec::broadcast(keep),
            rate = Vec::broadcast(-gradientStep), meanRate = Vec::broadcast(-meanStep),
            root = Vec::broadcast(correction), least = Vec::broadcast(eps);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(ps + i), g = used.at(i, p, load), m = load(ms + i);
    const Vec newMean = fma(share1, g - m, m);
    const Vec newVariance = fma(b2, load(vs + i), share2 * (g * g));
    store(ms + i, newMean);
    store(vs + i, newVariance);
    const Vec move = fma(rate, g, meanRate * newMean) / fma(sqrt(newVariance), root, least);
    store(ps + i, fma(kept, p, move));
  });
}

template void AdamStep::run<STRIATE_VEC>() const;
template void NadamStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
