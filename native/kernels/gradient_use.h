// What the steps of optimizers do to a gradient on the way.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// What an update takes for the gradient g: factor·min(max(g, −limit), limit), + weightDecay·p.
struct GradientUse {
  float limit, factor, weightDecay;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// The elements between −limit and limit; what is not a number stays so.
template <class Vec>
Vec within(Vec limit, Vec x) {
  return min(limit, max(Vec::broadcast(0.0f) - limit, x));
}

/// GradientUse along a row.
template <class Vec>
class UsedGradient {
 public:
  UsedGradient(const GradientUse& use, const float* gradient)
      : gradient_(gradient),
        limit_(Vec::broadcast(use.limit)),
        factor_(Vec::broadcast(use.factor)),
        decay_(Vec::broadcast(use.weightDecay)) {}

  template <class Load>
  Vec at(int64_t i, Vec p, Load load) const {
    return fma(decay_, p, factor_ * within(limit_, load(gradient_ + i)));
  }

 private:
  const float* gradient_;
  Vec limit_, factor_, decay_;
};

}  // namespace striate
#endif
