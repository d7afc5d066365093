// Noise that depends on a sample's number, and values that are none.
#pragma once

#include "kernels/random.h"

namespace striate {

/// y[i] = x[i] + mean + deviation·z, z standard normal, held within [least, most].
struct AddNoise {
  RandomStream source;
  int64_t group;
  float mean, deviation, least, most;
  const float* x;
  float* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// *found = the first i with x[i] infinite or no number; n where there is none.
struct FindNonFinite {
  const float* x;
  int64_t n;
  int64_t* found;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

namespace striate {

template <class Vec>
void AddNoise::run() const {
  const Vec scale = Vec::broadcast(deviation), center = Vec::broadcast(mean);
  const Vec bottom = Vec::broadcast(least), top = Vec::broadcast(most);
  forRandomGroups<Vec>(source, group, n, [&](int64_t i, const uint32_t* words, int count) {
    constexpr int plane = randomGroup / 4;
    float values[randomGroup], given[randomGroup] = {};
    ::memcpy(given, x + i, static_cast<size_t>(count) * sizeof(float));
    normalPairs<Vec>(words, words + plane, values, values + plane);
    normalPairs<Vec>(words + 2 * plane, words + 3 * plane, values + 2 * plane, values + 3 * plane);
    // The second operand of min and max is what is returned where either is no number: that stays one.
    for (int j = 0; j < randomGroup; j += Vec::size) {
      const Vec noisy = Vec::load(given + j) + (center + scale * Vec::load(values + j));
      max(bottom, min(top, noisy)).store(values + j);
    }
    ::memcpy(y + i, values, static_cast<size_t>(count) * sizeof(float));
  });
}

template <class Vec>
void FindNonFinite::run() const {
  const float* const values = x;
  constexpr int64_t atOnce = 256;
  const int64_t end = n;
  for (int64_t i = 0; i < end; i += atOnce) {
    const int64_t to = i + atOnce < end ? i + atOnce : end;
    int wrong = 0;
    for (int64_t k = i; k < to; ++k) wrong |= values[k] - values[k] == 0.0f ? 0 : 1;
    if (!wrong) continue;
    for (*found = i; values[*found] - values[*found] == 0.0f;) ++*found;
    return;
  }
  *found = end;
}

template void AddNoise::run<STRIATE_VEC>() const;
template void FindNonFinite::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
