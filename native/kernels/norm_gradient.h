// The gradients of batch normalization; see norm.h.
#pragma once

#include "kernels/norm.h"

namespace striate {

/// Which gradients count, as relu let through: all without it, those where the output, computed again from x,
/// is positive, or those that a mask of the forward pass tells.
enum class NormGate : uint8_t { none, again, mask };

/// Sums over the rows of a piece: [2, period] with Σg and Σg·(x − mean), where g is what counts of dy, or of
/// dy + further where that is given. Writes g to `counted`, where given, which may be one of both.
struct NormGradientSums {
  NormCoefficients coefficients;
  const float *dy, *further, *x;
  const uint8_t* mask;
  float *counted, *sums;
  int64_t n, period;
  NormGate gate;
  template <class Vec>
  void run() const;
};

/// The gradients by weight and bias of channels [from, to) from the sums of all pieces, and the coefficients
/// of dx = scale·dy + slope·(x − mean) + offset, repeated over the period.
struct NormGradientMerge {
  const float* sums;
  int64_t pieces, elements, channels, period;
  NormStatistics statistics;
  NormCoefficients coefficients;
  float *byWeight, *byBias, *slope, *offset;
  int64_t from, to;
  template <class Vec>
  void run() const;
};

/// dx = scale·dy + slope·(x − mean) + offset; scale·dy where the statistics were not the batch's. With relu,
/// dy counts where the output is positive, which is computed again. dx may be dy.
struct NormGradient {
  NormCoefficients coefficients;
  const float *slope, *offset;
  const float *dy, *x;
  float* dx;
  int64_t n, period;
  bool relu, ofBatch, stream;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/norm_periods.h"

namespace striate {

template <class Vec>
void NormGradientSums::run() const {
  const Vec zero = Vec::broadcast(0.0f);
  for (int64_t j = 0; j < 2 * period; ++j) sums[j] = 0;
  const auto add = [&](const auto& gradient, const auto& let, const auto& keep) {
    sumPeriods<Vec, 2>(n, period, sums, [&](Vec* sum, NormPlace at, auto load, auto store) {
      const Vec centred = loadAhead(x + at.i, load) - load(coefficients.mean + at.j);
      const Vec g = let(gradient(at.i, load), centred, at, load);
      keep(g, at.i, store);
      sum[0] = sum[0] + g;
      sum[1] = fma(g, centred, sum[1]);
    });
  };
  const auto gated = [&](const auto& gradient, const auto& keep) {
    switch (gate) {
      case NormGate::none:
        return add(gradient, [](Vec g, Vec, NormPlace, auto) { return g; }, keep);
      case NormGate::again:
        return add(
            gradient,
            [&](Vec g, Vec centred, NormPlace at, auto load) {
              return select(zero < normalized(coefficients, centred, at.j, load), g, zero);
            },
            keep);
      case NormGate::mask:
        return add(
            gradient,
            [&](Vec g, Vec, NormPlace at, auto) {
              return select(Vec::loadMask(mask + at.vector * Vec::maskBytes), g, zero);
            },
            keep);
    }
  };
  const auto one = [&](int64_t i, auto load) { return loadAhead(dy + i, load); };
  const auto both = [&](int64_t i, auto load) {
    return loadAhead(dy + i, load) + loadAhead(further + i, load);
  };
  const auto write = [&](Vec g, int64_t i, auto store) { store(counted + i, g); };
  if (!counted)
    gated(one, [](Vec, int64_t, auto) {});
  else if (further)
    gated(both, write);
  else
    gated(one, write);
}

template <class Vec>
void NormGradientMerge::run() const {
  constexpr int64_t block = 64;
  const double count = static_cast<double>(elements / channels);
  for (int64_t first = from; first < to; first += block) {
    const int64_t width = to - first < block ? to - first : block;
    double gradient[block] = {}, product[block] = {};
    for (int64_t piece = 0; piece < pieces; ++piece)
      for (int64_t start = 0; start < period; start += channels) {
        const float* part = sums + piece * 2 * period + start + first;
        for (int64_t k = 0; k < width; ++k) {
          gradient[k] += static_cast<double>(part[k]);
          product[k] += static_cast<double>(part[period + k]);
        }
      }
    for (int64_t k = 0; k < width; ++k) {
      const int64_t c = first + k;
      const double inverse = static_cast<double>(statistics.inverse[c]);
      const double remainder = static_cast<double>(statistics.remainder[c]);
      const double weighted = (product[k] - remainder * gradient[k]) * inverse;
      const double scale = static_cast<double>(coefficients.scale[c]);
      const double slopeOf = -scale * inverse * weighted / count;
      byWeight[c] = static_cast<float>(weighted);
      byBias[c] = static_cast<float>(gradient[k]);
      for (int64_t start = c; start < period; start += channels) {
        slope[start] = static_cast<float>(slopeOf);
        offset[start] = static_cast<float>(-scale * gradient[k] / count - slopeOf * remainder);
      }
    }
  }
}

template <class Vec>
void NormGradient::run() const {
  const Vec zero = Vec::broadcast(0.0f);
  const auto map = [&](const auto& f) {
    writePeriods<Vec>(dx, n, period, stream, [&](NormPlace at, auto load, auto store) {
      store(dx + at.i, f(loadAhead(dy + at.i, load), at, load));
    });
  };
  const auto centred = [&](NormPlace at, auto load) {
    return loadAhead(x + at.i, load) - load(coefficients.mean + at.j);
  };
  const auto gated = [&](Vec g, Vec d, int64_t j, auto load) {
    return select(zero < normalized(coefficients, d, j, load), g, zero);
  };
  const auto ofBoth = [&](Vec g, Vec d, int64_t j, auto load) {
    return fma(g, load(coefficients.scale + j), fma(d, load(slope + j), load(offset + j)));
  };
  if (ofBatch && relu) {
    map([&](Vec g, NormPlace at, auto load) {
      const Vec d = centred(at, load);
      return ofBoth(gated(g, d, at.j, load), d, at.j, load);
    });
  } else if (ofBatch) {
    map([&](Vec g, NormPlace at, auto load) { return ofBoth(g, centred(at, load), at.j, load); });
  } else if (relu) {
    map([&](Vec g, NormPlace at, auto load) {
      return gated(g, centred(at, load), at.j, load) * load(coefficients.scale + at.j);
    });
  } else {
    map([&](Vec g, NormPlace at, auto load) { return g * load(coefficients.scale + at.j); });
  }
}

template void NormGradientSums::run<STRIATE_VEC>() const;
template void NormGradientMerge::run<STRIATE_VEC>() const;
template void NormGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
