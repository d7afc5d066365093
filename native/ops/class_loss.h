// Losses of scores of classes along the last axis, against labels or distributions, with weights of classes
// and of samples.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "kernels/class_loss.h"
#include "ops/loss_reduction.h"
#include "ops/operation.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "runtime/parallel.h"

namespace striate {

/// Which loss, of what.
struct ClassLossCall {
  /// No label.
  static constexpr int64_t nothing = std::numeric_limits<int64_t>::min();

  const char* operation;
  /// i32 labels, or, where the loss takes them, f32 distributions.
  Tensor target;
  Tensor classWeights, sampleWeight;
  int64_t ignored;
  LossReduction reduction;

  bool labelled() const { return target.dtype == DType::i32; }

  /// The shape of the losses of rows.
  static Shape losses(const Tensor& scores) {
    Shape shape;
    for (int axis = 0; axis + 1 < scores.shape.rank(); ++axis) shape.append(scores.shape[axis]);
    return shape;
  }

  void check(const char* argument, const Tensor& scores, bool distributions) const {
    requireType(operation, argument, scores, DType::f32);
    if (distributions && target.dtype == DType::f32) {
      if (scores.shape.rank() == 0)
        throw RangeError(std::string(operation) + ": " + argument +
                         " is a scalar, wants classes along its last axis");
      if (!(target.shape == scores.shape))
        throw RangeError(std::string(operation) + ": target has shape " + target.shape.text() + ", wants " +
                         scores.shape.text() + ", a distribution for each row of " + argument +
                         "; labels are i32");
    } else {
      requireLabels(operation, argument, scores, target);
    }
    requireSampleWeight(operation, sampleWeight, losses(scores));
    if (!classWeights) return;
    requireType(operation, "classWeights", classWeights, DType::f32);
    const Shape wanted{scores.shape.last()};
    if (!(classWeights.shape == wanted))
      throw RangeError(std::string(operation) + ": classWeights has shape " + classWeights.shape.text() +
                       ", wants " + wanted.text() + ", one for each class");
  }

  ClassTargets from(int64_t row, int64_t columns, int64_t* wrongRow) const {
    return {labelled() ? target.i32() + row : nullptr, labelled() ? nullptr : target.f32() + row * columns,
            classWeights ? classWeights.f32() : nullptr, ignored, wrongRow};
  }

  /// Calls work(from, to, targets) for ranges of the rows, in parallel. Throws where a label names no class.
  template <class Work>
  void parallel(int64_t rows, int64_t columns, const Work& work) const {
    if (labelled())
      return forLabelled(target, columns, [&](int64_t begin, int64_t end, int64_t* wrongRow) {
        work(begin, end, from(begin, columns, wrongRow));
      });
    parallelRanges(rows, std::max<int64_t>(1, softmaxGrain / std::max<int64_t>(1, columns)),
                   [&](int64_t begin, int64_t end) { work(begin, end, from(begin, columns, nullptr)); });
  }

  /// What the sum is divided by: for a mean what the rows' classes count, or where these do not matter
  /// (`ofRows`) the number of rows.
  double divisor(int64_t rows, int64_t columns, bool ofRows) const {
    if (reduction != LossReduction::mean) return 1;
    if (ofRows || !labelled()) return static_cast<double>(rows);
    if (!classWeights && ignored == ignoredLabel) return static_cast<double>(labelsThatCount(target));
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t label = target.i32()[r];
      // Those that name no class are told of elsewhere.
      if (label == ignored || label < 0 || label >= columns) continue;
      sum += classWeights ? static_cast<double>(classWeights.f32()[label]) : 1;
    }
    return sum;
  }
};

/// How many rows there are, and classes.
struct ScoreRows {
  explicit ScoreRows(const Tensor& scores)
      : rows(ClassLossCall::losses(scores).elements()), columns(scores.shape.last()) {}
  int64_t rows, columns;
};

/// Fills `loss` with what kernel(from, targets, losses, rows) leaves in `losses`.
template <class Kernel>
void runClassLoss(const ClassLossCall& call, const Tensor& scores, const Tensor& loss, bool ofRows,
                  const Kernel& kernel) {
  const ScoreRows size(scores);
  const bool each = call.reduction == LossReduction::none;
  const Block scratch = each ? Block() : takeFloats(size.rows);
  float* const losses = each ? loss.f32() : scratch.floats();
  call.parallel(size.rows, size.columns, [&](int64_t from, int64_t to, const ClassTargets& targets) {
    dispatch(kernel(from, targets, losses + from, to - from));
    if (!call.sampleWeight) return;
    const int64_t per = lossesPerWeight(call.sampleWeight, ClassLossCall::losses(scores));
    for (int64_t r = from; r < to; ++r) losses[r] *= call.sampleWeight.f32()[r / per];
  });
  if (each) return;
  const auto divisor = static_cast<float>(call.divisor(size.rows, size.columns, ofRows));
  ReductionLoops({size.rows}, AxisSet(call.operation, std::nullopt, 1))
      .run(Reduction::sum, losses, loss.f32(), [&](float* sum, int64_t n) { divideBy(divisor, sum, n); });
}

/// Calls kernel(from, targets, factors, rows), where factors are the gradients by the rows' losses.
template <class Kernel>
void runClassLossBackward(const ClassLossCall& call, const Tensor& scores, const Tensor& gradient,
                          bool ofRows, const Kernel& kernel) {
  const ScoreRows size(scores);
  const Block scratch = takeFloats(size.rows);
  float* const factors = scratch.floats();
  const bool each = call.reduction == LossReduction::none;
  const auto one =
      each ? 0.0f : static_cast<float>(*gradient.f32() / call.divisor(size.rows, size.columns, ofRows));
  const int64_t per =
      call.sampleWeight ? lossesPerWeight(call.sampleWeight, ClassLossCall::losses(scores)) : 1;
  call.parallel(size.rows, size.columns, [&](int64_t from, int64_t to, const ClassTargets& targets) {
    for (int64_t r = from; r < to; ++r) {
      const float factor = each ? gradient.f32()[r] : one;
      factors[r] = call.sampleWeight ? factor * call.sampleWeight.f32()[r / per] : factor;
    }
    dispatch(kernel(from, targets, factors + from, to - from));
  });
}

inline void requireLossGradient(const ClassLossCall& call, const Tensor& scores, const Tensor& gradient) {
  requireType(call.operation, "gradient", gradient, DType::f32);
  requireShape(call.operation, "gradient", gradient,
               lossShape(call.reduction, ClassLossCall::losses(scores)));
}

/// The smoothed targets of a cross-entropy: t becomes kept·t + share.
struct LabelSmoothing {
  LabelSmoothing(const ClassLossCall& call, double smoothing, const Tensor& scores)
      : kept(static_cast<float>(1 - smoothing)),
        share(static_cast<float>(smoothing / static_cast<double>(scores.shape.last()))) {
    if (!(smoothing >= 0 && smoothing <= 1))
      throw RangeError(std::string(call.operation) + ": labelSmoothing is " + std::to_string(smoothing) +
                       ", wants a number from 0 to 1");
  }
  float kept, share;
};

/// The cross-entropy and the probabilities softmax(logits), which rows of ignored labels lack.
inline std::pair<Tensor, Tensor> mixedCrossEntropy(Stream& stream, const ClassLossCall& call,
                                                   const Tensor& logits, double labelSmoothing) {
  call.check("logits", logits, true);
  const LabelSmoothing smoothing(call, labelSmoothing, logits);
  Tensor loss(call.operation, lossShape(call.reduction, ClassLossCall::losses(logits)), DType::f32);
  Tensor p(call.operation, logits.shape, DType::f32);
  submit(stream, call.operation, {logits, call.target, call.classWeights, call.sampleWeight}, {loss, p}, [=] {
    const int64_t columns = logits.shape.last();
    runClassLoss(call, logits, loss, false,
                 [&](int64_t from, const ClassTargets& targets, float* losses, int64_t rows) {
                   const int64_t at = from * columns;
                   return MixedCrossEntropy{
                       targets, smoothing.kept, smoothing.share, logits.f32() + at, p.f32() + at,
                       losses,  rows,           columns};
                 });
  });
  return {loss, p};
}

inline Tensor mixedCrossEntropyBackward(Stream& stream, const ClassLossCall& call, const Tensor& gradient,
                                        const Tensor& p, double labelSmoothing) {
  call.check("probabilities", p, true);
  requireLossGradient(call, p, gradient);
  const LabelSmoothing smoothing(call, labelSmoothing, p);
  Tensor dx(call.operation, p.shape, DType::f32);
  submit(stream, call.operation, {gradient, p, call.target, call.classWeights, call.sampleWeight}, {dx}, [=] {
    const int64_t columns = p.shape.last();
    double weightSum = static_cast<double>(columns);
    if (call.classWeights) {
      weightSum = 0;
      for (int64_t c = 0; c < columns; ++c) weightSum += static_cast<double>(call.classWeights.f32()[c]);
    }
    runClassLossBackward(call, p, gradient, false,
                         [&](int64_t from, const ClassTargets& targets, const float* factors, int64_t rows) {
                           const int64_t at = from * columns;
                           return MixedCrossEntropyGradient{
                               targets,      smoothing.kept, smoothing.share, static_cast<float>(weightSum),
                               p.f32() + at, factors,        dx.f32() + at,   rows,
                               columns};
                         });
  });
  return dx;
}

/// −weight·input[label] of each row.
inline Tensor likelihoodLoss(Stream& stream, const ClassLossCall& call, const Tensor& input) {
  call.check("input", input, false);
  Tensor loss(call.operation, lossShape(call.reduction, ClassLossCall::losses(input)), DType::f32);
  submit(stream, call.operation, {input, call.target, call.classWeights, call.sampleWeight}, {loss}, [=] {
    const int64_t columns = input.shape.last();
    runClassLoss(call, input, loss, false,
                 [&](int64_t from, const ClassTargets& targets, float* losses, int64_t rows) {
                   return LikelihoodLoss{targets, input.f32() + from * columns, losses, rows, columns};
                 });
  });
  return loss;
}

inline Tensor likelihoodLossBackward(Stream& stream, const ClassLossCall& call, const Tensor& gradient,
                                     const Shape& inputShape) {
  Tensor dx(call.operation, inputShape, DType::f32);
  call.check("input", dx, false);
  requireLossGradient(call, dx, gradient);
  submit(stream, call.operation, {gradient, call.target, call.classWeights, call.sampleWeight}, {dx}, [=] {
    const int64_t columns = dx.shape.last();
    runClassLossBackward(call, dx, gradient, false,
                         [&](int64_t from, const ClassTargets& targets, const float* factors, int64_t rows) {
                           return LikelihoodLossGradient{targets, factors, dx.f32() + from * columns, rows,
                                                         columns};
                         });
  });
  return dx;
}

/// The margin loss of several classes, of the first or second power.
struct MarginOptions {
  MarginOptions(const ClassLossCall& call, int64_t p, double margin)
      : squared(p == 2), margin(static_cast<float>(margin)) {
    if (p != 1 && p != 2)
      throw RangeError(std::string(call.operation) + ": p is " + std::to_string(p) + ", wants 1 or 2");
    if (!std::isfinite(this->margin))
      throw RangeError(std::string(call.operation) + ": margin is " + std::to_string(margin) +
                       ", wants a finite number");
  }
  bool squared;
  float margin;
};

inline Tensor marginLoss(Stream& stream, const ClassLossCall& call, const Tensor& input,
                         const MarginOptions& options) {
  call.check("input", input, false);
  Tensor loss(call.operation, lossShape(call.reduction, ClassLossCall::losses(input)), DType::f32);
  submit(stream, call.operation, {input, call.target, call.classWeights, call.sampleWeight}, {loss}, [=] {
    const int64_t columns = input.shape.last();
    runClassLoss(call, input, loss, true,
                 [&](int64_t from, const ClassTargets& targets, float* losses, int64_t rows) {
                   return MarginLoss{targets, options.margin, options.squared, input.f32() + from * columns,
                                     losses,  rows,           columns};
                 });
  });
  return loss;
}

inline Tensor marginLossBackward(Stream& stream, const ClassLossCall& call, const Tensor& gradient,
                                 const Tensor& input, const MarginOptions& options) {
  call.check("input", input, false);
  requireLossGradient(call, input, gradient);
  Tensor dx(call.operation, input.shape, DType::f32);
  submit(stream, call.operation, {gradient, input, call.target, call.classWeights, call.sampleWeight}, {dx},
         [=] {
           const int64_t columns = input.shape.last();
           runClassLossBackward(
               call, input, gradient, true,
               [&](int64_t from, const ClassTargets& targets, const float* factors, int64_t rows) {
                 const int64_t at = from * columns;
                 return MarginLossGradient{
                     targets,       options.margin, options.squared, input.f32() + at, factors,
                     dx.f32() + at, rows,           columns};
               });
         });
  return dx;
}

}  // namespace striate
