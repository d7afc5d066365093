// The norm of gradients, all as one vector, and what bounds it.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/gradient_norm.h"
#include "ops/operation.h"
#include "ops/parameter_row.h"
#include "ops/scale.h"

namespace striate {

/// The norm of all tensors as one vector, of elements clipped to [−limit, limit].
inline double normOf(const std::vector<Tensor>& tensors, const ParameterRow& row, double limit) {
  std::vector<double> sums(static_cast<size_t>(row.pieces()));
  row.parallel([&](size_t i, int64_t from, int64_t n, int64_t piece) {
    double sum;
    dispatch(SumOfSquares{tensors[i].f32() + from, n, static_cast<float>(limit), &sum});
    sums[static_cast<size_t>(piece)] += sum;
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

/// What gradients of this norm are multiplied by, so that it is at most `most`: PyTorch's factor.
inline double clippingFactor(double norm, double most) {
  const double factor = most / (norm + 1e-6);
  return factor > 1 ? 1 : factor;  // what is not a number stays so
}

inline void requireGradients(const char* operation, const std::vector<Tensor>& gradients) {
  for (size_t i = 0; i < gradients.size(); ++i)
    requireType(operation, ("gradients[" + std::to_string(i) + "]").c_str(), gradients[i], DType::f32);
}

/// Puts run(norm) on the queue, which is to write a scalar that depends on the gradients.
template <class Run>
Tensor submitNorm(Stream& stream, const char* operation, const std::vector<Tensor>& gradients, Run run) {
  const Tensor norm(operation, {}, DType::f32);
  Command command{};
  command.operation = operation;
  for (const Tensor& gradient : gradients) command.reads.push_back(gradient.storage);
  command.writes = {norm.storage};
  command.run = [=] { run(norm); };
  stream.enqueue(std::move(command));
  return norm;
}

/// The norm of gradients whose elements are clipped to [−clipValue, clipValue].
inline Tensor gradientNorm(Stream& stream, const std::vector<Tensor>& gradients, double clipValue) {
  const char* operation = "gradientNorm";
  if (!(clipValue > 0))
    throw RangeError("gradientNorm: clipValue is " + std::to_string(clipValue) + ", wants a number above 0");
  requireGradients(operation, gradients);
  return submitNorm(stream, operation, gradients, [=](const Tensor& norm) {
    *norm.f32() = static_cast<float>(normOf(gradients, ParameterRow(gradients), clipValue));
  });
}

/// Scales the gradients in place so that their norm, all as one vector, is at most `maxNorm`; gives the norm
/// that they had. One that is given twice counts twice, and is scaled once.
inline Tensor clipGradNorm(Stream& stream, const std::vector<Tensor>& gradients, double maxNorm) {
  const char* operation = "clipGradNorm";
  if (!(maxNorm >= 0))
    throw RangeError("clipGradNorm: maxNorm is " + std::to_string(maxNorm) + ", wants a number from 0 on");
  requireGradients(operation, gradients);
  std::vector<Tensor> distinct;
  std::unordered_set<const Storage*> known;
  for (size_t i = 0; i < gradients.size(); ++i)
    if (known.insert(gradients[i].storage.get()).second) distinct.push_back(gradients[i]);
  return submitNorm(stream, operation, gradients, [=](const Tensor& norm) {
    const double before = normOf(gradients, ParameterRow(gradients), std::numeric_limits<double>::infinity());
    *norm.f32() = static_cast<float>(before);
    const float factor = static_cast<float>(clippingFactor(before, maxNorm));
    // What only measures does not spread what is not a number.
    if (factor == 1 || std::isinf(maxNorm)) return;
    ParameterRow(distinct).parallel([&](size_t i, int64_t from, int64_t n, int64_t) {
      scaleBy(&factor, 0, distinct[i].f32() + from, 1, n);
    });
  });
}

}  // namespace striate
