// Samples mixed with others of their batch.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// y[n] = (1 − share[n])·x[n] + share[n]·x[partners[n]] for samples [first, first + count) of `size`
/// elements.
struct Mix {
  const float* x;
  const int32_t* partners;
  const float* share;
  float* y;
  int64_t first, count, size;
  template <class Vec>
  void run() const;
};

/// partners[n] for samples [first, first + count): among the others of all samples with n's label the one
/// that uniform[n], in [0, 1), tells; n itself where there are none.
struct SameClass {
  const int32_t* labels;
  const float* uniform;
  int64_t samples;
  int32_t* partners;
  int64_t first, count;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

#include "kernels/math.h"

namespace striate {

template <class Vec>
void Mix::run() const {
  for (int64_t n = first; n < first + count; ++n) {
    const float *own = x + n * size, *other = x + partners[n] * size;
    float* const to = y + n * size;
    // What has no share is not read: it may be infinite.
    if (share[n] == 0.0f) {
      ::memcpy(to, own, static_cast<size_t>(size) * sizeof(float));
      continue;
    }
    const Vec its = Vec::broadcast(share[n]), rest = Vec::broadcast(1.0f - share[n]);
    forVectors<Vec>(size, [&](int64_t i, auto load, auto store) {
      store(to + i, fma(its, load(other + i), rest * load(own + i)));
    });
  }
}

template <class Vec>
void SameClass::run() const {
  for (int64_t n = first; n < first + count; ++n) {
    int64_t others = -1;
    for (int64_t i = 0; i < samples; ++i) others += labels[i] == labels[n] ? 1 : 0;
    partners[n] = static_cast<int32_t>(n);
    const float drawn = uniform[n] * static_cast<float>(others);
    if (!(drawn >= 0.0f) || others < 1) continue;
    int64_t wanted = drawn < static_cast<float>(others - 1) ? static_cast<int64_t>(drawn) : others - 1;
    for (int64_t i = 0; i < samples; ++i) {
      if (i == n || labels[i] != labels[n]) continue;
      partners[n] = static_cast<int32_t>(i);
      if (wanted-- == 0) break;
    }
  }
}

template void Mix::run<STRIATE_VEC>() const;
template void SameClass::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
