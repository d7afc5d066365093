// RMSProp.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/rmsprop.h"
#include "ops/optimizer.h"

namespace striate {

struct RmsPropOptions {
  double lr, alpha, eps, weightDecay, momentum;
};

/// RMSProp; `means` is empty unless centered, `velocities` without momentum.
inline void rmsProp(Stream& stream, const std::vector<Tensor>& parameters,
                    const std::vector<Tensor>& gradients, const std::vector<Tensor>& squares,
                    const std::vector<Tensor>& means, const std::vector<Tensor>& velocities,
                    const RmsPropOptions& o, const Clipping& clipping) {
  const char* operation = "rmsProp";
  requireNotNegative(operation, "lr", o.lr);
  requireAtMostOne(operation, "alpha", o.alpha);
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  requireNotNegative(operation, "momentum", o.momentum);
  requireClipping(operation, clipping);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, s{"squares", squares},
      m{"means", means, true}, v{"velocities", velocities, true};
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

}  // namespace striate
