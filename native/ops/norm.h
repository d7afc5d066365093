// Batch normalization over all axes but the last.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "kernels/norm.h"
#include "kernels/stream.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

struct BatchNormOptions {
  double momentum = 0.1, eps = 1e-5;
  bool relu = false;
};

struct Normalized {
  /// [3, C]: see NormStatistics.
  Tensor output, statistics;
};

struct NormGradients {
  Tensor byInput, byWeight, byBias;
  /// What relu lets through of the gradient, which is the one by the residual; where the output was given.
  Tensor gated;
};

/// How rows of channels are cut into pieces, by their shape alone.
struct NormPlan {
  int64_t elements, channels, period, piece, pieces;

  explicit NormPlan(const Shape& shape) : elements(shape.elements()), channels(shape.last()) {
    // The least common multiple of a pixel and the widest vector, made longer where that is short.
    constexpr int64_t lanes = 16, least = 64;
    period = channels;
    if (channels < least) period *= lanes / std::gcd(channels, lanes);
    if (period < least) period *= (least + period - 1) / period;
    // Sixteen rows at least, so that the sums of all pieces are small beside the data.
    piece = std::max(std::max<int64_t>(1, elementGrain / period) * period, 16 * channels);
    pieces = (elements + piece - 1) / piece;
  }

  /// Calls work(piece, offset, n) in parallel.
  template <class Work>
  void overPieces(const Work& work) const {
    parallelFor(pieces, [&](int64_t i) { work(i, i * piece, std::min(piece, elements - i * piece)); });
  }

  /// Calls work(from, to) in parallel for blocks of channels.
  template <class Work>
  void overChannels(const Work& work) const {
    parallelRanges(channels, 16, work);
  }
};

inline NormStatistics statisticsOf(const Tensor& t) {
  const int64_t channels = t.shape.last();
  return {t.f32(), t.f32() + channels, t.f32() + 2 * channels};
}

/// A tensor of one number for each channel, or none.
inline void requireChannels(const char* operation, const char* argument, const Tensor& t, int64_t channels) {
  if (!t) return;
  requireType(operation, argument, t, DType::f32);
  requireShape(operation, argument, t, {channels});
}

inline void requireNormInput(const char* operation, const Tensor& x) {
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() < 2 || x.shape.rank() > 4)
    throw RangeError(std::string(operation) + ": input " + x.shape.text() + " has " +
                     std::to_string(x.shape.rank()) + " axes, wants 2, 3 or 4");
  if (x.shape.last() == 0)
    throw RangeError(std::string(operation) + ": input " + x.shape.text() + " has no channels");
}

inline void requireEps(const char* operation, double eps) {
  if (!(eps >= 0) || std::isinf(eps))
    throw RangeError(std::string(operation) + ": eps is " + std::to_string(eps) +
                     ", wants a finite number from 0 on");
}

/// Memory for the coefficients of a period, and `more` arrays of that length.
struct NormScratch {
  Block block;
  int64_t period;

  NormScratch(const NormPlan& plan, int64_t more)
      : block(Block::take((3 + more) * plan.period * static_cast<int64_t>(sizeof(float)))),
        period(plan.period) {}
  float* array(int64_t i) const { return block.floats() + i * period; }
  NormCoefficients coefficients() const { return {array(0), array(1), array(2)}; }
};

inline float* dataOrNull(const Tensor& t) { return t ? t.f32() : nullptr; }

/// A tensor that goes with x, element by element, or none.
inline void requireLike(const char* operation, const char* argument, const Tensor& t, const Tensor& x) {
  if (!t) return;
  requireType(operation, argument, t, DType::f32);
  requireShape(operation, argument, t, x.shape);
}

/// y from x and the statistics, which are there.
inline void normalize(const NormPlan& plan, const NormScratch& scratch, const Tensor& x, const Tensor& weight,
                      const Tensor& bias, const Tensor& residual, const Normalized& result, bool relu) {
  dispatch(NormPrepare{statisticsOf(result.statistics), dataOrNull(weight), dataOrNull(bias),
                       scratch.coefficients(), plan.channels, plan.period});
  const bool past = streams(result.output.bytes());
  plan.overPieces([&](int64_t, int64_t offset, int64_t n) {
    dispatch(Normalize{scratch.coefficients(), x.f32() + offset, residual ? residual.f32() + offset : nullptr,
                       result.output.f32() + offset, n, plan.period, relu, past});
  });
}

/// Normalizes each channel by its mean and biased variance over the batch, and moves the running statistics,
/// the variance with the unbiased one, in place. A residual is added before relu.
inline Normalized batchNorm(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& runningMean, const Tensor& runningVar, const Tensor& residual,
                            const BatchNormOptions& options) {
  const char* operation = "batchNorm";
  requireNormInput(operation, x);
  requireLike(operation, "residual", residual, x);
  const int64_t channels = x.shape.last();
  requireChannels(operation, "weight", weight, channels);
  requireChannels(operation, "bias", bias, channels);
  requireChannels(operation, "runningMean", runningMean, channels);
  requireChannels(operation, "runningVar", runningVar, channels);
  if (!runningMean != !runningVar)
    throw TypeError("batchNorm: one of runningMean and runningVar is given, wants both or none");
  if (runningMean && runningMean.storage == runningVar.storage)
    throw RangeError("batchNorm: runningMean and runningVar are one tensor, wants two");
  requireEps(operation, options.eps);
  if (!(options.momentum >= 0 && options.momentum <= 1))
    throw RangeError("batchNorm: momentum is " + std::to_string(options.momentum) +
                     ", wants a number from 0 to 1");
  if (const int64_t rows = x.shape.product(0, x.shape.rank() - 1); rows < 2)
    throw RangeError("batchNorm: input " + x.shape.text() + " has " + std::to_string(rows) +
                     " values per channel, wants at least 2 in training");
  const Normalized result{Tensor(operation, x.shape, DType::f32),
                          Tensor(operation, {3, channels}, DType::f32)};
  submit(stream, operation, {x, weight, bias, runningMean, runningVar, residual},
         {result.output, result.statistics}, [=] {
           const NormPlan plan(x.shape);
           // All memory is taken before the running statistics change: what fails leaves them alone.
           const Block sums =
               Block::take(plan.pieces * 3 * plan.period * static_cast<int64_t>(sizeof(float)));
           const NormScratch scratch(plan, 0);
           plan.overPieces([&](int64_t piece, int64_t offset, int64_t n) {
             dispatch(NormMoments{x.f32() + offset, sums.floats() + piece * 3 * plan.period, n, plan.period});
           });
           plan.overChannels([&](int64_t from, int64_t to) {
             dispatch(NormMerge{sums.floats(), plan.pieces, plan.piece, plan.elements, plan.channels,
                                plan.period, options.momentum, options.eps, statisticsOf(result.statistics),
                                dataOrNull(runningMean), dataOrNull(runningVar), from, to});
           });
           normalize(plan, scratch, x, weight, bias, residual, result, options.relu);
         });
  return result;
}

/// Normalizes by the given statistics.
inline Normalized batchNormInference(Stream& stream, const Tensor& x, const Tensor& weight,
                                     const Tensor& bias, const Tensor& mean, const Tensor& variance,
                                     const Tensor& residual, double eps, bool relu) {
  const char* operation = "batchNormInference";
  requireNormInput(operation, x);
  requireLike(operation, "residual", residual, x);
  const int64_t channels = x.shape.last();
  requireChannels(operation, "weight", weight, channels);
  requireChannels(operation, "bias", bias, channels);
  requireChannels(operation, "runningMean", mean, channels);
  requireChannels(operation, "runningVar", variance, channels);
  requireEps(operation, eps);
  const Normalized result{Tensor(operation, x.shape, DType::f32),
                          Tensor(operation, {3, channels}, DType::f32)};
  submit(stream, operation, {x, weight, bias, mean, variance, residual}, {result.output, result.statistics},
         [=] {
           const NormPlan plan(x.shape);
           dispatch(NormGiven{mean.f32(), variance.f32(), eps, statisticsOf(result.statistics), channels});
           normalize(plan, NormScratch(plan, 0), x, weight, bias, residual, result, relu);
         });
  return result;
}

/// The gradients of both. `ofBatch`: the statistics came from this input, and so carry a part of its
/// gradient. With relu and a residual, `output` is what the forward pass gave: reading it tells what relu let
/// through, and costs no more than reading the residual would.
inline NormGradients batchNormBackward(Stream& stream, const Tensor& gradient, const Tensor& x,
                                       const Tensor& weight, const Tensor& bias, const Tensor& statistics,
                                       const Tensor& output, bool relu, bool ofBatch) {
  const char* operation = "batchNormBackward";
  requireNormInput(operation, x);
  requireType(operation, "gradient", gradient, DType::f32);
  requireShape(operation, "gradient", gradient, x.shape);
  const int64_t channels = x.shape.last();
  requireChannels(operation, "weight", weight, channels);
  requireChannels(operation, "bias", bias, channels);
  requireType(operation, "statistics", statistics, DType::f32);
  requireShape(operation, "statistics", statistics, {3, channels});
  requireLike(operation, "output", output, x);
  if (output && !relu) throw RangeError("batchNormBackward: output is given, wants null without relu");
  NormGradients result{Tensor(operation, x.shape, DType::f32), Tensor(operation, {channels}, DType::f32),
                       Tensor(operation, {channels}, DType::f32), Tensor()};
  if (output) result.gated = Tensor(operation, x.shape, DType::f32);
  const NormGate gate = output ? NormGate::output : relu ? NormGate::again : NormGate::none;
  submit(stream, operation, {gradient, x, weight, bias, statistics, output},
         {result.byInput, result.byWeight, result.byBias, result.gated}, [=] {
           const NormPlan plan(x.shape);
           const Block sums =
               Block::take(plan.pieces * 2 * plan.period * static_cast<int64_t>(sizeof(float)));
           const NormScratch scratch(plan, 2);
           const NormCoefficients coefficients = scratch.coefficients();
           const bool past = streams(result.byInput.bytes());
           dispatch(NormPrepare{statisticsOf(statistics), dataOrNull(weight), dataOrNull(bias), coefficients,
                                plan.channels, plan.period});
           plan.overPieces([&](int64_t piece, int64_t offset, int64_t n) {
             dispatch(NormGradientSums{coefficients, gradient.f32() + offset, x.f32() + offset,
                                       output ? output.f32() + offset : nullptr,
                                       output ? result.gated.f32() + offset : nullptr,
                                       sums.floats() + piece * 2 * plan.period, n, plan.period, gate, past});
           });
           plan.overChannels([&](int64_t from, int64_t to) {
             dispatch(NormGradientMerge{sums.floats(), plan.pieces, plan.elements, plan.channels, plan.period,
                                        statisticsOf(statistics), coefficients, result.byWeight.f32(),
                                        result.byBias.f32(), scratch.array(3), scratch.array(4), from, to});
           });
           const float* counts = output ? result.gated.f32() : gradient.f32();
           plan.overPieces([&](int64_t, int64_t offset, int64_t n) {
             dispatch(NormGradient{coefficients, scratch.array(3), scratch.array(4), counts + offset,
                                   x.f32() + offset, result.byInput.f32() + offset, n, plan.period,
                                   gate == NormGate::again, ofBatch, past});
           });
         });
  return result;
}

}  // namespace striate
