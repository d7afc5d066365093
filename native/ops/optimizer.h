// A step of an optimizer over all its parameters: one command, one pass over memory, and one more for each of
// what looks at a whole vector first: the norm of the gradients, and those of the units' weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/optimizer.h"
#include "kernels/reduce.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// What happens to gradients before a step, and to weights after it; infinite where nothing is to happen.
struct Clipping {
  /// The largest element of a gradient.
  double value;
  /// The largest norm of all gradients together, as one vector; taken after `value`.
  double norm;
  /// The largest norm of a unit's weights, w[…, unit], of parameters with two or more axes.
  double maxNorm;
};

/// Steps that each parameter will have taken after this one.
using Steps = std::vector<int64_t>;

struct SgdOptions {
  double lr, momentum, dampening, weightDecay;
  bool nesterov;
};

struct AdamOptions {
  double lr, beta1, beta2, eps, weightDecay;
  bool decoupled;
};

struct AdagradOptions {
  double lr, lrDecay, eps, weightDecay;
};

struct RmsPropOptions {
  double lr, alpha, eps, weightDecay, momentum;
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

inline void requireClipping(const char* operation, const Clipping& clipping) {
  const auto requirePositive = [&](const char* argument, double value) {
    if (!(value > 0))
      throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                       ", wants a number above 0");
  };
  requirePositive("clipValue", clipping.value);
  requirePositive("clipNorm", clipping.norm);
  requirePositive("maxNorm", clipping.maxNorm);
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

  /// Calls work(tensor, from, n, piece) in parallel, in order within a piece.
  template <class Work>
  void parallel(const Work& work) const {
    parallelRanges(length(), elementGrain, [&](int64_t from, int64_t to) {
      auto tensor = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), from) - ends_.begin());
      for (int64_t at = from; at < to; ++tensor) {
        const int64_t start = tensor == 0 ? 0 : ends_[tensor - 1], end = std::min(to, ends_[tensor]);
        if (end > at) work(tensor, at - start, end - at, from / elementGrain);
        at = end;
      }
    });
  }

  int64_t pieces() const { return (length() + elementGrain - 1) / elementGrain; }

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

/// x[r, c] *= factors[c·step]
inline void scaleBy(const float* factors, int64_t step, float* x, int64_t rows, int64_t columns) {
  dispatch(Binary{BinaryFunction::mul, x, factors, x, rows, columns, {columns, 1}, {0, step}});
}

/// Scales the columns of weights [.., columns] whose norm is above a bound down to it.
class MaxNorm {
 public:
  /// Takes the memory that it needs: an exception must leave the parameters as they were.
  MaxNorm(const std::vector<Tensor>& parameters, double bound) : bound_(bound) {
    if (std::isinf(bound)) return;
    int64_t floats = 0;
    for (const Tensor& p : parameters) {
      if (p.shape.rank() < 2 || p.elements() == 0) continue;
      const Rows rows(p);
      weights_.push_back(p);
      floats = std::max(floats, (rows.blocks + 1) * rows.columns);
    }
    scratch_ = Block::take(floats * static_cast<int64_t>(sizeof(float)));
  }

  void run() const {
    for (const Tensor& w : weights_) scale(w);
  }

 private:
  /// Blocks of rows, few enough that their sums are a small part of the weights, and short enough for a sum.
  struct Rows {
    explicit Rows(const Tensor& w)
        : columns(w.shape.last()),
          rows(w.elements() / columns),
          perBlock(std::clamp<int64_t>(elementGrain / columns, 64, 1024)),
          blocks((rows + perBlock - 1) / perBlock) {}
    int64_t columns, rows, perBlock, blocks;
  };

  void scale(const Tensor& w) const {
    const Rows r(w);
    float *const factors = scratch_.floats(), *const partial = factors + r.columns, *const data = w.f32();
    parallelRanges(r.rows, r.perBlock, [&](int64_t from, int64_t to) {
      float* const sums = partial + from / r.perBlock * r.columns;
      std::fill_n(sums, r.columns, 0.0f);
      dispatch(SquaresOfColumns{data + from * r.columns, to - from, r.columns, sums});
    });
    parallelRanges(r.columns, 1024, [&](int64_t from, int64_t to) {
      dispatch(ReduceColumns<float>{Reduction::sum, partial + from, factors + from, r.blocks, to - from,
                                    r.columns, false});
      for (int64_t c = from; c < to; ++c) {
        const float norm = std::sqrt(factors[c]);
        factors[c] = norm > bound_ ? static_cast<float>(bound_ / norm) : 1.0f;
      }
    });
    if (std::all_of(factors, factors + r.columns, [](float factor) { return factor == 1; })) return;
    parallelRanges(r.rows, r.perBlock, [&](int64_t from, int64_t to) {
      scaleBy(factors, 1, data + from * r.columns, to - from, r.columns);
    });
  }

  double bound_;
  std::vector<Tensor> weights_;
  Block scratch_;
};

inline float* at(const std::vector<Tensor>& list, size_t i, int64_t from) {
  return list.empty() ? nullptr : list[i].f32() + from;
}

/// A step of all parameters: `kernel(i, from, n, use)` is what updates n elements of the i-th from `from` on.
template <class Kernel>
void submitStep(Stream& stream, const char* operation, std::initializer_list<TensorList> lists,
                const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                const Clipping& clipping, double weightDecay, Kernel kernel) {
  submitUpdate(stream, operation, storagesOf(lists), [=] {
    const ParameterRow row(parameters);
    const MaxNorm maxNorm(parameters, clipping.maxNorm);
    GradientUse use{static_cast<float>(clipping.value), 1, static_cast<float>(weightDecay)};
    if (!std::isinf(clipping.norm))
      use.factor = static_cast<float>(clippingFactor(normOf(gradients, row, clipping.value), clipping.norm));
    row.parallel([&](size_t i, int64_t from, int64_t n, int64_t) { dispatch(kernel(i, from, n, use)); });
    maxNorm.run();
  });
}

/// Stochastic gradient descent; `velocities` is empty without momentum.
inline void sgd(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                const std::vector<Tensor>& velocities, const Steps& steps, const SgdOptions& o,
                const Clipping& clipping) {
  const char* operation = "sgd";
  requireNotNegative(operation, "lr", o.lr);
  requireNotNegative(operation, "momentum", o.momentum);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  if (std::isinf(o.dampening)) throw RangeError("sgd: dampening is infinite, wants a finite number");
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
    throw RangeError("sgd: nesterov wants a momentum and no dampening");
  requireClipping(operation, clipping);
  requireSteps(operation, steps, parameters);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, v{"velocities", velocities};
  if (o.momentum == 0 && velocities.empty())
    requireLists(operation, p, g, {});
  else
    requireLists(operation, p, g, {v});
  submitStep(stream, operation, {p, g, v}, parameters, gradients, clipping, o.weightDecay,
             [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               return SgdStep{use,
                              at(gradients, i, from),
                              at(parameters, i, from),
                              at(velocities, i, from),
                              n,
                              static_cast<float>(o.lr),
                              static_cast<float>(o.momentum),
                              static_cast<float>(1 - o.dampening),
                              o.nesterov,
                              steps[i] == 1};
             });
}

/// Adam; with `decoupled`, AdamW.
inline void adam(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                 const std::vector<Tensor>& means, const std::vector<Tensor>& variances, const Steps& steps,
                 const AdamOptions& o, const Clipping& clipping) {
  const char* operation = "adam";
  requireNotNegative(operation, "lr", o.lr);
  requireBelowOne(operation, "beta1", o.beta1);
  requireBelowOne(operation, "beta2", o.beta2);
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  requireClipping(operation, clipping);
  requireSteps(operation, steps, parameters);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, m{"means", means},
      v{"variances", variances};
  requireLists(operation, p, g, {m, v});
  submitStep(stream, operation, {p, g, m, v}, parameters, gradients, clipping,
             o.decoupled ? 0 : o.weightDecay, [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               const double step = static_cast<double>(steps[i]);
               const double stepSize = o.lr / (1 - std::pow(o.beta1, step));
               const double correction = 1 / std::sqrt(1 - std::pow(o.beta2, step));
               return AdamStep{use,
                               at(gradients, i, from),
                               at(parameters, i, from),
                               at(means, i, from),
                               at(variances, i, from),
                               n,
                               static_cast<float>(1 - o.beta1),
                               static_cast<float>(o.beta2),
                               static_cast<float>(1 - o.beta2),
                               static_cast<float>(o.decoupled ? 1 - o.lr * o.weightDecay : 1),
                               static_cast<float>(stepSize),
                               static_cast<float>(correction),
                               static_cast<float>(o.eps)};
             });
}

inline void adagrad(Stream& stream, const std::vector<Tensor>& parameters,
                    const std::vector<Tensor>& gradients, const std::vector<Tensor>& sums, const Steps& steps,
                    const AdagradOptions& o, const Clipping& clipping) {
  const char* operation = "adagrad";
  requireNotNegative(operation, "lr", o.lr);
  requireNotNegative(operation, "lrDecay", o.lrDecay);
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  requireClipping(operation, clipping);
  requireSteps(operation, steps, parameters);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, s{"sums", sums};
  requireLists(operation, p, g, {s});
  submitStep(stream, operation, {p, g, s}, parameters, gradients, clipping, o.weightDecay,
             [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               const double lr = o.lr / (1 + static_cast<double>(steps[i] - 1) * o.lrDecay);
               return AdagradStep{use, at(gradients, i, from), at(parameters, i, from),  at(sums, i, from),
                                  n,   static_cast<float>(lr), static_cast<float>(o.eps)};
             });
}

/// RMSProp; `means` is empty unless centered, `velocities` without momentum.
inline void rmsProp(Stream& stream, const std::vector<Tensor>& parameters,
                    const std::vector<Tensor>& gradients, const std::vector<Tensor>& squares,
                    const std::vector<Tensor>& means, const std::vector<Tensor>& velocities,
                    const RmsPropOptions& o, const Clipping& clipping) {
  const char* operation = "rmsProp";
  requireNotNegative(operation, "lr", o.lr);
  if (!(o.alpha >= 0 && o.alpha <= 1))
    throw RangeError("rmsProp: alpha is " + std::to_string(o.alpha) + ", wants a number from 0 to 1");
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  requireNotNegative(operation, "momentum", o.momentum);
  requireClipping(operation, clipping);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, s{"squares", squares},
      m{"means", means}, v{"velocities", velocities};
  if (means.empty() && velocities.empty())
    requireLists(operation, p, g, {s});
  else if (means.empty())
    requireLists(operation, p, g, {s, v});
  else if (velocities.empty())
    requireLists(operation, p, g, {s, m});
  else
    requireLists(operation, p, g, {s, m, v});
  submitStep(stream, operation, {p, g, s, m, v}, parameters, gradients, clipping, o.weightDecay,
             [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               return RmsPropStep{use,
                                  at(gradients, i, from),
                                  at(parameters, i, from),
                                  at(squares, i, from),
                                  at(means, i, from),
                                  at(velocities, i, from),
                                  n,
                                  static_cast<float>(o.lr),
                                  static_cast<float>(o.alpha),
                                  static_cast<float>(1 - o.alpha),
                                  static_cast<float>(o.eps),
                                  static_cast<float>(o.momentum)};
             });
}

/// Scales the gradients in place so that their norm, all as one vector, is at most `maxNorm`; gives the norm
/// that they had. One that is given twice counts twice, and is scaled once.
inline Tensor clipGradNorm(Stream& stream, const std::vector<Tensor>& gradients, double maxNorm) {
  const char* operation = "clipGradNorm";
  if (!(maxNorm >= 0))
    throw RangeError("clipGradNorm: maxNorm is " + std::to_string(maxNorm) + ", wants a number from 0 on");
  std::vector<Tensor> distinct;
  std::unordered_set<const Storage*> known;
  for (size_t i = 0; i < gradients.size(); ++i) {
    requireType(operation, ("gradients[" + std::to_string(i) + "]").c_str(), gradients[i], DType::f32);
    if (known.insert(gradients[i].storage.get()).second) distinct.push_back(gradients[i]);
  }
  Tensor norm(operation, {}, DType::f32);
  Command command{};
  command.operation = operation;
  command.reads = storagesOf({{"gradients", gradients}});
  command.writes = {norm.storage};
  command.run = [=] {
    const double before = normOf(gradients, ParameterRow(gradients), std::numeric_limits<double>::infinity());
    *norm.f32() = static_cast<float>(before);
    const float factor = static_cast<float>(clippingFactor(before, maxNorm));
    if (factor == 1) return;
    ParameterRow(distinct).parallel([&](size_t i, int64_t from, int64_t n, int64_t) {
      scaleBy(&factor, 0, distinct[i].f32() + from, 1, n);
    });
  };
  stream.enqueue(std::move(command));
  return norm;
}

}  // namespace striate
