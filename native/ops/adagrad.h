// AdaGrad.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/adagrad.h"
#include "ops/optimizer.h"

namespace striate {

struct AdagradOptions {
  double lr, lrDecay, eps, weightDecay;
};

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

}  // namespace striate
