// Normal numbers within bounds, by the inverse of the distribution function.
#pragma once

#include "kernels/random.h"

namespace striate {

/// y[i] = center + scale·Φ⁻¹(from + span·u), u uniform in (0, 1), held within [least, most].
struct RandomTruncatedNormal {
  RandomStream source;
  int64_t group;
  double center, scale, from, span;
  float least, most;
  float* y;
  int64_t n;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

namespace striate {

/// The standard normal deviate with probability p of less, to some 7 digits: Wichura's PPND7 (algorithm AS
/// 241, "The percentage points of the normal distribution", 1988).
template <class Vec>
double normalDeviate(double p) {
  const double q = p - 0.5;
  if (::fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
           (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0);
  }
  const double tail = ::sqrt(-::log(q < 0 ? p : 1.0 - p));
  double deviate;
  if (tail <= 5.0) {
    const double r = tail - 1.6;
    deviate = (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
              ((0.12021132975 * r + 0.73700164250) * r + 1.0);
  } else {
    const double r = tail - 5.0;
    deviate = (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150) /
              ((0.012258202635 * r + 0.24197894225) * r + 1.0);
  }
  return q < 0 ? -deviate : deviate;
}

template <class Vec>
void RandomTruncatedNormal::run() const {
  forRandomGroups<Vec>(source, group, n, [&](int64_t i, const uint32_t* words, int count) {
    for (int j = 0; j < count; ++j) {
      const double u = (static_cast<double>(words[j]) + 0.5) * 0x1p-32;
      const auto value = static_cast<float>(center + scale * normalDeviate<Vec>(from + span * u));
      y[i + j] = value < least ? least : value > most ? most : value;
    }
  });
}

template void RandomTruncatedNormal::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
