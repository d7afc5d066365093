// One step of an optimizer over a run of elements, in place.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// g ← gradient + weightDecay·p; v ← momentum·v + (1 − dampening)·g, or g in the first step; p ← p − lr·v, or
/// p − lr·(g + momentum·v) with nesterov. Without momentum (velocity null) p ← p − lr·g.
struct SgdStep {
  const float* gradient;
  float *parameter, *velocity;
  int64_t n;
  float lr, momentum, undamped, weightDecay;
  bool nesterov, first;
  template <class Vec>
  void run() const;
};

/// g ← gradient + weightDecay·p (0 where decoupled); m ← m + (1 − β₁)·(g − m); v ← β₂·v + (1 − β₂)·g²;
/// p ← keep·p − stepSize·m / (√v·correction + eps)
struct AdamStep {
  const float* gradient;
  float *parameter, *mean, *variance;
  int64_t n;
  float meanShare, beta2, varianceShare, weightDecay, keep, stepSize, correction, eps;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void SgdStep::run() const {
  const Vec rate = Vec::broadcast(-lr), decay = Vec::broadcast(weightDecay),
            inertia = Vec::broadcast(momentum), fresh = Vec::broadcast(undamped);
  const auto decayed = [&](int64_t i, Vec p, auto load) { return fma(decay, p, load(gradient + i)); };
  // Calls direction(i, g, load, store), which moves the velocity and returns where the parameter goes.
  const auto step = [&](const auto& direction) {
    forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
      const Vec p = load(parameter + i);
      store(parameter + i, fma(rate, direction(i, decayed(i, p, load), load, store), p));
    });
  };
  const auto moved = [&](int64_t i, Vec g, auto load, auto store) {
    const Vec v = fma(inertia, load(velocity + i), fresh * g);
    store(velocity + i, v);
    return v;
  };
  const auto started = [&](int64_t i, Vec g, auto, auto store) {
    store(velocity + i, g);
    return g;
  };
  const auto ahead = [&](const auto& move) {
    return [&](int64_t i, Vec g, auto load, auto store) { return fma(inertia, move(i, g, load, store), g); };
  };
  if (!velocity) return step([](int64_t, Vec g, auto, auto) { return g; });
  if (first) return nesterov ? step(ahead(started)) : step(started);
  return nesterov ? step(ahead(moved)) : step(moved);
}

template <class Vec>
void AdamStep::run() const {
  const Vec decay = Vec::broadcast(weightDecay), share1 = Vec::broadcast(meanShare),
            b2 = Vec::broadcast(beta2), share2 = Vec::broadcast(varianceShare), kept = Vec::broadcast(keep),
            rate = Vec::broadcast(-stepSize), root = Vec::broadcast(correction), least = Vec::broadcast(eps);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(parameter + i), g = fma(decay, p, load(gradient + i)), m = load(mean + i);
    const Vec newMean = fma(share1, g - m, m);
    const Vec newVariance = fma(b2, load(variance + i), share2 * (g * g));
    store(mean + i, newMean);
    store(variance + i, newVariance);
    store(parameter + i, fma(kept, p, rate * (newMean / fma(sqrt(newVariance), root, least))));
  });
}

template void SgdStep::run<STRIATE_VEC>() const;
template void AdamStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
