// What lies beyond the borders of an image.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// A value; the pixel at the border; the pixels mirrored at that one; or mirrored behind it.
enum class Beyond : int32_t { fill, edge, reflect, symmetric };

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

/// The place in [0, extent) whose pixel stands at `at`; −1 for the value.
template <class Vec>
int64_t placeBeyond(int64_t at, int64_t extent, Beyond beyond) {
  if (at >= 0 && at < extent) return at;
  if (beyond == Beyond::fill) return -1;
  if (beyond == Beyond::edge || extent == 1) return at < 0 ? 0 : extent - 1;
  const bool symmetric = beyond == Beyond::symmetric;
  const int64_t period = symmetric ? 2 * extent : 2 * (extent - 1);
  const int64_t rest = at % period, place = rest < 0 ? rest + period : rest;
  return place < extent ? place : period - place - (symmetric ? 1 : 0);
}

}  // namespace striate
#endif
