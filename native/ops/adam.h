// Adam and what has come of it: AdamW, AMSGrad, NAdam.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/adam.h"
#include "ops/optimizer.h"

namespace striate {

struct AdamOptions {
  double lr, beta1, beta2, eps, weightDecay;
  bool decoupled;
};

inline void requireAdam(const char* operation, const AdamOptions& o) {
  requireNotNegative(operation, "lr", o.lr);
  requireBelowOne(operation, "beta1", o.beta1);
  requireBelowOne(operation, "beta2", o.beta2);
  requireNotNegative(operation, "eps", o.eps);
  requireNotNegative(operation, "weightDecay", o.weightDecay);
}

/// Adam; with `decoupled`, AdamW; with `highest`, AMSGrad.
inline void adam(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                 const std::vector<Tensor>& means, const std::vector<Tensor>& variances,
                 const std::vector<Tensor>& highest, const Steps& steps, const AdamOptions& o,
                 bool biasCorrection, const Clipping& clipping) {
  const char* operation = "adam";
  requireAdam(operation, o);
  requireClipping(operation, clipping);
  requireSteps(operation, steps, parameters);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, m{"means", means},
      v{"variances", variances}, h{"highest", highest, true};
  requireLists(operation, p, g, {m, v, h});
  submitStep(stream, operation, {p, g, m, v, h}, parameters, gradients, clipping,
             o.decoupled ? 0 : o.weightDecay, [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               const double step = static_cast<double>(steps[i]);
               const double stepSize = biasCorrection ? o.lr / (1 - std::pow(o.beta1, step)) : o.lr;
               const double correction = biasCorrection ? 1 / std::sqrt(1 - std::pow(o.beta2, step)) : 1;
               return AdamStep{use,
                               at(gradients, i, from),
                               at(parameters, i, from),
                               at(means, i, from),
                               at(variances, i, from),
                               at(highest, i, from),
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

/// The momentum of NAdam's step t, β₁·(1 − 0.96^(t·decay)/2), and the product of those of steps 1 to t.
class NadamMomentum {
 public:
  NadamMomentum(double beta1, double decay) : beta1_(beta1), base_(std::pow(0.96, decay)) {}

  double at(int64_t step) const { return beta1_ * (1 - std::pow(base_, static_cast<double>(step)) / 2); }

  /// Terms that are left out once the product is lost beside 1.
  double product(int64_t step) const {
    double product = 1;
    for (int64_t t = 1; t <= step && product > 1e-20; ++t) product *= at(t);
    return product;
  }

 private:
  double beta1_, base_;
};

inline void nadam(Stream& stream, const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                  const std::vector<Tensor>& means, const std::vector<Tensor>& variances, const Steps& steps,
                  const AdamOptions& o, double momentumDecay, const Clipping& clipping) {
  const char* operation = "nadam";
  requireAdam(operation, o);
  // The product of nearly ones would take forever.
  if (o.beta1 > 0.99999) throw RangeError("nadam: beta1 is above 0.99999");
  requireNotNegative(operation, "momentumDecay", momentumDecay);
  requireClipping(operation, clipping);
  requireSteps(operation, steps, parameters);
  const TensorList p{"parameters", parameters}, g{"gradients", gradients}, m{"means", means},
      v{"variances", variances};
  requireLists(operation, p, g, {m, v});
  const NadamMomentum momentum(o.beta1, momentumDecay);
  // As parameters go together, most have taken the same number of steps.
  std::vector<double> products(steps.size());
  for (size_t i = 0; i < steps.size(); ++i)
    products[i] = i > 0 && steps[i] == steps[i - 1] ? products[i - 1] : momentum.product(steps[i]);
  submitStep(stream, operation, {p, g, m, v}, parameters, gradients, clipping,
             o.decoupled ? 0 : o.weightDecay, [=](size_t i, int64_t from, int64_t n, const GradientUse& use) {
               const double now = momentum.at(steps[i]), next = momentum.at(steps[i] + 1);
               const double correction = 1 / std::sqrt(1 - std::pow(o.beta2, static_cast<double>(steps[i])));
               return NadamStep{use,
                                at(gradients, i, from),
                                at(parameters, i, from),
                                at(means, i, from),
                                at(variances, i, from),
                                n,
                                static_cast<float>(1 - o.beta1),
                                static_cast<float>(o.beta2),
                                static_cast<float>(1 - o.beta2),
                                static_cast<float>(o.decoupled ? 1 - o.lr * o.weightDecay : 1),
                                static_cast<float>(o.lr * (1 - now) / (1 - products[i])),
                                static_cast<float>(o.lr * next / (1 - products[i] * next)),
                                static_cast<float>(correction),
                                static_cast<float>(o.eps)};
             });
}

}  // namespace striate
