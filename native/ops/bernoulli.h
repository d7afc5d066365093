// Draws of 0 and 1 by given probabilities.
#pragma once

#include "kernels/bernoulli.h"
#include "ops/creation.h"

namespace striate {

/// 1 with probability p[i], else 0.
inline Tensor bernoulli(Stream& stream, const Tensor& p, RandomStream source) {
  requireType("bernoulli", "probabilities", p, DType::f32);
  Tensor y("bernoulli", p.shape, DType::f32);
  submit(stream, "bernoulli", {p}, {y}, [=] {
    const bool past = streams(y.bytes());
    parallelRanges(y.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(RandomBernoulli{source, from / randomGroup, p.f32() + from, y.f32() + from, to - from, past});
    });
  });
  return y;
}

}  // namespace striate
