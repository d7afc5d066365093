// Batch normalization over all axes but the last.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// What the normalization of a batch is made of, for each channel: the mean, what a float mean lacks of the
/// exact one (which counts where the mean is large and the deviation small), and 1/√(variance + eps).
struct NormStatistics {
  float *mean, *remainder, *inverse;
};

/// (x − mean)·scale + shift, for each element of a period.
struct NormCoefficients {
  float *mean, *scale, *shift;
};

/// Sums over the rows of a piece, about a value near their mean: floats of [3, period] with that value, Σ(x −
/// value) and Σ(x − value)².
struct NormMoments {
  const float* x;
  float* sums;
  int64_t n, period;
  template <class Vec>
  void run() const;
};

/// The statistics of channels [from, to) from the sums of all pieces, by Chan, Golub and LeVeque's formula
/// (1979), in double precision and in order. Moves the running statistics, where given.
struct NormMerge {
  const float* sums;
  const int64_t*
      rows;  ///< of each piece, whose sums are `period` apart; null: as NormMoments went through it
  int64_t pieces, pieceElements, elements, channels, period;
  double momentum, eps;
  NormStatistics statistics;
  float *runningMean, *runningVariance;
  int64_t from, to;
  template <class Vec>
  void run() const;
};

/// The statistics that stand for a given mean and variance.
struct NormGiven {
  const float *mean, *variance;
  double eps;
  NormStatistics statistics;
  int64_t channels;
  template <class Vec>
  void run() const;
};

/// The coefficients of a normalization, repeated over the period; weight and bias may be null.
struct NormPrepare {
  NormStatistics statistics;
  const float *weight, *bias;
  NormCoefficients coefficients;
  int64_t channels, period;
  template <class Vec>
  void run() const;
};

/// y = (x − mean)·scale + shift + residual, which may be null, and max(0, ·) of that with relu. With a mask,
/// which wants both, notes where y is positive: Vec::maskBytes for each vector.
struct Normalize {
  NormCoefficients coefficients;
  const float *x, *residual;
  float* y;
  uint8_t* mask;
  int64_t n, period;
  bool relu, stream;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/norm_periods.h"

namespace striate {

template <class Vec>
void NormMoments::run() const {
  float *about = sums, *moments = sums + period;
  for (int64_t j = 0; j < 3 * period; ++j) sums[j] = 0;
  // About the mean of k of n rows, the sums need one pass and cancel little: whatever the numbers, Σ(x −
  // about)² is at most n/k times Σ(x − mean)², since those k rows are as far from the mean.
  const int64_t whole = n / period, first = whole < 16 ? 1 : whole / 16;
  sumPeriods<Vec, 1>(n < first * period ? n : first * period, period, about,
                     [&](Vec* sum, NormPlace at, auto load, auto) { sum[0] = sum[0] + load(x + at.i); });
  const float share = 1.0f / static_cast<float>(first);
  for (int64_t j = 0; j < period; ++j) about[j] *= share;
  sumPeriods<Vec, 2>(n, period, moments, [&](Vec* sum, NormPlace at, auto load, auto) {
    const Vec d = loadAhead(x + at.i, load) - load(about + at.j);
    sum[0] = sum[0] + d;
    sum[1] = fma(d, d, sum[1]);
  });
}

/// How many of the rows of `n` elements fall to each of the repetitions of a channel in a period.
template <class Vec>
int64_t rowsOfRepetition(int64_t n, int64_t channels, int64_t period, int64_t repetition) {
  const int64_t rest = n % period / channels;
  return n / period + (repetition < rest ? 1 : 0);
}

template <class Vec>
void NormMerge::run() const {
  constexpr int64_t block = 64;
  const double count = static_cast<double>(elements / channels);
  // Calls body(rows, sums) for each part that was summed on its own, with its sums from channel `first` on.
  const auto forParts = [&](int64_t first, const auto& body) {
    for (int64_t piece = 0; piece < pieces; ++piece) {
      if (rows) {
        body(static_cast<double>(rows[piece]), sums + piece * 3 * period + first);
        continue;
      }
      const int64_t left = elements - piece * pieceElements;
      for (int64_t repetition = 0; repetition < period / channels; ++repetition) {
        const int64_t count =
            rowsOfRepetition<Vec>(left < pieceElements ? left : pieceElements, channels, period, repetition);
        if (count == 0) continue;
        body(static_cast<double>(count), sums + piece * 3 * period + repetition * channels + first);
      }
    }
  };
  for (int64_t first = from; first < to; first += block) {
    const int64_t width = to - first < block ? to - first : block;
    double mean[block] = {}, squares[block] = {};
    forParts(first, [&](double rows, const float* part) {
      for (int64_t k = 0; k < width; ++k)
        mean[k] += rows * static_cast<double>(part[k]) + static_cast<double>(part[period + k]);
    });
    for (double& m : mean) m /= count;
    forParts(first, [&](double rows, const float* part) {
      const double share = 1.0 / rows;
      for (int64_t k = 0; k < width; ++k) {
        const double sum = static_cast<double>(part[period + k]), d = static_cast<double>(part[k]) - mean[k];
        const double away = d + sum * share;
        squares[k] += static_cast<double>(part[2 * period + k]) - sum * sum * share + rows * away * away;
      }
    });
    for (int64_t k = 0; k < width; ++k) {
      const int64_t c = first + k;
      // Not less than 0 even by rounding; what is no number stays so.
      const double variance = squares[k] < 0 ? 0.0 : squares[k] / count;
      statistics.mean[c] = static_cast<float>(mean[k]);
      statistics.remainder[c] = static_cast<float>(mean[k] - static_cast<double>(statistics.mean[c]));
      statistics.inverse[c] = static_cast<float>(1.0 / ::sqrt(variance + eps));
      if (!runningMean) continue;
      const double unbiased = variance * count / (count - 1);
      runningMean[c] =
          static_cast<float>((1 - momentum) * static_cast<double>(runningMean[c]) + momentum * mean[k]);
      runningVariance[c] =
          static_cast<float>((1 - momentum) * static_cast<double>(runningVariance[c]) + momentum * unbiased);
    }
  }
}

template <class Vec>
void NormGiven::run() const {
  for (int64_t c = 0; c < channels; ++c) {
    statistics.mean[c] = mean[c];
    statistics.remainder[c] = 0;
    statistics.inverse[c] = static_cast<float>(1.0 / ::sqrt(static_cast<double>(variance[c]) + eps));
  }
}

template <class Vec>
void NormPrepare::run() const {
  const auto& [mean, scale, shift] = coefficients;
  for (int64_t start = 0; start < period; start += channels)
    for (int64_t c = 0; c < channels; ++c) {
      mean[start + c] = statistics.mean[c];
      scale[start + c] = (weight ? weight[c] : 1.0f) * statistics.inverse[c];
      shift[start + c] = (bias ? bias[c] : 0.0f) - statistics.remainder[c] * scale[start + c];
    }
}

/// The normalized vector before relu: the same operations, so the same bits, forward and backward.
template <class Vec, class Load>
Vec normalized(const NormCoefficients& coefficients, Vec centred, int64_t j, Load load) {
  return fma(centred, load(coefficients.scale + j), load(coefficients.shift + j));
}

template <class Vec>
void Normalize::run() const {
  const auto map = [this](const auto& f) {
    writePeriods<Vec>(y, n, period, stream, [&](NormPlace at, auto load, auto store) {
      const Vec centred = loadAhead(x + at.i, load) - load(coefficients.mean + at.j);
      store(y + at.i, f(normalized(coefficients, centred, at.j, load), at, load));
    });
  };
  const Vec zero = Vec::broadcast(0.0f);
  const auto added = [&](Vec v, NormPlace at, auto load) { return v + loadAhead(residual + at.i, load); };
  if (mask)
    map([&](Vec v, NormPlace at, auto load) {
      const Vec sum = added(v, at, load);
      Vec::storeMask(zero < sum, mask + at.vector * Vec::maskBytes);
      return max(zero, sum);
    });
  else if (relu && residual)
    map([&](Vec v, NormPlace at, auto load) { return max(zero, added(v, at, load)); });
  else if (relu)
    map([&](Vec v, NormPlace, auto) { return max(zero, v); });
  else if (residual)
    map(added);
  else
    map([](Vec v, NormPlace, auto) { return v; });
}

template void NormMoments::run<STRIATE_VEC>() const;
template void NormMerge::run<STRIATE_VEC>() const;
template void NormGiven::run<STRIATE_VEC>() const;
template void NormPrepare::run<STRIATE_VEC>() const;
template void Normalize::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
