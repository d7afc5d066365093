// Indices, whose values are known only when a command runs.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/errors.h"
#include "runtime/tensor.h"

namespace striate {

/// Throws RangeError at the first index that is not in [0, rows). For the compute thread, before it starts
/// others.
inline void checkIndices(const Tensor& indices, int64_t rows) {
  const int32_t* index = indices.i32();
  for (int64_t i = 0; i < indices.elements(); ++i)
    if (index[i] < 0 || index[i] >= rows)
      throw RangeError("index " + std::to_string(index[i]) + " at place " + std::to_string(i) +
                       " is not in [0, " + std::to_string(rows) + ")");
}

}  // namespace striate
