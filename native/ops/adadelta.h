// Adadelta.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/adadelta.h"
#include "ops/optimizer.h"

namespace striate {

struct AdadeltaOptions {
  double lr, rho, eps, weightDecay;
};

inline void adadelta(Stream& stream, const std::vector<Tensor>& parameters,
                     const std::vector<Tensor>& gradients, const std::vector<Tensor>& squares,
                     const std::vector<Tensor>& changes, const AdadeltaOptions& o, const Clipping& clipping) {
  const char* operation = "adadelta";
  requireNotNegative(operation, "lr", o.lr);
  requireAtMostOne(operation, "rho", o.rho);
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
  requireClipping(operation, clipping);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, s{"squares", squares},
      c{"changes", changes};
  requireLists(operation, p, g, {s, c});
  submitStep(stream, operation, {p, g, s, c}, parameters, gradients, clipping, o.weightDecay,
             [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               return AdadeltaStep{use,
                                   at(gradients, i, from),
                                   at(parameters, i, from),
                                   at(squares, i, from),
                                   at(changes, i, from),
                                   n,
                                   static_cast<float>(o.lr),
                                   static_cast<float>(o.rho),
                                   static_cast<float>(1 - o.rho),
                                   static_cast<float>(o.eps)};
             });
}

}  // namespace striate
