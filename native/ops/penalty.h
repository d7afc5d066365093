// Penalties on the size of weights, and bounds on that of weights and gradients, over lists of tensors.
#pragma once

#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include "kernels/penalty.h"
#include "ops/optimizer.h"

namespace striate {

inline void requireFloats(const char* operation, const TensorList& list) {
  for (size_t i = 0; i < list.tensors.size(); ++i)
    requireType(operation, (std::string(list.argument) + "[" + std::to_string(i) + "]").c_str(),
                list.tensors[i], DType::f32);
}

/// The tensors, without those over a storage that comes before.
inline std::vector<Tensor> distinctOf(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> distinct;
  std::unordered_set<const Storage*> known;
  for (const Tensor& t : tensors)
    if (known.insert(t.storage.get()).second) distinct.push_back(t);
  return distinct;
}

/// lambda·Σ|w|, or with `squares` lambda/2·Σw², over all parameters, a scalar.
inline Tensor penalty(Stream& stream, const char* operation, bool squares,
                      const std::vector<Tensor>& parameters, double lambda) {
  requireNotNegative(operation, "lambda", lambda);
  const TensorList list{"parameters", parameters};
  requireFloats(operation, list);
  Tensor loss(operation, {}, DType::f32);
  Command command{};
  command.operation = operation;
  command.reads = storagesOf({list});
  command.writes = {loss.storage};
  command.run = [=] {
    const ParameterRow row(parameters);
    std::vector<double> sums(static_cast<size_t>(row.pieces()));
    row.parallel([&](size_t i, int64_t from, int64_t n, int64_t piece) {
      dispatch(PenaltySum{squares, parameters[i].f32() + from, n, &sums[static_cast<size_t>(piece)]});
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    *loss.f32() = static_cast<float>((squares ? lambda / 2 : lambda) * total);
  };
  stream.enqueue(std::move(command));
  return loss;
}

/// The gradient by one parameter: gradient·lambda·sign(w), or gradient·lambda·w with `squares`.
inline Tensor penaltyBackward(Stream& stream, const char* operation, bool squares, const Tensor& gradient,
                              const Tensor& parameter, double lambda) {
  requireNotNegative(operation, "lambda", lambda);
  requireType(operation, "gradient", gradient, DType::f32);
  requireShape(operation, "gradient", gradient, {});
  requireType(operation, "parameter", parameter, DType::f32);
  Tensor dw(operation, parameter.shape, DType::f32);
  submit(stream, operation, {gradient, parameter}, {dw}, [=] {
    const auto scale = static_cast<float>(lambda * static_cast<double>(*gradient.f32()));
    parallelRanges(dw.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(PenaltyGradient{squares, scale, parameter.f32() + from, dw.f32() + from, to - from});
    });
  });
  return dw;
}

/// Brings the elements of gradients into [−limit, limit], in place.
inline void clipGradValue(Stream& stream, const std::vector<Tensor>& gradients, double limit) {
  const char* operation = "clipGradValue";
  if (!(limit >= 0))
    throw RangeError("clipGradValue: clipValue is " + std::to_string(limit) + ", wants a number from 0 on");
  const TensorList list{"gradients", gradients};
  requireFloats(operation, list);
  submitUpdate(stream, operation, storagesOf({list}), [=, distinct = distinctOf(gradients)] {
    ParameterRow(distinct).parallel([&](size_t i, int64_t from, int64_t n, int64_t) {
      dispatch(ClipValues{static_cast<float>(limit), distinct[i].f32() + from, n});
    });
  });
}

/// Scales the weights of each unit, w[…, unit] of a tensor with two or more axes, whose norm is above the
/// bound down to it, in place.
inline void clipMaxNorm(Stream& stream, const std::vector<Tensor>& parameters, double maxNorm) {
  const char* operation = "clipMaxNorm";
  if (!(maxNorm > 0))
    throw RangeError("clipMaxNorm: maxNorm is " + std::to_string(maxNorm) + ", wants a number above 0");
  const TensorList list{"parameters", parameters};
  requireFloats(operation, list);
  submitUpdate(stream, operation, storagesOf({list}),
               [maxNorm, distinct = distinctOf(parameters)] { MaxNorm(distinct, maxNorm).run(); });
}

}  // namespace striate
