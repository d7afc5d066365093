// Squares of floats, as wide as a vector, whose rows become columns.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
namespace striate {

/// Lane j of row i and lane i of row j change places: first single lanes of neighbouring rows, then blocks
/// twice as wide of rows twice as far apart, and so on.
template <class Vec, int span = 1>
inline __attribute__((always_inline)) void transpose(Vec (&rows)[Vec::size]) {
  if constexpr (span < Vec::size) {
#pragma GCC unroll 16
    for (int i = 0; i < Vec::size; ++i)
      if ((i & span) == 0) Vec::template exchange<span>(rows[i], rows[i + span]);
    transpose<Vec, 2 * span>(rows);
  }
}

/// to[j·toStep + i] = from[i·fromStep + j]
template <class Vec>
inline __attribute__((always_inline)) void transposeSquare(const float* from, int64_t fromStep, float* to,
                                                           int64_t toStep) {
  Vec rows[Vec::size];
#pragma GCC unroll 16
  for (int i = 0; i < Vec::size; ++i) rows[i] = Vec::load(from + i * fromStep);
  transpose(rows);
#pragma GCC unroll 16
  for (int i = 0; i < Vec::size; ++i) rows[i].store(to + i * toStep);
}

}  // namespace striate
#endif
