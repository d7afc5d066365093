// Elementary functions over the vocabulary, and the loops that carry them along contiguous memory.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
namespace striate {

/// p·2ⁿ for integral n in [−252, 254]: in two factors where there is no instruction, so that results down to
/// the smallest subnormal and up to infinity come out right.
template <class Vec>
Vec timesPower(Vec p, Vec n) {
  if constexpr (requires { scale(p, n); }) {
    return scale(p, n);
  } else {
    const Vec half = round(n * Vec::broadcast(0.5f));
    return p * exp2Integral(half) * exp2Integral(n - half);
  }
}

/// eˣ to about 1 unit in the last place: x = n·ln 2 + r, and a polynomial for eʳ.
template <class Vec>
Vec exp(Vec x) {
  const auto c = [](float value) { return Vec::broadcast(value); };
  const Vec clamped = min(c(89.0f), max(c(-104.0f), x));
  const Vec n = round(clamped * c(1.44269504f));
  const Vec r = fma(n, c(-1.42860677e-6f), fma(n, c(-0.693145752f), clamped));
  Vec p = c(1.98412698e-4f);
  p = fma(p, r, c(1.38888889e-3f));
  p = fma(p, r, c(8.33333333e-3f));
  p = fma(p, r, c(4.16666667e-2f));
  p = fma(p, r, c(1.66666667e-1f));
  p = fma(p, r, c(0.5f));
  p = fma(p, r, c(1.0f));
  p = fma(p, r, c(1.0f));
  return timesPower(p, n);
}

/// A function of the C library, lane by lane.
template <class Vec>
Vec perLane(Vec x, float (*function)(float)) {
  float lanes[Vec::size];
  x.store(lanes);
  for (float& lane : lanes) lane = function(lane);
  return Vec::load(lanes);
}

template <class Vec>
Vec perLane(Vec x, Vec y, float (*function)(float, float)) {
  float a[Vec::size], b[Vec::size];
  x.store(a);
  y.store(b);
  for (int lane = 0; lane < Vec::size; ++lane) a[lane] = function(a[lane], b[lane]);
  return Vec::load(a);
}

/// Calls body(i, load, store) along [0, n): whole vectors, then what is left of one.
template <class Vec, class Body>
void forVectors(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + Vec::size <= n; i += Vec::size)
    body(i, [](const float* p) { return Vec::load(p); }, [](float* p, Vec v) { v.store(p); });
  if (const int rest = static_cast<int>(n - i); rest > 0)
    body(
        i, [rest](const float* p) { return Vec::loadPartial(p, rest); },
        [rest](float* p, Vec v) { v.storePartial(p, rest); });
}

}  // namespace striate
#endif
