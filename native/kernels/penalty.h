// Penalties on the size of weights, and their gradients.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// *sum += Σ |w|, or Σ w²
struct PenaltySum {
  bool squares;
  const float* w;
  int64_t n;
  double* sum;
  template <class Vec>
  void run() const;
};

/// dw = factor·sign(w), or factor·w for squares
struct PenaltyGradient {
  bool squares;
  float factor;
  const float* w;
  float* dw;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// x = min(max(x, −limit), limit), in place; what is not a number stays so.
struct ClipValues {
  float limit;
  float* x;
  int64_t n;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"
#include "kernels/sums.h"

namespace striate {

template <class Vec>
void PenaltySum::run() const {
  const float* const from = w;
  const float total =
      squares ? sumOfTerms<Vec>(n, [=](int64_t i, auto load) { return load(from + i) * load(from + i); })
              : sumOfTerms<Vec>(n, [=](int64_t i, auto load) { return abs(load(from + i)); });
  *sum += static_cast<double>(total);
}

template <class Vec>
void PenaltyGradient::run() const {
  const float* const from = w;
  float* const to = dw;
  const Vec zero = Vec::broadcast(0.0f), up = Vec::broadcast(factor), down = zero - up;
  if (squares) {
    forVectors<Vec>(n, [=](int64_t i, auto load, auto store) { store(to + i, up * load(from + i)); });
  } else {
    forVectors<Vec>(n, [=](int64_t i, auto load, auto store) {
      const Vec v = load(from + i);
      store(to + i, select(zero < v, up, select(v < zero, down, v)));
    });
  }
}

template <class Vec>
void ClipValues::run() const {
  float* const at = x;
  const Vec most = Vec::broadcast(limit), least = Vec::broadcast(-limit);
  forVectors<Vec>(
      n, [=](int64_t i, auto load, auto store) { store(at + i, min(most, max(least, load(at + i)))); });
}

template void PenaltySum::run<STRIATE_VEC>() const;
template void PenaltyGradient::run<STRIATE_VEC>() const;
template void ClipValues::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
