// What the steps of all optimizers share. A step over all parameters is one command, one pass over memory,
// and one more for each of what looks at a whole vector first: the norm of the gradients, and those of the
// units' weights.
#pragma once

#include <cmath>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/gradient_use.h"
#include "ops/gradient_norm.h"
#include "ops/max_norm.h"
#include "ops/operation.h"
#include "ops/parameter_row.h"

namespace striate {

/// What happens to gradients before a step, and to weights after it; infinite where nothing is to happen.
struct Clipping {
  /// The largest element of a gradient.
  double value;
  /// The largest norm of all gradients together, as one vector; taken after `value`.
  double norm;
  /// The largest norm of a unit's weights, w[…, unit], of parameters with two or more axes.
  double maxNorm;
  /// The norm that `norm` bounds, where it is of more gradients than the step is given.
  Tensor totalNorm;
};

/// Steps that each parameter will have taken after this one.
using Steps = std::vector<int64_t>;

/// Tensors of one role, one for each parameter; none, where that is optional.
struct TensorList {
  const char* argument;
  const std::vector<Tensor>& tensors;
  bool optional = false;
};

inline void requireNotNegative(const char* operation, const char* argument, double value) {
  if (!(value >= 0) || std::isinf(value))
    throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                     ", wants a finite number from 0 on");
}

inline void requireClipping(const char* operation, const Clipping& clipping) {
  const auto requirePositive = [&](const char* argument, double value) {
    if (!(value > 0))
      throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                       ", wants a number above 0");
  };
  requirePositive("clipValue", clipping.value);
  requirePositive("clipNorm", clipping.norm);
  requirePositive("maxNorm", clipping.maxNorm);
  if (!clipping.totalNorm) return;
  requireType(operation, "totalNorm", clipping.totalNorm, DType::f32);
  requireShape(operation, "totalNorm", clipping.totalNorm, {});
}

inline void requireSteps(const char* operation, const Steps& steps, const std::vector<Tensor>& parameters) {
  if (steps.size() != parameters.size())
    throw RangeError(std::string(operation) + ": steps has " + std::to_string(steps.size()) +
                     " numbers, wants " + std::to_string(parameters.size()) + ", as many as parameters");
}

inline void requireBelowOne(const char* operation, const char* argument, double value) {
  if (!(value >= 0 && value < 1))
    throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                     ", wants a number from 0 to less than 1");
}

inline void requireAtMostOne(const char* operation, const char* argument, double value) {
  if (!(value >= 0 && value <= 1))
    throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                     ", wants a number from 0 to 1");
}

/// Checks that every list has a f32 tensor of the parameter's shape for each parameter, and that no storage
/// is changed twice, or changed and read: pieces of tensors are worked on at the same time.
inline void requireLists(const char* operation, const TensorList& parameters, const TensorList& gradients,
                         std::initializer_list<TensorList> states) {
  const size_t count = parameters.tensors.size();
  const auto name = [](const TensorList& list, size_t i) {
    return std::string(list.argument) + "[" + std::to_string(i) + "]";
  };
  const auto requireFitting = [&](const TensorList& list) {
    if (list.tensors.size() != count)
      throw RangeError(std::string(operation) + ": " + list.argument + " has " +
                       std::to_string(list.tensors.size()) + " tensors, wants " + std::to_string(count) +
                       ", as many as parameters");
    for (size_t i = 0; i < count; ++i) {
      const std::string argument = name(list, i);
      requireType(operation, argument.c_str(), list.tensors[i], DType::f32);
      requireShape(operation, argument.c_str(), list.tensors[i], parameters.tensors[i].shape);
    }
  };
  std::unordered_map<const Storage*, std::string> changed;
  const auto claim = [&](const TensorList& list) {
    requireFitting(list);
    for (size_t i = 0; i < count; ++i) {
      const auto [other, isNew] = changed.emplace(list.tensors[i].storage.get(), name(list, i));
      if (!isNew)
        throw RangeError(std::string(operation) + ": " + name(list, i) + " and " + other->second +
                         " are one tensor, wants each of its own");
    }
  };
  claim(parameters);
  for (const TensorList& list : states)
    if (!list.optional || !list.tensors.empty()) claim(list);
  requireFitting(gradients);
  for (size_t i = 0; i < count; ++i)
    if (const auto other = changed.find(gradients.tensors[i].storage.get()); other != changed.end())
      throw RangeError(std::string(operation) + ": " + name(gradients, i) + " and " + other->second +
                       " are one tensor, wants each of its own");
}

inline std::vector<std::shared_ptr<Storage>> storagesOf(std::initializer_list<TensorList> lists) {
  std::vector<std::shared_ptr<Storage>> all;
  for (const TensorList& list : lists)
    for (const Tensor& t : list.tensors) all.push_back(t.storage);
  return all;
}

inline float* at(const std::vector<Tensor>& list, size_t i, int64_t from) {
  return list.empty() ? nullptr : list[i].f32() + from;
}

/// A step of all parameters: `kernel(i, from, n, use)` is what updates n elements of the i-th from `from` on.
template <class Kernel>
void submitStep(Stream& stream, const char* operation, std::initializer_list<TensorList> lists,
                const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                const Clipping& clipping, double weightDecay, Kernel kernel) {
  std::vector<std::shared_ptr<Storage>> touched = storagesOf(lists);
  if (clipping.totalNorm) touched.push_back(clipping.totalNorm.storage);
  submitUpdate(stream, operation, std::move(touched), [=] {
    const ParameterRow row(parameters);
    const MaxNorm maxNorm(parameters, clipping.maxNorm);
    GradientUse use{static_cast<float>(clipping.value), 1, static_cast<float>(weightDecay)};
    if (!std::isinf(clipping.norm)) {
      const double norm = clipping.totalNorm ? static_cast<double>(*clipping.totalNorm.f32())
                                             : normOf(gradients, row, clipping.value);
      use.factor = static_cast<float>(clippingFactor(norm, clipping.norm));
    }
    row.parallel([&](size_t i, int64_t from, int64_t n, int64_t) { dispatch(kernel(i, from, n, use)); });
    maxNorm.run();
  });
}

}  // namespace striate
