// Batch normalization over all axes but the last.
//
// Memory is gone through in chunks of `period` elements: a whole number of pixels, and of vectors where
// channels are few, so that 6 channels fill vectors as well as 64 do. What belongs to a channel lies repeated
// over the period.
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

/// y = (x − mean)·scale + shift + residual, which may be null, and max(0, ·) of that with relu.
struct Normalize {
  NormCoefficients coefficients;
  const float *x, *residual;
  float* y;
  int64_t n, period;
  bool relu, stream;
  template <class Vec>
  void run() const;
};

/// How relu let gradients through: not at all asked for, where the output is positive computed again from x,
/// or where the output given is positive.
enum class NormGate : uint8_t { none, again, output };

/// Sums over the rows of a piece: [2, period] with Σdy and Σdy·(x − mean), where dy counts as the gate says.
/// With an output given, writes what counts of dy to `gated`.
struct NormGradientSums {
  NormCoefficients coefficients;
  const float *dy, *x, *y;
  float *gated, *sums;
  int64_t n, period;
  NormGate gate;
  bool stream;
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
/// dy counts where the output is positive, which is computed again.
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
#include <math.h>

#include "kernels/math.h"
#include "kernels/stream.h"

namespace striate {

/// Calls body(i, j, load, store) for vectors of [0, n), where j is the place of i in its period.
template <class Vec, class Body>
void forPeriods(int64_t n, int64_t period, const Body& body) {
  for (int64_t start = 0; start < n; start += period) {
    const int64_t rest = n - start;
    forVectors<Vec>(rest < period ? rest : period,
                    [&](int64_t j, auto load, auto store) { body(start + j, j, load, store); });
  }
}

/// The same for a pass that writes from y on; see writeVectors.
template <class Vec, class Body>
void writePeriods(const float* y, int64_t n, int64_t period, bool stream, const Body& body) {
  const bool past = stream && period % Vec::size == 0;
  for (int64_t start = 0; start < n; start += period) {
    const int64_t rest = n - start;
    writeVectors<Vec>(y + start, rest < period ? rest : period, past,
                      [&](int64_t j, auto load, auto store) { body(start + j, j, load, store); });
  }
  if (past) Vec::fence();
}

/// Calls body(sums, i, j, load, store) for vectors of [0, n), and adds up into [count, period] what it adds
/// to `sums`, count vectors: four periods at a time, so that sums go through memory less often and errors
/// grow more slowly.
template <class Vec, int count, class Body>
void sumPeriods(int64_t n, int64_t period, float* totals, const Body& body) {
  const auto add = [&](int64_t j, auto load, auto store, const auto& terms) {
    Vec sums[count];
    for (int k = 0; k < count; ++k) sums[k] = Vec::broadcast(0.0f);
    terms(sums);
    for (int k = 0; k < count; ++k) {
      float* total = totals + k * period + j;
      store(total, load(total) + sums[k]);
    }
  };
  int64_t start = 0;
  for (; start + 4 * period <= n; start += 4 * period)
    forVectors<Vec>(period, [&](int64_t j, auto load, auto store) {
      add(j, load, store, [&](Vec* sums) {
        for (int row = 0; row < 4; ++row) body(sums, start + row * period + j, j, load, store);
      });
    });
  forPeriods<Vec>(n - start, period, [&](int64_t i, int64_t j, auto load, auto store) {
    add(j, load, store, [&](Vec* sums) { body(sums, start + i, j, load, store); });
  });
}

template <class Vec>
void NormMoments::run() const {
  float *about = sums, *moments = sums + period;
  for (int64_t j = 0; j < 3 * period; ++j) sums[j] = 0;
  // About the mean of k of n rows, the sums need one pass and cancel little: whatever the numbers, Σ(x −
  // about)² is at most n/k times Σ(x − mean)², since those k rows are as far from the mean.
  const int64_t whole = n / period, first = whole < 16 ? 1 : whole / 16;
  sumPeriods<Vec, 1>(n < first * period ? n : first * period, period, about,
                     [&](Vec* sum, int64_t i, int64_t, auto load, auto) { sum[0] = sum[0] + load(x + i); });
  const float share = 1.0f / static_cast<float>(first);
  for (int64_t j = 0; j < period; ++j) about[j] *= share;
  sumPeriods<Vec, 2>(n, period, moments, [&](Vec* sum, int64_t i, int64_t j, auto load, auto) {
    const Vec d = load(x + i) - load(about + j);
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
      const int64_t left = elements - piece * pieceElements;
      for (int64_t repetition = 0; repetition < period / channels; ++repetition) {
        const int64_t rows =
            rowsOfRepetition<Vec>(left < pieceElements ? left : pieceElements, channels, period, repetition);
        if (rows == 0) continue;
        body(static_cast<double>(rows), sums + piece * 3 * period + repetition * channels + first);
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
    writePeriods<Vec>(y, n, period, stream, [&](int64_t i, int64_t j, auto load, auto store) {
      store(y + i, f(normalized(coefficients, load(x + i) - load(coefficients.mean + j), j, load), i, load));
    });
  };
  const Vec zero = Vec::broadcast(0.0f);
  if (relu && residual)
    map([&](Vec v, int64_t i, auto load) { return max(zero, v + load(residual + i)); });
  else if (relu)
    map([&](Vec v, int64_t, auto) { return max(zero, v); });
  else if (residual)
    map([&](Vec v, int64_t i, auto load) { return v + load(residual + i); });
  else
    map([](Vec v, int64_t, auto) { return v; });
}

template <class Vec>
void NormGradientSums::run() const {
  const Vec zero = Vec::broadcast(0.0f);
  for (int64_t j = 0; j < 2 * period; ++j) sums[j] = 0;
  const auto add = [&](const auto& let) {
    sumPeriods<Vec, 2>(n, period, sums, [&](Vec* sum, int64_t i, int64_t j, auto load, auto store) {
      const Vec centred = load(x + i) - load(coefficients.mean + j);
      const Vec g = let(load(dy + i), centred, i, j, load, store);
      sum[0] = sum[0] + g;
      sum[1] = fma(g, centred, sum[1]);
    });
  };
  switch (gate) {
    case NormGate::none:
      return add([](Vec g, Vec, int64_t, int64_t, auto, auto) { return g; });
    case NormGate::again:
      return add([&](Vec g, Vec centred, int64_t, int64_t j, auto load, auto) {
        return select(zero < normalized(coefficients, centred, j, load), g, zero);
      });
    case NormGate::output:
      break;
  }
  const auto counted = [&](Vec g, int64_t i, auto load) { return select(zero < load(y + i), g, zero); };
  if (stream && aligned<Vec>(gated) && n % Vec::size == 0 && period % Vec::size == 0) {
    add([&](Vec g, Vec, int64_t i, int64_t, auto load, auto) {
      const Vec counts = counted(g, i, load);
      counts.stream(gated + i);
      return counts;
    });
    Vec::fence();
  } else {
    add([&](Vec g, Vec, int64_t i, int64_t, auto load, auto store) {
      const Vec counts = counted(g, i, load);
      store(gated + i, counts);
      return counts;
    });
  }
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
    writePeriods<Vec>(dx, n, period, stream, [&](int64_t i, int64_t j, auto load, auto store) {
      store(dx + i, f(load(dy + i), i, j, load));
    });
  };
  const auto centred = [&](int64_t i, int64_t j, auto load) {
    return load(x + i) - load(coefficients.mean + j);
  };
  const auto gated = [&](Vec g, Vec d, int64_t j, auto load) {
    return select(zero < normalized(coefficients, d, j, load), g, zero);
  };
  const auto ofBoth = [&](Vec g, Vec d, int64_t j, auto load) {
    return fma(g, load(coefficients.scale + j), fma(d, load(slope + j), load(offset + j)));
  };
  if (ofBatch && relu) {
    map([&](Vec g, int64_t i, int64_t j, auto load) {
      const Vec d = centred(i, j, load);
      return ofBoth(gated(g, d, j, load), d, j, load);
    });
  } else if (ofBatch) {
    map([&](Vec g, int64_t i, int64_t j, auto load) { return ofBoth(g, centred(i, j, load), j, load); });
  } else if (relu) {
    map([&](Vec g, int64_t i, int64_t j, auto load) {
      return gated(g, centred(i, j, load), j, load) * load(coefficients.scale + j);
    });
  } else {
    map([&](Vec g, int64_t, int64_t j, auto load) { return g * load(coefficients.scale + j); });
  }
}

template void NormMoments::run<STRIATE_VEC>() const;
template void NormMerge::run<STRIATE_VEC>() const;
template void NormGiven::run<STRIATE_VEC>() const;
template void NormPrepare::run<STRIATE_VEC>() const;
template void Normalize::run<STRIATE_VEC>() const;
template void NormGradientSums::run<STRIATE_VEC>() const;
template void NormGradientMerge::run<STRIATE_VEC>() const;
template void NormGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
