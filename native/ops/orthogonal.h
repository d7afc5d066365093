// Random orthogonal matrices.
#pragma once

#include <algorithm>

#include "kernels/orthogonal.h"
#include "ops/creation.h"

namespace striate {

/// gain·Q [rows, columns], where the rows of Q are orthonormal, or its columns where it has more rows: Q is
/// drawn uniformly from all such, as the orthonormal basis of normal numbers.
inline Tensor orthogonal(Stream& stream, int64_t rows, int64_t columns, double gain, RandomStream source) {
  const char* operation = "orthogonal";
  requireFloat(operation, "gain", gain);
  Tensor y(operation, Shape{rows, columns}, DType::f32);
  submit(stream, operation, {}, {y}, [=] {
    const int64_t elements = y.elements(), count = std::min(rows, columns), length = std::max(rows, columns);
    if (elements == 0) return;
    const Block memory = Block::take(elements * static_cast<int64_t>(sizeof(double)));
    auto* const basis = static_cast<double*>(memory.data());
    parallelRanges(elements, elementGrain, [&](int64_t from, int64_t to) {
      dispatch(RandomNormal{source, from / randomGroup, 0, 1, y.f32() + from, to - from});
      dispatch(Widen{y.f32() + from, basis + from, to - from});
    });
    const int64_t rowsAtOnce = std::max<int64_t>(1, elementGrain / length);
    for (int64_t i = 0; i < count; ++i) {
      const double* const unit = basis + i * length;
      dispatch(NormalizeRow{basis + i * length, length});
      parallelRanges(count - i - 1, rowsAtOnce, [&](int64_t from, int64_t to) {
        dispatch(TakeOutRow{unit, basis + (i + 1 + from) * length, length, to - from});
      });
    }
    const bool wide = rows <= columns;
    parallelRanges(rows, std::max<int64_t>(1, elementGrain / columns), [&](int64_t from, int64_t to) {
      dispatch(NarrowRows{basis + from * (wide ? length : 1), y.f32() + from * columns, gain, to - from,
                          columns, wide ? length : 1, wide ? 1 : length});
    });
  });
  return y;
}

}  // namespace striate
