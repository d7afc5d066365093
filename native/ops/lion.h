// Lion.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/lion.h"
#include "ops/optimizer.h"

namespace striate {

struct LionOptions {
  double lr, beta1, beta2, weightDecay;
};

inline void lion(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                 const std::vector<Tensor>& means, const LionOptions& o, const Clipping& clipping) {
  const char* operation = "lion";
  requireNotNegative(operation, "lr", o.lr);
  requireAtMostOne(operation, "beta1", o.beta1);
  requireAtMostOne(operation, "beta2", o.beta2);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  requireClipping(operation, clipping);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, m{"means", means};
  requireLists(operation, p, g, {m});
  submitStep(stream, operation, {p, g, m}, parameters, gradients, clipping, 0,
             [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               return LionStep{use,
                               at(gradients, i, from),
                               at(parameters, i, from),
                               at(means, i, from),
                               n,
                               static_cast<float>(o.lr),
                               static_cast<float>(o.beta1),
                               static_cast<float>(1 - o.beta1),
                               static_cast<float>(o.beta2),
                               static_cast<float>(1 - o.beta2),
                               static_cast<float>(1 - o.lr * o.weightDecay)};
             });
}

}  // namespace striate
