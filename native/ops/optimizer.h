// A step of an optimizer over all its parameters: one command, one pass over memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/optimizer.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

struct SgdOptions {
  double lr, momentum, dampening, weightDecay;
  bool nesterov, firstStep;
};

struct AdamOptions {
  int64_t step;
  double lr, beta1, beta2, eps, weightDecay;
  bool decoupled;
};

/// Tensors of one role, one for each parameter.
struct TensorList {
  const char* argument;
  const std::vector<Tensor>& tensors;
};

inline void requireNotNegative(const char* operation, const char* argument, double value) {
  if (!(value >= 0) || std::isinf(value))
    throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                     ", wants a finite number from 0 on");
}

inline void requireBelowOne(const char* operation, const char* argument, double value) {
  if (!(value >= 0 && value < 1))
    throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                     ", wants a number from 0 to less than 1");
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
  for (const TensorList& list : states) claim(list);
  requireFitting(gradients);
  for (size_t i = 0; i < count; ++i)
    if (const auto other = changed.find(gradients.tensors[i].storage.get()); other != changed.end())
      throw RangeError(std::string(operation) + ": " + name(gradients, i) + " and " + other->second +
                       " are one tensor, wants each of its own");
}

/// All parameters as one row of elements, cut into pieces that may hold many small tensors or part of a large
/// one.
class ParameterRow {
 public:
  explicit ParameterRow(const std::vector<Tensor>& parameters) {
    ends_.reserve(parameters.size());
    for (const Tensor& p : parameters) ends_.push_back(length() + p.elements());
  }

  /// Calls work(tensor, from, n) in parallel.
  template <class Work>
  void parallel(const Work& work) const {
    parallelRanges(length(), elementGrain, [&](int64_t from, int64_t to) {
      auto tensor = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), from) - ends_.begin());
      for (int64_t at = from; at < to; ++tensor) {
        const int64_t start = tensor == 0 ? 0 : ends_[tensor - 1], end = std::min(to, ends_[tensor]);
        if (end > at) work(tensor, at - start, end - at);
        at = end;
      }
    });
  }

 private:
  int64_t length() const { return ends_.empty() ? 0 : ends_.back(); }

  std::vector<int64_t> ends_;
};

inline std::vector<std::shared_ptr<Storage>> storagesOf(std::initializer_list<TensorList> lists) {
  std::vector<std::shared_ptr<Storage>> all;
  for (const TensorList& list : lists)
    for (const Tensor& t : list.tensors) all.push_back(t.storage);
  return all;
}

/// Stochastic gradient descent; `velocities` is empty without momentum.
inline void sgd(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                const std::vector<Tensor>& velocities, const SgdOptions& o) {
  const char* operation = "sgd";
  requireNotNegative(operation, "lr", o.lr);
  requireNotNegative(operation, "momentum", o.momentum);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  if (std::isinf(o.dampening)) throw RangeError("sgd: dampening is infinite, wants a finite number");
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
    throw RangeError("sgd: nesterov wants a momentum and no dampening");
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, v{"velocities", velocities};
  if (o.momentum == 0 && velocities.empty())
    requireLists(operation, p, g, {});
  else
    requireLists(operation, p, g, {v});
  submitUpdate(stream, operation, storagesOf({p, g, v}), [=] {
    ParameterRow(parameters).parallel([&](size_t i, int64_t from, int64_t n) {
      float* velocity = velocities.empty() ? nullptr : velocities[i].f32() + from;
      dispatch(SgdStep{gradients[i].f32() + from, parameters[i].f32() + from, velocity, n,
                       static_cast<float>(o.lr), static_cast<float>(o.momentum),
                       static_cast<float>(1 - o.dampening), static_cast<float>(o.weightDecay), o.nesterov,
                       o.firstStep});
    });
  });
}

/// Adam; with `decoupled`, AdamW.
inline void adam(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                 const std::vector<Tensor>& means, const std::vector<Tensor>& variances,
                 const AdamOptions& o) {
  const char* operation = "adam";
  requireNotNegative(operation, "lr", o.lr);
  requireBelowOne(operation, "beta1", o.beta1);
  requireBelowOne(operation, "beta2", o.beta2);
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, m{"means", means},
      v{"variances", variances};
  requireLists(operation, p, g, {m, v});
  const double step = static_cast<double>(o.step);
  const double stepSize = o.lr / (1 - std::pow(o.beta1, step));
  const double correction = 1 / std::sqrt(1 - std::pow(o.beta2, step));
  submitUpdate(stream, operation, storagesOf({p, g, m, v}), [=] {
    ParameterRow(parameters).parallel([&](size_t i, int64_t from, int64_t n) {
      dispatch(
          AdamStep{gradients[i].f32() + from, parameters[i].f32() + from, means[i].f32() + from,
                   variances[i].f32() + from, n, static_cast<float>(1 - o.beta1), static_cast<float>(o.beta2),
                   static_cast<float>(1 - o.beta2), static_cast<float>(o.decoupled ? 0 : o.weightDecay),
                   static_cast<float>(o.decoupled ? 1 - o.lr * o.weightDecay : 1),
                   static_cast<float>(stepSize), static_cast<float>(correction), static_cast<float>(o.eps)});
    });
  });
}

}  // namespace striate
