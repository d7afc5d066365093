// Local response normalization: each channel divided by a power of the energy of its neighbours, within rows
// of channels.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// The neighbours of channel c are those from c − before to c + after, as far as there are such.
struct LocalResponse {
  int64_t channels, before, after;
  /// scale = alpha/size; k > 0
  float scale, beta, k;

  /// Channels with room for the neighbours of the first and the last.
  int64_t padded() const { return channels + before + after; }
};

/// y[c] = x[c] / (k + scale·Σ x²)^beta, the sum over c's neighbours. `scratch` has padded() floats.
struct LocalResponseRows {
  LocalResponse norm;
  const float* x;
  float *y, *scratch;
  int64_t rows;
  template <class Vec>
  void run() const;
};

/// dx from dy: where s[c] = k + scale·Σ x², dx[c] = dy[c]·s[c]^−beta − 2·scale·beta·x[c]·Σ dy·x·s^(−beta −
/// 1), the sum over those whose neighbour c is. `scratch` has 3·padded() floats.
struct LocalResponseRowsGradient {
  LocalResponse norm;
  const float *dy, *x;
  float *dx, *scratch;
  int64_t rows;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>
#include <string.h>

#include "kernels/math.h"

namespace striate {

/// ln x for x > 0 that is no subnormal number.
template <class Vec>
Vec logOfPositive(Vec x) {
  // x is m·2ᵉ with m in [√½, √2).
  float lanes[Vec::size], exponents[Vec::size];
  x.store(lanes);
  for (int i = 0; i < Vec::size; ++i) {
    uint32_t bits;
    ::memcpy(&bits, &lanes[i], sizeof bits);
    const int32_t exponent = static_cast<int32_t>(bits - 0x3F3504F3u) >> 23;
    bits -= static_cast<uint32_t>(exponent) << 23;
    ::memcpy(&lanes[i], &bits, sizeof bits);
    exponents[i] = static_cast<float>(exponent);
  }
  const auto c = [](float value) { return Vec::broadcast(value); };
  // ln m = 2·artanh s; the series ends below a float's precision.
  const Vec one = c(1.0f), m = Vec::load(lanes), s = (m - one) / (m + one), z = s * s;
  Vec series = c(2.0f / 9.0f);
  series = fma(series, z, c(2.0f / 7.0f));
  series = fma(series, z, c(2.0f / 5.0f));
  series = fma(series, z, c(2.0f / 3.0f));
  series = fma(series, z, c(2.0f));
  const Vec logarithm = fma(Vec::load(exponents), c(0.693147181f), s * series);
  return select(x < c(INFINITY), logarithm, x);
}

/// s^−beta
template <class Vec>
class InversePower {
 public:
  explicit InversePower(float beta) : usual_(beta == 0.75f), exponent_(Vec::broadcast(-beta)) {}

  Vec operator()(Vec s) const {
    if (!usual_) return exp(exponent_ * logOfPositive(s));
    const Vec root = sqrt(s);
    return Vec::broadcast(1.0f) / (root * sqrt(root));
  }

 private:
  bool usual_;
  Vec exponent_;
};

template <class Vec>
void clear(float* values, int64_t n) {
  if (n > 0) ::memset(values, 0, static_cast<size_t>(n) * sizeof(float));
}

/// The sum of n neighbouring values from `values` on, for each lane.
template <class Vec, class Load>
Vec windowSum(const float* values, int64_t n, Load load) {
  Vec sum = load(values);
  for (int64_t i = 1; i < n; ++i) sum = sum + load(values + i);
  return sum;
}

/// Calls use(c, s, load, store) along the row x with s = k + scale·Σ x². `squares` has padded() floats, of
/// which those before and after the channels are 0.
template <class Vec, class Use>
void forEnergies(const LocalResponse& norm, const float* x, float* squares, const Use& use) {
  float* const own = squares + norm.before;
  forVectors<Vec>(norm.channels, [&](int64_t c, auto load, auto store) {
    const Vec v = load(x + c);
    store(own + c, v * v);
  });
  const Vec scale = Vec::broadcast(norm.scale), least = Vec::broadcast(norm.k);
  const int64_t window = norm.before + norm.after + 1;
  forVectors<Vec>(norm.channels, [&](int64_t c, auto load, auto store) {
    use(c, fma(scale, windowSum<Vec>(squares + c, window, load), least), load, store);
  });
}

template <class Vec>
void LocalResponseRows::run() const {
  const LocalResponse n = norm;
  const InversePower<Vec> inversePower(n.beta);
  clear<Vec>(scratch, n.before);
  clear<Vec>(scratch + n.before + n.channels, n.after);
  for (int64_t r = 0; r < rows; ++r) {
    const float* const in = x + r * n.channels;
    float* const out = y + r * n.channels;
    forEnergies<Vec>(n, in, scratch, [&](int64_t c, Vec s, auto load, auto store) {
      store(out + c, load(in + c) * inversePower(s));
    });
  }
}

template <class Vec>
void LocalResponseRowsGradient::run() const {
  const LocalResponse n = norm;
  const InversePower<Vec> inversePower(n.beta);
  const Vec share = Vec::broadcast(-2.0f * n.scale * n.beta);
  float *const squares = scratch, *const terms = squares + n.padded(), *const direct = terms + n.padded();
  clear<Vec>(squares, n.before);
  clear<Vec>(squares + n.before + n.channels, n.after);
  // Who has c among the neighbours lies the other way round.
  clear<Vec>(terms, n.after);
  clear<Vec>(terms + n.after + n.channels, n.before);
  for (int64_t r = 0; r < rows; ++r) {
    const float *const in = x + r * n.channels, *const g = dy + r * n.channels;
    float* const out = dx + r * n.channels;
    forEnergies<Vec>(n, in, squares, [&](int64_t c, Vec s, auto load, auto store) {
      const Vec passed = load(g + c) * inversePower(s);
      store(direct + c, passed);
      store(terms + n.after + c, passed * load(in + c) / s);
    });
    forVectors<Vec>(n.channels, [&](int64_t c, auto load, auto store) {
      const Vec sum = windowSum<Vec>(terms + c, n.before + n.after + 1, load);
      store(out + c, fma(share * load(in + c), sum, load(direct + c)));
    });
  }
}

template void LocalResponseRows::run<STRIATE_VEC>() const;
template void LocalResponseRowsGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
