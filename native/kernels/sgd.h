// A step of stochastic gradient descent over a run of elements, in place.
#pragma once

#include "kernels/gradient_use.h"

namespace striate {

/// v ← momentum·v + (1 − dampening)·g, or g in the first step; p ← p − lr·v, or p − lr·(g + momentum·v) with
/// nesterov. Without momentum (velocity null) p ← p − lr·g.
struct SgdStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *velocity;
  int64_t n;
  float lr, momentum, undamped;
  bool nesterov, first;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

template <class Vec>
void SgdStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const vs = velocity;
  const Vec rate = Vec::broadcast(-lr), inertia = Vec::broadcast(momentum), fresh = Vec::broadcast(undamped);
  // Calls direction(i, g, load, store), which moves the velocity and returns where the parameter goes.
  const auto step = [&](const auto& direction) {
    forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
      const Vec p = load(ps + i);
      store(ps + i, fma(rate, direction(i, used.at(i, p, load), load, store), p));
    });
  };
  const auto moved = [&](int64_t i, Vec g, auto load, auto store) {
    const Vec v = fma(inertia, load(vs + i), fresh * g);
    store(vs + i, v);
    return v;
  };
  const auto started = [&](int64_t i, Vec g, auto, auto store) {
    store(vs + i, g);
    return g;
  };
  const auto ahead = [&](const auto& move) {
    return [&](int64_t i, Vec g, auto load, auto store) { return fma(inertia, move(i, g, load, store), g); };
  };
  if (!velocity) return step([](int64_t, Vec g, auto, auto) { return g; });
  if (first) return nesterov ? step(ahead(started)) : step(started);
  return nesterov ? step(ahead(moved)) : step(moved);
}

template void SgdStep::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
