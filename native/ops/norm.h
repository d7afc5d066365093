// Batch normalization over all axes but the last.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/norm.h"
#include "kernels/norm_gradient.h"
#include "kernels/stream.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

struct BatchNormOptions {
  double momentum = 0.1, eps = 1e-5;
  bool relu = false;
  /// Whether to note what relu lets through; wants relu and a residual.
  bool mask = false;
};

struct Normalized {
  /// [3, C]: see NormStatistics.
  Tensor output, statistics;
  /// A bit for each element, as batchNormBackward is to be given.
  Tensor mask;
};

struct NormGradients {
  Tensor byInput, byWeight, byBias;
  /// The gradient as it counts, which is the one by the residual: the sum of those given, or what the mask
  /// lets through of that. None where there was one gradient and no mask.
  Tensor counted;
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

  /// Bytes of the mask of the first `n` elements, which are whole periods, or all.
  int64_t maskBytes(int64_t n) const {
    const int64_t lanes = vectorLanes(), vectors = (period + lanes - 1) / lanes;
    return (n + period - 1) / period * vectors * ((lanes + 7) / 8);
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

/// The sums over the rows of pieces of x: those gathered when x was stored, or new ones.
class NormSums {
 public:
  NormSums(const Tensor& x, const NormPlan& plan)
      : gathered_(std::exchange(x.storage->moments(), {})),
        counts_(gathered_.areOf(plan.elements, plan.channels)),
        plan_(plan),
        own_(takeFloats(counts_ ? 0 : plan.pieces * 3 * plan.period)) {
    if (counts_) return;
    plan.overPieces([&](int64_t piece, int64_t offset, int64_t n) {
      dispatch(NormMoments{x.f32() + offset, own_.floats() + piece * 3 * plan.period, n, plan.period});
    });
  }

  const float* floats() const { return counts_ ? gathered_.sums() : own_.floats(); }
  /// Of each piece, where these were gathered; null where the plan tells.
  const int64_t* rows() const { return counts_ ? gathered_.rows().data() : nullptr; }
  int64_t pieces() const { return counts_ ? static_cast<int64_t>(gathered_.rows().size()) : plan_.pieces; }
  int64_t step() const { return counts_ ? gathered_.step() : plan_.period; }

 private:
  const Moments gathered_;
  const bool counts_;  ///< what was gathered: x may be seen as another shape than it was stored in
  const NormPlan& plan_;
  const Block own_;
};

inline float* dataOrNull(const Tensor& t) { return t ? t.f32() : nullptr; }

/// A tensor that goes with x, element by element, or none.
inline void requireLike(const char* operation, const char* argument, const Tensor& t, const Tensor& x) {
  if (!t) return;
  requireType(operation, argument, t, DType::f32);
  requireShape(operation, argument, t, x.shape);
}

/// What a pass forward gives, yet to be produced.
inline Normalized normResults(const char* operation, const Tensor& x, const Tensor& residual, bool relu,
                              bool mask) {
  if (mask && !(relu && residual))
    throw RangeError(std::string(operation) + ": mask is true, wants false without relu and residual");
  const NormPlan plan(x.shape);
  return {Tensor(operation, x.shape, DType::f32), Tensor(operation, {3, plan.channels}, DType::f32),
          mask ? Tensor(operation, {plan.maskBytes(plan.elements)}, DType::u8) : Tensor()};
}

/// y from x and the statistics, which are there.
inline void normalize(const NormPlan& plan, const NormScratch& scratch, const Tensor& x, const Tensor& weight,
                      const Tensor& bias, const Tensor& residual, const Normalized& result, bool relu,
                      bool past) {
  dispatch(NormPrepare{statisticsOf(result.statistics), dataOrNull(weight), dataOrNull(bias),
                       scratch.coefficients(), plan.channels, plan.period});
  plan.overPieces([&](int64_t, int64_t offset, int64_t n) {
    dispatch(Normalize{scratch.coefficients(), x.f32() + offset, residual ? residual.f32() + offset : nullptr,
                       result.output.f32() + offset,
                       result.mask ? result.mask.u8() + plan.maskBytes(offset) : nullptr, n, plan.period,
                       relu, past});
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
  const Normalized result = normResults(operation, x, residual, options.relu, options.mask);
  submit(stream, operation, {x, weight, bias, runningMean, runningVar, residual},
         {result.output, result.statistics, result.mask}, [=] {
           const NormPlan plan(x.shape);
           // All memory is taken before the running statistics change: what fails leaves them alone.
           const NormSums sums(x, plan);
           const NormScratch scratch(plan, 0);
           plan.overChannels([&](int64_t from, int64_t to) {
             dispatch(NormMerge{sums.floats(), sums.rows(), sums.pieces(), plan.piece, plan.elements,
                                plan.channels, sums.step(), options.momentum, options.eps,
                                statisticsOf(result.statistics), dataOrNull(runningMean),
                                dataOrNull(runningVar), from, to});
           });
           normalize(plan, scratch, x, weight, bias, residual, result, options.relu,
                     streamsKept(result.output.bytes()));
         });
  return result;
}

/// Normalizes by the given statistics.
inline Normalized batchNormInference(Stream& stream, const Tensor& x, const Tensor& weight,
                                     const Tensor& bias, const Tensor& mean, const Tensor& variance,
                                     const Tensor& residual, double eps, bool relu, bool mask) {
  const char* operation = "batchNormInference";
  requireNormInput(operation, x);
  requireLike(operation, "residual", residual, x);
  const int64_t channels = x.shape.last();
  requireChannels(operation, "weight", weight, channels);
  requireChannels(operation, "bias", bias, channels);
  requireChannels(operation, "runningMean", mean, channels);
  requireChannels(operation, "runningVar", variance, channels);
  requireEps(operation, eps);
  const Normalized result = normResults(operation, x, residual, relu, mask);
  submit(stream, operation, {x, weight, bias, mean, variance, residual},
         {result.output, result.statistics, result.mask}, [=] {
           const NormPlan plan(x.shape);
           dispatch(NormGiven{mean.f32(), variance.f32(), eps, statisticsOf(result.statistics), channels});
           normalize(plan, NormScratch(plan, 0), x, weight, bias, residual, result, relu,
                     streams(result.output.bytes()));
         });
  return result;
}

/// The gradients of both, from one gradient by the output or from two that are to be added; they go where one
/// of those is that nothing else holds. `ofBatch`: the statistics came from this input, and so carry a part
/// of its gradient. With relu and a residual, the mask of the forward pass tells what relu let through;
/// without a residual that is computed again.
inline NormGradients batchNormBackward(Stream& stream, std::vector<Tensor> gradients, Tensor x, Tensor weight,
                                       Tensor bias, Tensor statistics, Tensor mask, bool relu, bool ofBatch) {
  const char* operation = "batchNormBackward";
  requireNormInput(operation, x);
  if (gradients.empty() || gradients.size() > 2)
    throw RangeError("batchNormBackward: gradients has " + std::to_string(gradients.size()) +
                     " tensors, wants 1 or 2");
  for (size_t i = 0; i < gradients.size(); ++i) {
    const std::string name = "gradients[" + std::to_string(i) + "]";
    requireType(operation, name.c_str(), gradients[i], DType::f32);
    requireShape(operation, name.c_str(), gradients[i], x.shape);
  }
  const int64_t channels = x.shape.last();
  requireChannels(operation, "weight", weight, channels);
  requireChannels(operation, "bias", bias, channels);
  requireType(operation, "statistics", statistics, DType::f32);
  requireShape(operation, "statistics", statistics, {3, channels});
  const NormPlan plan(x.shape);
  if (mask) {
    if (!relu) throw RangeError("batchNormBackward: mask is given, wants null without relu");
    requireType(operation, "mask", mask, DType::u8);
    requireShape(operation, "mask", mask, {plan.maskBytes(plan.elements)});
  }
  NormGradients result{Tensor(operation, x.shape, DType::f32), Tensor(operation, {channels}, DType::f32),
                       Tensor(operation, {channels}, DType::f32), Tensor()};
  if (mask || gradients.size() > 1) result.counted = Tensor(operation, x.shape, DType::f32);
  Command command{};
  command.operation = operation;
  for (const Tensor& gradient : gradients) command.reads.push_back(gradient.storage);
  for (const Tensor* t : {&x, &weight, &bias, &statistics, &mask})
    if (*t) command.reads.push_back(t->storage);
  // In the order of the places that there are: the second gradient has been read when the one by x is
  // written.
  command.writes = storages({result.counted, result.byInput, result.byWeight, result.byBias});
  command.replaceable = gradients.size();
  if (stream.profiling()) command.detail = describeShapes({x}, {result.byInput});
  command.run = [gradients = std::move(gradients), x = std::move(x), weight = std::move(weight),
                 bias = std::move(bias), statistics = std::move(statistics), mask = std::move(mask), result,
                 plan, relu, ofBatch] {
    const Block sums = Block::take(plan.pieces * 2 * plan.period * static_cast<int64_t>(sizeof(float)));
    const NormScratch scratch(plan, 2);
    const NormCoefficients coefficients = scratch.coefficients();
    const NormGate gate = mask ? NormGate::mask : relu ? NormGate::again : NormGate::none;
    const float* dy = gradients[0].f32();
    const float* further = gradients.size() > 1 ? gradients[1].f32() : nullptr;
    float* counted = dataOrNull(result.counted);
    dispatch(NormPrepare{statisticsOf(statistics), dataOrNull(weight), dataOrNull(bias), coefficients,
                         plan.channels, plan.period});
    plan.overPieces([&](int64_t piece, int64_t offset, int64_t n) {
      dispatch(NormGradientSums{coefficients, dy + offset, further ? further + offset : nullptr,
                                x.f32() + offset, mask ? mask.u8() + plan.maskBytes(offset) : nullptr,
                                counted ? counted + offset : nullptr, sums.floats() + piece * 2 * plan.period,
                                n, plan.period, gate});
    });
    plan.overChannels([&](int64_t from, int64_t to) {
      dispatch(NormGradientMerge{sums.floats(), plan.pieces, plan.elements, plan.channels, plan.period,
                                 statisticsOf(statistics), coefficients, result.byWeight.f32(),
                                 result.byBias.f32(), scratch.array(3), scratch.array(4), from, to});
    });
    const float* counts = counted ? counted : dy;
    float* dx = result.byInput.f32();
    const bool past = streams(result.byInput.bytes()) && dx != dy && dx != further;
    plan.overPieces([&](int64_t, int64_t offset, int64_t n) {
      dispatch(NormGradient{coefficients, scratch.array(3), scratch.array(4), counts + offset,
                            x.f32() + offset, dx + offset, n, plan.period, relu && !counted, ofBatch, past});
    });
  };
  stream.enqueue(std::move(command));
  return result;
}

}  // namespace striate
