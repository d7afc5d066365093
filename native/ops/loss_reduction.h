// What all losses share: how the losses of samples become a result, and what each of them counts.
#pragma once

#include <cstdint>
#include <string>

#include "ops/operation.h"

namespace striate {

enum class LossReduction : uint8_t { none, mean, sum, batchMean };

/// The reduction of that name; 'batchmean', the sum over the first axis' extent, only where it is allowed.
inline LossReduction requireReduction(const char* operation, const std::string& name,
                                      bool batchMean = false) {
  if (name == "mean") return LossReduction::mean;
  if (name == "sum") return LossReduction::sum;
  if (name == "none") return LossReduction::none;
  if (name == "batchmean" && batchMean) return LossReduction::batchMean;
  throw RangeError(std::string(operation) + ": reduction is " +
                   (name.size() > 20 ? "a long string" : "'" + name + "'") + ", wants 'mean', 'sum'" +
                   (batchMean ? ", 'batchmean'" : "") + " or 'none'");
}

/// Weights of losses have the shape of their leading axes, or of all of them: one for each sample, or pixel.
inline void requireSampleWeight(const char* operation, const Tensor& weight, const Shape& losses) {
  if (!weight) return;
  requireType(operation, "sampleWeight", weight, DType::f32);
  bool leads = weight.shape.rank() <= losses.rank();
  for (int axis = 0; leads && axis < weight.shape.rank(); ++axis) leads = weight.shape[axis] == losses[axis];
  if (!leads)
    throw RangeError(std::string(operation) + ": sampleWeight has shape " + weight.shape.text() +
                     ", wants that of the leading axes of the losses " + losses.text());
}

/// How many losses one weight is for.
inline int64_t lossesPerWeight(const Tensor& weight, const Shape& losses) {
  return losses.product(weight.shape.rank(), losses.rank());
}

/// The shape of a result.
inline Shape lossShape(LossReduction reduction, const Shape& losses) {
  return reduction == LossReduction::none ? losses : Shape{};
}

}  // namespace striate
