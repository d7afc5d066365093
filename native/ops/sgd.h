// Stochastic gradient descent.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/sgd.h"
#include "ops/optimizer.h"

namespace striate {

struct SgdOptions {
  double lr, momentum, dampening, weightDecay;
  bool nesterov;
};

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
  const TensorList p{"parameters", parameters}, g{"gradients", gradients},
      v{"velocities", velocities, o.momentum == 0};
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

}  // namespace striate
