// The sums that a batch norm begins with, gathered where values are stored: see NormMoments, which would read
// them all once more.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// For columns of the values stored: `sums` with a value near their mean, `step` further Σ(y − value), and
/// 2·step further Σ(y − value)², in whole vectors. What is stored first gives the value near the mean: of n
/// rows that one is no further from it than to make Σ(y − value)² n + 1 times Σ(y − mean)², and so no
/// cancellation worse than that, whatever the numbers.
struct GatheredMoments {
  float* sums;  ///< or null: nothing is gathered
  int64_t step;

  GatheredMoments from(int64_t column) const { return {sums ? sums + column : nullptr, step}; }
};

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

/// The sums of a vector of columns, of some of its values.
template <class Vec>
struct MomentsOfVector {
  Vec about, sum, squares;

  explicit MomentsOfVector(Vec about)
      : about(about), sum(Vec::broadcast(0.0f)), squares(Vec::broadcast(0.0f)) {}

  void add(Vec value) {
    const Vec distance = value - about;
    sum = sum + distance;
    squares = fma(distance, distance, squares);
  }

  /// Adds these to what was summed before, or begins with them.
  void store(const GatheredMoments& to, int64_t column, bool begin) const {
    float* at = to.sums + column;
    if (begin) about.store(at);
    (begin ? sum : Vec::load(at + to.step) + sum).store(at + to.step);
    (begin ? squares : Vec::load(at + 2 * to.step) + squares).store(at + 2 * to.step);
  }
};

}  // namespace striate
#endif
