// Sums of terms that are computed on the way.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
#include "kernels/lanes.h"

namespace striate {

/// A sum of vectors in blocks, for the accuracy of long ones.
template <class Vec>
class LongSum {
 public:
  void add(Vec term) {
    block_ = block_ + term;
    if (++terms_ < 64) return;
    total_ = total_ + block_;
    block_ = Vec::broadcast(0.0f);
    terms_ = 0;
  }
  float value() const { return (total_ + block_).sum(); }

 private:
  Vec total_ = Vec::broadcast(0.0f), block_ = Vec::broadcast(0.0f);
  int terms_ = 0;
};

/// Adds term(i, load), a vector at i, along [0, n).
template <class Vec, class Term>
void addTerms(LongSum<Vec>& sum, int64_t n, const Term& term) {
  alongRow<Vec>(
      n, [&](int64_t i, auto load, auto, auto keep) { sum.add(keep(term(i, load), Vec::broadcast(0.0f))); });
}

/// The sum of term(i, load) along [0, n).
template <class Vec, class Term>
float sumOfTerms(int64_t n, const Term& term) {
  LongSum<Vec> sum;
  addTerms(sum, n, term);
  return sum.value();
}

}  // namespace striate
#endif
