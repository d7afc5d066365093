// Draws of 0 and 1, each with a probability of its own.
#pragma once

#include "kernels/random.h"

namespace striate {

/// y[i] = 1 where u < p[i], u uniform in [0, 1) as RandomUniform draws it, else 0; NaN where p[i] is.
struct RandomBernoulli {
  RandomStream source;
  int64_t group;
  const float* p;
  float* y;
  int64_t n;
  bool stream;  ///< stores past the caches
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC

namespace striate {

template <class Vec>
void RandomBernoulli::run() const {
  const Vec scale = Vec::broadcast(0x1p-24f), one = Vec::broadcast(1.0f);
  forRandomGroups<Vec>(source, group, n, [&](int64_t i, const uint32_t* words, int count) {
    float values[randomGroup];
    for (int j = 0; j < randomGroup; ++j) values[j] = static_cast<float>(static_cast<int32_t>(words[j] >> 8));
    writeVectors<Vec>(y + i, count, stream, [&](int64_t j, auto load, auto store) {
      const Vec probability = load(p + i + j);
      store(y + i + j, select(scale * load(values + j) < probability, one, probability - probability));
    });
  });
  if (stream) Vec::fence();
}

template void RandomBernoulli::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
