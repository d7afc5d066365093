// Normalization of groups of channels, each by the mean and variance over one image: what lies between the
// sums of batch norm's kernels, taken over an image, and their passes over memory. See norm.h.
#pragma once

#include "kernels/norm.h"

namespace striate {

/// `channels` in `groups` equal parts; the sums of an image come in pieces of `pieceElements`.
struct GroupSums {
  const float* sums;
  int64_t pieces, pieceElements, elements, channels, groups, period;
};

/// The statistics of an image's groups from the NormMoments of its pieces, in double precision and in order.
/// `scratch` has two numbers for each channel.
struct GroupMerge {
  GroupSums parts;
  double eps;
  NormStatistics statistics;
  float* variance;
  double* scratch;
  template <class Vec>
  void run() const;
};

/// The coefficients of an image's normalization, repeated over the period; weight and bias, by channel, may
/// be null.
struct GroupPrepare {
  NormStatistics statistics;
  const float *weight, *bias;
  NormCoefficients coefficients;
  int64_t channels, groups, period;
  template <class Vec>
  void run() const;
};

/// From the NormGradientSums of an image's pieces, for each channel what the gradients by weight and bias
/// have of this image, where not null, and the coefficients of dx = scale·dy + slope·(x − mean) + offset,
/// repeated over the period. `scratch` as above.
struct GroupGradientMerge {
  GroupSums parts;
  NormStatistics statistics;
  const float* weight;
  float *byWeight, *byBias, *slope, *offset;
  double* scratch;
  template <class Vec>
  void run() const;
};

/// Moves running statistics to the mean over all images of theirs, the variance by its unbiased form.
struct InstanceRunning {
  const float *mean, *variance;
  int64_t images, places, channels;
  double momentum;
  float *runningMean, *runningVariance;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

namespace striate {

/// Channels whose sums are formed at once.
constexpr int64_t groupBlock = 64;

/// Calls body(rows, sums) for each part of an image that was summed on its own, with its `kinds` sums from
/// channel `first` on.
template <class Vec, int kinds, class Body>
void forGroupParts(const GroupSums& parts, int64_t first, const Body& body) {
  for (int64_t piece = 0; piece < parts.pieces; ++piece) {
    const int64_t left = parts.elements - piece * parts.pieceElements;
    const int64_t n = left < parts.pieceElements ? left : parts.pieceElements;
    for (int64_t repetition = 0; repetition < parts.period / parts.channels; ++repetition) {
      const int64_t rows = rowsOfRepetition<Vec>(n, parts.channels, parts.period, repetition);
      if (rows > 0)
        body(static_cast<double>(rows),
             parts.sums + piece * kinds * parts.period + repetition * parts.channels + first);
    }
  }
}

template <class Vec>
void GroupMerge::run() const {
  const int64_t channels = parts.channels, inGroup = channels / parts.groups, period = parts.period;
  const double rowsInAll = static_cast<double>(parts.elements / channels);
  double *const means = scratch, *const squares = scratch + channels;
  for (int64_t first = 0; first < channels; first += groupBlock) {
    const int64_t width = channels - first < groupBlock ? channels - first : groupBlock;
    double mean[groupBlock] = {}, square[groupBlock] = {};
    forGroupParts<Vec, 3>(parts, first, [&](double rows, const float* part) {
      for (int64_t k = 0; k < width; ++k)
        mean[k] += rows * static_cast<double>(part[k]) + static_cast<double>(part[period + k]);
    });
    for (double& m : mean) m /= rowsInAll;
    forGroupParts<Vec, 3>(parts, first, [&](double rows, const float* part) {
      const double share = 1.0 / rows;
      for (int64_t k = 0; k < width; ++k) {
        const double sum = static_cast<double>(part[period + k]), d = static_cast<double>(part[k]) - mean[k];
        const double away = d + sum * share;
        square[k] += static_cast<double>(part[2 * period + k]) - sum * sum * share + rows * away * away;
      }
    });
    for (int64_t k = 0; k < width; ++k) {
      means[first + k] = mean[k];
      squares[first + k] = square[k];
    }
  }
  const double share = 1.0 / static_cast<double>(inGroup);
  for (int64_t group = 0; group < parts.groups; ++group) {
    double mean = 0, square = 0;
    for (int64_t c = group * inGroup; c < (group + 1) * inGroup; ++c) mean += means[c];
    mean *= share;
    for (int64_t c = group * inGroup; c < (group + 1) * inGroup; ++c) {
      const double away = means[c] - mean;
      square += squares[c] + rowsInAll * away * away;
    }
    // Not less than 0 even by rounding; what is no number stays so.
    const double spread = square < 0 ? 0.0 : square * share / rowsInAll;
    statistics.mean[group] = static_cast<float>(mean);
    statistics.remainder[group] = static_cast<float>(mean - static_cast<double>(statistics.mean[group]));
    statistics.inverse[group] = static_cast<float>(1.0 / ::sqrt(spread + eps));
    variance[group] = static_cast<float>(spread);
  }
}

template <class Vec>
void GroupPrepare::run() const {
  const auto& [mean, scale, shift] = coefficients;
  const int64_t inGroup = channels / groups;
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t group = c / inGroup;
    const float scaleOf = (weight ? weight[c] : 1.0f) * statistics.inverse[group];
    const float shiftOf = (bias ? bias[c] : 0.0f) - statistics.remainder[group] * scaleOf;
    for (int64_t j = c; j < period; j += channels) {
      mean[j] = statistics.mean[group];
      scale[j] = scaleOf;
      shift[j] = shiftOf;
    }
  }
}

template <class Vec>
void GroupGradientMerge::run() const {
  const int64_t channels = parts.channels, inGroup = channels / parts.groups, period = parts.period;
  double *const gradients = scratch, *const products = scratch + channels;
  for (int64_t first = 0; first < channels; first += groupBlock) {
    const int64_t width = channels - first < groupBlock ? channels - first : groupBlock;
    double gradient[groupBlock] = {}, product[groupBlock] = {};
    forGroupParts<Vec, 2>(parts, first, [&](double, const float* part) {
      for (int64_t k = 0; k < width; ++k) {
        gradient[k] += static_cast<double>(part[k]);
        product[k] += static_cast<double>(part[period + k]);
      }
    });
    for (int64_t k = 0; k < width; ++k) {
      const int64_t c = first + k, group = c / inGroup;
      const double weighted = (product[k] - static_cast<double>(statistics.remainder[group]) * gradient[k]) *
                              static_cast<double>(statistics.inverse[group]);
      if (byWeight) {
        byWeight[c] = static_cast<float>(weighted);
        byBias[c] = static_cast<float>(gradient[k]);
      }
      const double w = weight ? static_cast<double>(weight[c]) : 1.0;
      gradients[c] = w * gradient[k];
      products[c] = w * weighted;
    }
  }
  const double count = static_cast<double>(parts.elements / channels * inGroup);
  for (int64_t group = 0; group < parts.groups; ++group) {
    double gradient = 0, product = 0;
    for (int64_t c = group * inGroup; c < (group + 1) * inGroup; ++c) {
      gradient += gradients[c];
      product += products[c];
    }
    const double inverse = static_cast<double>(statistics.inverse[group]);
    const double slopeOf = -inverse * inverse * product / count;
    const double offsetOf =
        -inverse * gradient / count - slopeOf * static_cast<double>(statistics.remainder[group]);
    for (int64_t start = group * inGroup; start < period; start += channels)
      for (int64_t j = start; j < start + inGroup; ++j) {
        slope[j] = static_cast<float>(slopeOf);
        offset[j] = static_cast<float>(offsetOf);
      }
  }
}

template <class Vec>
void InstanceRunning::run() const {
  const double count = static_cast<double>(places), unbiased = count / (count - 1);
  const double share = 1.0 / static_cast<double>(images);
  for (int64_t c = 0; c < channels; ++c) {
    double means = 0, variances = 0;
    for (int64_t image = 0; image < images; ++image) {
      means += static_cast<double>(mean[image * channels + c]);
      variances += static_cast<double>(variance[image * channels + c]);
    }
    const auto moved = [&](float before, double now) {
      return static_cast<float>((1 - momentum) * static_cast<double>(before) + momentum * now);
    };
    runningMean[c] = moved(runningMean[c], means * share);
    runningVariance[c] = moved(runningVariance[c], variances * share * unbiased);
  }
}

template void GroupMerge::run<STRIATE_VEC>() const;
template void GroupPrepare::run<STRIATE_VEC>() const;
template void GroupGradientMerge::run<STRIATE_VEC>() const;
template void InstanceRunning::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
