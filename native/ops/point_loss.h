// Losses that are a sum over elements: one pass over predictions and targets for the loss, and one for the
// gradient.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/point_loss.h"
#include "kernels/stream.h"
#include "ops/loss_reduction.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// Which loss, of what.
struct PointLossCall {
  const char* operation;
  PointLossFunction function;
  double parameter;
  Tensor input, target;
  /// What stands for `parameter` in each column [C]; or no tensor.
  Tensor columnParameters;
  Tensor sampleWeight;
  LossReduction reduction;

  void check() const {
    requireType(operation, "input", input, DType::f32);
    requireType(operation, "target", target, DType::f32);
    requireShape(operation, "target", target, input.shape);
    requireSampleWeight(operation, sampleWeight, input.shape);
    if (!columnParameters) return;
    requireType(operation, "posWeight", columnParameters, DType::f32);
    const Shape wanted{input.shape.last()};
    if (!(columnParameters.shape == wanted))
      throw RangeError(std::string(operation) + ": posWeight has shape " + columnParameters.shape.text() +
                       ", wants " + wanted.text() + ", one for each column of input " + input.shape.text());
  }

  /// What the sum of the losses is divided by.
  double divisor() const {
    switch (reduction) {
      case LossReduction::mean:
        return static_cast<double>(input.elements());
      case LossReduction::batchMean:
        return static_cast<double>(input.shape.rank() == 0 ? 1 : input.shape[0]);
      default:
        return 1;
    }
  }
};

inline void requirePositiveParameter(const char* operation, const char* argument, double value) {
  if (!(value > 0) || std::isinf(static_cast<float>(value)))
    throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                     ", wants a finite number above 0");
}

/// The elements as rows, within which weights and parameters advance in one way, cut into pieces of some
/// elementGrain elements.
class PointLossPieces {
 public:
  explicit PointLossPieces(const PointLossCall& call)
      : call_(call), columns_(call.input.elements()), perWeight_(0) {
    const int64_t elements = call.input.elements();
    if (elements == 0) return;
    if (call.columnParameters) columns_ = call.input.shape.last();
    if (call.sampleWeight) {
      const int64_t each = lossesPerWeight(call.sampleWeight, call.input.shape);
      if (!call.columnParameters && each > 1) columns_ = each;
      if (each > 1) perWeight_ = std::max<int64_t>(1, each / columns_);
    }
    rows_ = elements / columns_;
    rowsAtOnce_ = std::max<int64_t>(1, elementGrain / columns_);
    columnsAtOnce_ = rowsAtOnce_ > 1 ? columns_ : elementGrain;
    columnCuts_ = (columns_ + columnsAtOnce_ - 1) / columnsAtOnce_;
  }

  int64_t count() const { return (rows_ + rowsAtOnce_ - 1) / rowsAtOnce_ * columnCuts_; }

  /// Calls work(rows, offset of their first element, piece) in parallel.
  template <class Work>
  void parallel(const Work& work) const {
    parallelFor(count(), [&](int64_t piece) {
      const int64_t row = piece / columnCuts_ * rowsAtOnce_, column = piece % columnCuts_ * columnsAtOnce_,
                    at = row * columns_ + column;
      const float* weights = call_.sampleWeight ? call_.sampleWeight.f32() : nullptr;
      if (weights && perWeight_ == 0) weights += at;
      const PointLossRows rows{call_.function,
                               static_cast<float>(call_.parameter),
                               call_.input.f32() + at,
                               call_.target.f32() + at,
                               call_.columnParameters ? call_.columnParameters.f32() + column : nullptr,
                               weights,
                               row,
                               perWeight_,
                               std::min(rowsAtOnce_, rows_ - row),
                               std::min(columnsAtOnce_, columns_ - column)};
      work(rows, at, piece);
    });
  }

 private:
  const PointLossCall& call_;
  int64_t columns_, perWeight_;
  int64_t rows_ = 0, rowsAtOnce_ = 1, columnsAtOnce_ = 1, columnCuts_ = 1;
};

/// The losses, or what they are reduced to, a scalar.
inline Tensor pointLoss(Stream& stream, const PointLossCall& call) {
  call.check();
  Tensor loss(call.operation, lossShape(call.reduction, call.input.shape), DType::f32);
  const auto run = [=] {
    const PointLossPieces pieces(call);
    if (call.reduction == LossReduction::none)
      return pieces.parallel([&](const PointLossRows& rows, int64_t at, int64_t) {
        dispatch(PointLoss{rows, loss.f32() + at, nullptr});
      });
    std::vector<double> sums(static_cast<size_t>(pieces.count()));
    pieces.parallel([&](const PointLossRows& rows, int64_t, int64_t piece) {
      dispatch(PointLoss{rows, nullptr, &sums[static_cast<size_t>(piece)]});
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    *loss.f32() = static_cast<float>(total / call.divisor());
  };
  submit(stream, call.operation, {call.input, call.target, call.columnParameters, call.sampleWeight}, {loss},
         run);
  return loss;
}

/// The gradient by the input, from the one by the result.
inline Tensor pointLossBackward(Stream& stream, const PointLossCall& call, const Tensor& gradient) {
  requireType(call.operation, "gradient", gradient, DType::f32);
  call.check();
  requireShape(call.operation, "gradient", gradient, lossShape(call.reduction, call.input.shape));
  Tensor dx(call.operation, call.input.shape, DType::f32);
  const auto run = [=] {
    const bool each = call.reduction == LossReduction::none, past = streams(dx.bytes());
    const auto scale = static_cast<float>(each ? 1 : static_cast<double>(*gradient.f32()) / call.divisor());
    PointLossPieces(call).parallel([&](const PointLossRows& rows, int64_t at, int64_t) {
      dispatch(PointLossGradient{rows, each ? gradient.f32() + at : nullptr, scale, dx.f32() + at, past});
    });
  };
  submit(stream, call.operation,
         {gradient, call.input, call.target, call.columnParameters, call.sampleWeight}, {dx}, run);
  return dx;
}

}  // namespace striate
