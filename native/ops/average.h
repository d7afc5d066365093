// Moving averages of all parameters of a network, in one pass.
#pragma once

#include <vector>

#include "kernels/average.h"
#include "ops/optimizer.h"

namespace striate {

/// averages[i] ← decay·averages[i] + (1 − decay)·values[i]
inline void movingAverage(Stream& stream, const std::vector<Tensor>& averages,
                          const std::vector<Tensor>& values, double decay) {
  const char* operation = "movingAverage";
  requireAtMostOne(operation, "decay", decay);
  const TensorList a{"averages", averages}, v{"values", values};
  requireLists(operation, a, v, {});
  submitUpdate(stream, operation, storagesOf({a, v}), [=] {
    ParameterRow(averages).parallel([&](size_t i, int64_t from, int64_t n, int64_t) {
      dispatch(AverageStep{at(averages, i, from), at(values, i, from), n, static_cast<float>(1 - decay)});
    });
  });
}

}  // namespace striate
