// Parametric ReLU: a learnt slope below 0, for each channel or for all. Rows of channels are worked off in
// periods, see norm_periods.h.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// y = x where x > 0, else slope·x; `slopes` repeats them over a period.
struct Prelu {
  const float *x, *slopes;
  float* y;
  int64_t n, period;
  bool stream;
  template <class Vec>
  void run() const;
};

/// dx = dy where x > 0, else slope·dy, which may lie where dy or x do; and for each place of the period in
/// `sums` the sum of dy·x where x ≤ 0.
struct PreluGradient {
  const float *dy, *x, *slopes;
  float *dx, *sums;
  int64_t n, period;
  template <class Vec>
  void run() const;
};

/// y[c] = the sum over all periods of `sums`, and the places of channel c in each.
struct PreluMerge {
  const float* sums;
  int64_t n, channels;
  float* y;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/norm_periods.h"

namespace striate {

template <class Vec>
void Prelu::run() const {
  const Vec zero = Vec::broadcast(0.0f);
  writePeriods<Vec>(y, n, period, stream, [&](NormPlace at, auto load, auto store) {
    const Vec v = load(x + at.i);
    store(y + at.i, select(zero < v, v, v * load(slopes + at.j)));
  });
}

template <class Vec>
void PreluGradient::run() const {
  const Vec zero = Vec::broadcast(0.0f);
  for (int64_t j = 0; j < period; ++j) sums[j] = 0;
  sumPeriods<Vec, 1>(n, period, sums, [&](Vec* sum, NormPlace at, auto load, auto store) {
    const Vec g = load(dy + at.i), v = load(x + at.i);
    store(dx + at.i, select(zero < v, g, g * load(slopes + at.j)));
    sum[0] = sum[0] + select(zero < v, zero, g * v);
  });
}

template <class Vec>
void PreluMerge::run() const {
  for (int64_t c = 0; c < channels; ++c) {
    double total = 0;
    for (int64_t i = c; i < n; i += channels) total += static_cast<double>(sums[i]);
    y[c] = static_cast<float>(total);
  }
}

template void Prelu::run<STRIATE_VEC>() const;
template void PreluGradient::run<STRIATE_VEC>() const;
template void PreluMerge::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
