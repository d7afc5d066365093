// Multiplication by factors in place, for operations that do it among other things.
#pragma once

#include <cstdint>

#include "kernels/elementwise.h"

namespace striate {

/// x[r, c] *= factors[c·step]
inline void scaleBy(const float* factors, int64_t step, float* x, int64_t rows, int64_t columns) {
  dispatch(Binary{BinaryFunction::mul, x, factors, x, rows, columns, {columns, 1}, {0, step}});
}

}  // namespace striate
