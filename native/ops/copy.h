// Copies between strided blocks, in parallel: what moving, repeating and filling come down to.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <sstream>
#include <string>

#include "kernels/copy.h"
#include "kernels/stream.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// For each axis of a shape, by how many elements something advances along it.
using Steps = std::array<int64_t, Shape::maxRank>;

/// The steps of a dense tensor.
inline Steps denseSteps(const Shape& shape) {
  Steps steps{};
  int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    steps[static_cast<size_t>(axis)] = step;
    step *= shape[axis];
  }
  return steps;
}

/// A copy as nested loops: axes along which source and result go on as before are merged; the last one
/// becomes the columns, and the rows are the axis along which the source is contiguous, where the columns are
/// not.
class StridedCopy {
 public:
  StridedCopy(const Shape& extents, const Steps& x, const Steps& y) {
    std::array<CopyAxis, Shape::maxRank> merged;  // the innermost first
    size_t count = 0;
    for (int axis = extents.rank() - 1; axis >= 0; --axis) {
      const CopyAxis next{extents[axis], x[static_cast<size_t>(axis)], y[static_cast<size_t>(axis)]};
      empty_ |= next.n == 0;
      if (next.n == 1) continue;
      if (count > 0 && continues(merged[count - 1], next)) {
        merged[count - 1].n *= next.n;
      } else {
        merged[count++] = next;
      }
    }
    if (count > 0) loops_.columns = merged[0];
    size_t rows = 1;
    if (loops_.columns.x > 1)
      for (size_t i = 1; i < count; ++i)
        if (merged[i].x == 1) rows = i;
    if (count > 1) loops_.rows = merged[rows];
    for (size_t i = count; i-- > 1;) {
      if (i == rows) continue;
      loops_.outer[loops_.outerCount++] = merged[i];
      blocks_ *= merged[i].n;
    }
    cut();
  }

  int64_t pieces() const {
    return empty_ ? 0
                  : count(blocks_, blocksAtOnce_) * count(loops_.rows.n, rowsAtOnce_) *
                        count(loops_.columns.n, columnsAtOnce_);
  }

  void run(int64_t piece, DType type, const std::byte* x, std::byte* y, bool stream) const {
    const int64_t rowCuts = count(loops_.rows.n, rowsAtOnce_),
                  columnCuts = count(loops_.columns.n, columnsAtOnce_);
    const int64_t column = piece % columnCuts * columnsAtOnce_,
                  row = piece / columnCuts % rowCuts * rowsAtOnce_;
    const int64_t block = piece / columnCuts / rowCuts * blocksAtOnce_;
    const auto copy = [&](auto kernel) {
      kernel.loops = &loops_;
      kernel.x = x;
      kernel.y = y;
      kernel.fromBlock = block;
      kernel.toBlock = std::min(blocks_, block + blocksAtOnce_);
      kernel.fromRow = row;
      kernel.toRow = std::min(loops_.rows.n, row + rowsAtOnce_);
      kernel.fromColumn = column;
      kernel.toColumn = std::min(loops_.columns.n, column + columnsAtOnce_);
      kernel.stream = stream;
      dispatch(kernel);
    };
    if (itemSize(type) == 1) {
      copy(CopyBlocks<1>{});
    } else {
      copy(CopyBlocks<4>{});
    }
  }

  /// Past the caches where asked for: what a part is of may be larger than it.
  void parallel(DType type, const std::byte* x, std::byte* y, bool stream) const {
    parallelFor(pieces(), [&](int64_t piece) { run(piece, type, x, y, stream); });
  }

 private:
  static bool continues(const CopyAxis& inner, const CopyAxis& next) {
    return next.x == inner.n * inner.x && next.y == inner.n * inner.y;
  }

  static int64_t count(int64_t n, int64_t atOnce) { return (n + atOnce - 1) / atOnce; }

  /// Pieces of some elementGrain elements; near square where rows and columns change places, for whole cache
  /// lines.
  void cut() {
    if (empty_) return;
    const int64_t rows = loops_.rows.n, columns = loops_.columns.n;
    if (rows <= elementGrain / columns) {
      blocksAtOnce_ = elementGrain / (rows * columns);
      rowsAtOnce_ = rows;
      columnsAtOnce_ = columns;
      return;
    }
    const bool transposes = loops_.rows.x == 1 && loops_.columns.x > 1;
    columnsAtOnce_ =
        std::min(columns, transposes ? std::max<int64_t>(512, elementGrain / rows) : elementGrain);
    rowsAtOnce_ = std::max<int64_t>(1, elementGrain / columnsAtOnce_);
  }

  CopyLoops loops_;
  int64_t blocks_ = 1, blocksAtOnce_ = 1, rowsAtOnce_ = 1, columnsAtOnce_ = 1;
  bool empty_ = false;
};

/// Every element of y = that of x, of the same shape.
inline void copyAll(const Tensor& x, const Tensor& y) {
  if (x.raw() == y.raw()) return;
  const Steps dense = denseSteps(x.shape);
  StridedCopy(x.shape, dense, dense).parallel(x.dtype, x.raw(), y.raw(), streams(y.bytes()));
}

/// A number as errors quote it: 2, 0.5, 1e+20, NaN.
inline std::string numberText(double value) {
  if (value != value) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::ostringstream text;
  text.precision(15);
  text << value;
  return text.str();
}

/// The bytes of one element; the first itemSize(type) of them.
using ElementBytes = std::array<std::byte, 4>;

/// `value` as an element of `type`. Throws RangeError where a whole type has no such value.
inline ElementBytes elementOf(const char* operation, double value, DType type) {
  ElementBytes bytes{};
  if (type == DType::f32) {
    const float number = static_cast<float>(value);
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
  }
  const double least = type == DType::u8 ? 0 : INT32_MIN, most = type == DType::u8 ? UINT8_MAX : INT32_MAX;
  if (!(value >= least && value <= most) || value != static_cast<double>(static_cast<int64_t>(value)))
    throw RangeError(std::string(operation) + ": value is " + numberText(value) +
                     ", wants a whole number from " + numberText(least) + " to " + numberText(most) +
                     " for dtype " + dtypeName(type));
  if (type == DType::u8) {
    bytes[0] = static_cast<std::byte>(static_cast<uint8_t>(value));
  } else {
    const int32_t number = static_cast<int32_t>(value);
    std::memcpy(bytes.data(), &number, sizeof number);
  }
  return bytes;
}

/// Every element of a block of y, which starts at `y` and has the given steps, = the element.
inline void fillBlock(const Shape& extents, const Steps& ySteps, DType type, const ElementBytes& element,
                      std::byte* y) {
  StridedCopy(extents, Steps{}, ySteps).parallel(type, element.data(), y, false);
}

}  // namespace striate
