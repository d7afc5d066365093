// Sums of neighbouring pixels, which means over large windows are made of.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// y[c] = x[0, c] + … + x[places − 1, c], onto what y holds where `accumulate`; four places at a time, so
/// that y is not what is moved most.
template <class Vec>
void sumPlaces(const float* x, int64_t places, int64_t channels, float* y, bool accumulate) {
  int64_t p = 0;
  for (; p + 4 <= places; p += 4, accumulate = true) {
    const float *a = x + p * channels, *b = a + channels, *c = b + channels, *d = c + channels;
    forVectors<Vec>(channels, [&](int64_t i, auto load, auto store) {
      const Vec four = (load(a + i) + load(b + i)) + (load(c + i) + load(d + i));
      store(y + i, accumulate ? load(y + i) + four : four);
    });
  }
  for (; p < places; ++p, accumulate = true) {
    const float* a = x + p * channels;
    forVectors<Vec>(channels, [&](int64_t i, auto load, auto store) {
      store(y + i, accumulate ? load(y + i) + load(a + i) : load(a + i));
    });
  }
}

}  // namespace striate
#endif
