// Rows whose length is no multiple of a vector, where the missing lanes must not count.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
namespace striate {

/// v in the first n lanes, `other` in the rest.
template <class Vec>
Vec firstLanes(Vec v, int n, Vec other) {
  float places[Vec::size];
  for (int lane = 0; lane < Vec::size; ++lane) places[lane] = static_cast<float>(lane);
  return select(Vec::load(places) < Vec::broadcast(static_cast<float>(n)), v, other);
}

/// Calls body(i, load, store, keep) along [0, n): keep(v, other) is v in the lanes that lie below n, `other`
/// past it.
template <class Vec, class Body>
void alongRow(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + Vec::size <= n; i += Vec::size)
    body(
        i, [](const float* p) { return Vec::load(p); }, [](float* p, Vec v) { v.store(p); },
        [](Vec v, Vec) { return v; });
  if (const int rest = static_cast<int>(n - i); rest > 0)
    body(
        i, [rest](const float* p) { return Vec::loadPartial(p, rest); },
        [rest](float* p, Vec v) { v.storePartial(p, rest); },
        [rest](Vec v, Vec other) { return firstLanes(v, rest, other); });
}

}  // namespace striate
#endif
