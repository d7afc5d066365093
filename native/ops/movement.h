// Elements moved and repeated: no arithmetic but the sum that undoes a repetition.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/copy.h"
#include "ops/indices.h"

namespace striate {

/// Axis i of the result is axis axes[i] of the input.
inline Tensor transpose(Stream& stream, const Tensor& x, const std::vector<int64_t>& axes) {
  const int rank = x.shape.rank();
  if (static_cast<int>(axes.size()) != rank)
    throw RangeError("transpose: axes has " + std::to_string(axes.size()) + " elements, input " +
                     x.shape.text() + " wants " + std::to_string(rank));
  const Steps dense = denseSteps(x.shape);
  Shape shape;
  Steps steps{};
  std::array<bool, Shape::maxRank> used{};
  for (const int64_t given : axes) {
    const auto axis = static_cast<size_t>(requireAxis("transpose", given, rank));
    if (std::exchange(used[axis], true))
      throw RangeError("transpose: axes names axis " + std::to_string(axis) + " twice");
    steps[static_cast<size_t>(shape.rank())] = dense[axis];
    shape.append(x.shape[static_cast<int>(axis)]);
  }
  Tensor y("transpose", shape, x.dtype);
  submit(stream, "transpose", {x}, {y}, [=] {
    StridedCopy(y.shape, steps, denseSteps(y.shape)).parallel(x.dtype, x.raw(), y.raw(), streams(y.bytes()));
  });
  return y;
}

/// The part of a shape that begins, ends and steps pick, one for each leading axis; axes after those are
/// taken whole, from the end on where the step is negative.
struct Slice {
  Shape counts;
  Steps begin{}, step{};

  Slice(const char* operation, const Shape& shape, const std::vector<int64_t>& begins,
        const std::vector<int64_t>& ends, const std::vector<int64_t>& steps) {
    requireAtMost(operation, "begin", begins, shape);
    requireAtMost(operation, "end", ends, shape);
    requireAtMost(operation, "step", steps, shape);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const auto i = static_cast<size_t>(axis);
      const int64_t extent = shape[axis];
      const int64_t given = i < steps.size() ? steps[i] : 1;
      if (given == 0)
        throw RangeError(std::string(operation) + ": step[" + std::to_string(i) +
                         "] is 0, wants another number");
      // A step past the end is as good as any longer one.
      const int64_t most = std::max<int64_t>(1, extent);
      step[i] = std::clamp(given, -most, most);
      const bool forward = given > 0;
      // Where a walk may begin and end: before the first place where it goes back.
      const int64_t low = forward ? 0 : -1, high = forward ? extent : extent - 1;
      const int64_t from = i < begins.size() ? place(begins[i], extent, low, high) : (forward ? low : high);
      const int64_t to = i < ends.size() ? place(ends[i], extent, low, high) : (forward ? high : low);
      const int64_t length = forward ? to - from : from - to;
      counts.append(length > 0 ? (length - 1) / std::abs(step[i]) + 1 : 0);
      begin[i] = std::max<int64_t>(0, from);
    }
  }

  int64_t offset(const Steps& dense) const {
    int64_t sum = 0;
    for (size_t i = 0; i < dense.size(); ++i) sum += begin[i] * dense[i];
    return sum;
  }

  /// By how many elements of a tensor with these dense steps the picked ones lie apart.
  Steps stride(const Steps& dense) const {
    Steps steps{};
    for (size_t i = 0; i < dense.size(); ++i) steps[i] = step[i] * dense[i];
    return steps;
  }

 private:
  static void requireAtMost(const char* operation, const char* argument, const std::vector<int64_t>& list,
                            const Shape& shape) {
    if (static_cast<int>(list.size()) > shape.rank())
      throw RangeError(std::string(operation) + ": " + argument + " has " + std::to_string(list.size()) +
                       " elements, input " + shape.text() + " wants at most " + std::to_string(shape.rank()));
  }

  /// From the end where negative, and the nearest there is, as in Python.
  static int64_t place(int64_t index, int64_t extent, int64_t low, int64_t high) {
    return std::clamp<int64_t>(index < 0 ? index + extent : index, low, high);
  }
};

inline Tensor slice(Stream& stream, const Tensor& x, const std::vector<int64_t>& begin,
                    const std::vector<int64_t>& end, const std::vector<int64_t>& step) {
  const Slice part("slice", x.shape, begin, end, step);
  Tensor y("slice", part.counts, x.dtype);
  submit(stream, "slice", {x}, {y}, [=] {
    if (y.elements() == 0) return;
    const Steps dense = denseSteps(x.shape);
    StridedCopy(part.counts, part.stride(dense), denseSteps(part.counts))
        .parallel(x.dtype, x.raw() + part.offset(dense) * itemSize(x.dtype), y.raw(), streams(y.bytes()));
  });
  return y;
}

/// y = x with `before` elements in front along each axis, and all else the element. What surrounds x is
/// filled as one slab for each side of each axis, so that nothing is written twice.
inline void copyPadded(const Tensor& x, const Tensor& y, const Steps& before, const ElementBytes& element) {
  const Steps dense = denseSteps(y.shape);
  const int64_t size = itemSize(x.dtype);
  Shape slab = y.shape;
  int64_t offset = 0;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    const auto i = static_cast<size_t>(axis);
    const int64_t after = before[i] + x.shape[axis];
    slab[axis] = before[i];
    fillBlock(slab, dense, x.dtype, element, y.raw() + offset * size);
    slab[axis] = y.shape[axis] - after;
    fillBlock(slab, dense, x.dtype, element, y.raw() + (offset + after * dense[i]) * size);
    slab[axis] = x.shape[axis];
    offset += before[i] * dense[i];
  }
  StridedCopy(x.shape, denseSteps(x.shape), dense)
      .parallel(x.dtype, x.raw(), y.raw() + offset * size, streams(y.bytes()));
}

inline Tensor pad(Stream& stream, const Tensor& x, const std::vector<int64_t>& before,
                  const std::vector<int64_t>& after, double value) {
  const ElementBytes element = elementOf("pad", value, x.dtype);
  const auto rank = static_cast<size_t>(x.shape.rank());
  if (before.size() != rank || after.size() != rank)
    throw RangeError("pad: padding is for " + std::to_string(before.size()) + " axes, input " +
                     x.shape.text() + " has " + std::to_string(rank));
  Shape shape;
  Steps front{};
  for (size_t i = 0; i < rank; ++i) {
    if (before[i] < 0 || after[i] < 0)
      throw RangeError("pad: padding of axis " + std::to_string(i) + " is [" + std::to_string(before[i]) +
                       ", " + std::to_string(after[i]) + "], wants at least 0");
    front[i] = before[i];
    shape.append(before[i] + x.shape[static_cast<int>(i)] + after[i]);
  }
  Tensor y("pad", shape, x.dtype);
  submit(stream, "pad", {x}, {y}, [=] {
    if (y.elements() > 0) copyPadded(x, y, front, element);
  });
  return y;
}

/// The gradient by the input of a slice: zeros but where the slice picked.
inline Tensor sliceBackward(Stream& stream, const Tensor& gradient, const Shape& inputShape,
                            const std::vector<int64_t>& begin, const std::vector<int64_t>& step) {
  const char* operation = "sliceBackward";
  const Slice part(operation, inputShape, begin, {}, step);
  bool fits = gradient.shape.rank() == inputShape.rank(), dense = true;
  for (int axis = 0; fits && axis < inputShape.rank(); ++axis) {
    fits = gradient.shape[axis] <= part.counts[axis];
    dense = dense && part.step[static_cast<size_t>(axis)] == 1;
  }
  if (!fits)
    throw RangeError(std::string(operation) + ": gradient has shape " + gradient.shape.text() +
                     ", wants at most " + part.counts.text());
  Tensor y(operation, inputShape, gradient.dtype);
  submit(stream, operation, {gradient}, {y}, [=] {
    if (y.elements() == 0) return;
    if (dense) return copyPadded(gradient, y, part.begin, ElementBytes{});
    const Steps steps = denseSteps(y.shape);
    fillBlock(y.shape, steps, y.dtype, ElementBytes{}, y.raw());
    StridedCopy(gradient.shape, denseSteps(gradient.shape), part.stride(steps))
        .parallel(y.dtype, gradient.raw(), y.raw() + part.offset(steps) * itemSize(y.dtype),
                  streams(y.bytes()));
  });
  return y;
}

/// Moves parts of a tensor along an axis into it, one after the other, or out of it; in one pass, piece by
/// piece of the whole.
inline void moveParts(bool splits, const std::vector<Tensor>& parts, const Tensor& whole, int axis) {
  const int64_t size = itemSize(whole.dtype), rows = whole.shape.product(0, axis);
  const int64_t rowBytes = whole.shape.product(axis, whole.shape.rank()) * size;
  if (rows * rowBytes == 0) return;
  std::vector<RowPart> list;
  for (const Tensor& part : parts)
    list.push_back({part.raw(), part.shape.product(axis, part.shape.rank()) * size});
  constexpr int64_t bytesAtOnce = 4 * elementGrain;
  const int64_t rowsAtOnce = std::max<int64_t>(1, bytesAtOnce / rowBytes),
                cuts = (rowBytes + bytesAtOnce - 1) / bytesAtOnce;
  const bool past = streams(whole.bytes());
  parallelFor((rows + rowsAtOnce - 1) / rowsAtOnce * cuts, [&](int64_t piece) {
    const int64_t row = piece / cuts * rowsAtOnce, from = piece % cuts * bytesAtOnce;
    dispatch(MoveParts{splits, list.data(), static_cast<int64_t>(list.size()), whole.raw(), rowBytes, row,
                       std::min(rows, row + rowsAtOnce), from, std::min(rowBytes, from + bytesAtOnce), past});
  });
}

inline Tensor concat(Stream& stream, const std::vector<Tensor>& inputs, int64_t givenAxis) {
  if (inputs.empty()) throw RangeError("concat: inputs is empty, wants at least one tensor");
  const Tensor& first = inputs.front();
  const int axis = requireAxis("concat", givenAxis, first.shape.rank());
  Shape shape = first.shape;
  shape[axis] = 0;
  Command command{};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    const std::string name = "inputs[" + std::to_string(i) + "]";
    requireType("concat", name.c_str(), x, first.dtype);
    bool fits = x.shape.rank() == shape.rank();
    for (int other = 0; fits && other < shape.rank(); ++other)
      fits = other == axis || x.shape[other] == shape[other];
    if (!fits)
      throw RangeError("concat: " + name + " has shape " + x.shape.text() + ", wants that of inputs[0], " +
                       first.shape.text() + ", but for axis " + std::to_string(axis));
    shape[axis] += x.shape[axis];
    shape.check("concat");
    command.reads.push_back(x.storage);
  }
  Tensor y("concat", shape, first.dtype);
  command.operation = "concat";
  command.writes = {y.storage};
  command.run = [inputs, y, axis] { moveParts(false, inputs, y, axis); };
  stream.enqueue(std::move(command));
  return y;
}

/// The parts of x along an axis, of the given sizes.
inline std::vector<Tensor> split(Stream& stream, const Tensor& x, const std::vector<int64_t>& sizes,
                                 int64_t givenAxis) {
  const int axis = requireAxis("split", givenAxis, x.shape.rank());
  int64_t sum = 0;
  bool fits = true;
  for (const int64_t part : sizes) {
    fits = fits && part >= 0 && part <= x.shape[axis] - sum;
    if (fits) sum += part;
  }
  if (!fits || sum != x.shape[axis]) {
    std::string list;
    for (const int64_t part : sizes) list += (list.empty() ? "" : ", ") + std::to_string(part);
    throw RangeError("split: sizes are [" + list + "], wants whole numbers that add up to " +
                     std::to_string(x.shape[axis]) + ", axis " + std::to_string(axis) + " of " +
                     x.shape.text());
  }
  std::vector<Tensor> parts;
  if (sizes.empty()) return parts;
  Command command{};
  command.operation = "split";
  command.reads = {x.storage};
  for (const int64_t part : sizes) {
    Shape shape = x.shape;
    shape[axis] = part;
    parts.emplace_back("split", shape, x.dtype);
    command.writes.push_back(parts.back().storage);
  }
  command.run = [parts, x, axis] { moveParts(true, parts, x, axis); };
  stream.enqueue(std::move(command));
  return parts;
}

/// x repeated along new axes in front and along axes of extent 1.
inline Tensor broadcastTo(Stream& stream, const Tensor& x, const Shape& shape) {
  const int extra = shape.rank() - x.shape.rank();
  const Steps dense = denseSteps(x.shape);
  Steps steps{};
  bool fits = extra >= 0;
  for (int axis = 0; fits && axis < x.shape.rank(); ++axis) {
    fits = x.shape[axis] == shape[axis + extra] || x.shape[axis] == 1;
    if (x.shape[axis] != 1) steps[static_cast<size_t>(axis + extra)] = dense[static_cast<size_t>(axis)];
  }
  if (!fits)
    throw RangeError("broadcastTo: input " + x.shape.text() + " does not broadcast to shape " + shape.text() +
                     ": its axes, aligned at the end, must be equal or 1");
  Tensor y("broadcastTo", shape, x.dtype);
  submit(stream, "broadcastTo", {x}, {y}, [=] {
    StridedCopy(y.shape, steps, denseSteps(y.shape)).parallel(x.dtype, x.raw(), y.raw(), streams(y.bytes()));
  });
  return y;
}

/// y[…, i…, …] = x[…, indices[i…], …] along an axis. An index out of range is found when the command runs.
inline Tensor gather(Stream& stream, const Tensor& x, const Tensor& indices, int64_t givenAxis) {
  requireType("gather", "indices", indices, DType::i32);
  const int rank = x.shape.rank();
  if (rank == 0) throw RangeError("gather: input is a scalar, wants at least one axis");
  const int axis = requireAxis("gather", givenAxis, rank);
  if (indices.shape.rank() + rank - 1 > Shape::maxRank)
    throw RangeError("gather: indices " + indices.shape.text() + " of input " + x.shape.text() + " make " +
                     std::to_string(indices.shape.rank() + rank - 1) + " axes, a tensor has at most 8");
  Shape shape;
  for (int i = 0; i < axis; ++i) shape.append(x.shape[i]);
  for (int i = 0; i < indices.shape.rank(); ++i) shape.append(indices.shape[i]);
  for (int i = axis + 1; i < rank; ++i) shape.append(x.shape[i]);
  Tensor y("gather", shape, x.dtype);
  submit(stream, "gather", {x, indices}, {y}, [=] {
    checkIndices(indices, x.shape[axis]);
    if (y.elements() == 0) return;
    const int64_t rowBytes = x.shape.product(axis + 1, rank) * itemSize(x.dtype);
    const int64_t blockBytes = x.shape[axis] * rowBytes, n = indices.elements();
    const int64_t grain = std::max<int64_t>(1, elementGrain * 4 / rowBytes);
    parallelRanges(x.shape.product(0, axis) * n, grain, [&](int64_t from, int64_t to) {
      for (int64_t row = from; row < to;) {
        const int64_t block = row / n, at = row % n, count = std::min(n - at, to - row);
        dispatch(GatherRows{indices.i32() + at, x.raw() + block * blockBytes, y.raw() + row * rowBytes, count,
                            rowBytes});
        row += count;
      }
    });
  });
  return y;
}

/// The gradient by the input of a gather along an axis of `rows`: each row is the sum of the gradients of its
/// copies, in the order of the indices. Sorting by row first lets every row be written once, by one thread.
inline Tensor gatherBackward(Stream& stream, const Tensor& gradient, const Tensor& indices, int64_t rows,
                             int axis) {
  requireType("gatherBackward", "gradient", gradient, DType::f32);
  requireType("gatherBackward", "indices", indices, DType::i32);
  const int own = indices.shape.rank(), rank = gradient.shape.rank();
  bool fits = rank >= axis + own;
  for (int i = 0; fits && i < own; ++i) fits = gradient.shape[axis + i] == indices.shape[i];
  if (!fits)
    throw RangeError("gatherBackward: gradient has shape " + gradient.shape.text() + ", wants one that has " +
                     indices.shape.text() + " from axis " + std::to_string(axis) + " on");
  // One axis in place of those of the indices; theirs may be none, and the gradient's eight.
  if (rank - own + 1 > Shape::maxRank)
    throw RangeError("gatherBackward: gradient " + gradient.shape.text() + " by a scalar index makes 9 axes");
  Shape shape;
  for (int i = 0; i < axis; ++i) shape.append(gradient.shape[i]);
  shape.append(rows);
  for (int i = axis + own; i < rank; ++i) shape.append(gradient.shape[i]);
  Tensor y("gatherBackward", shape, DType::f32);
  submit(stream, "gatherBackward", {gradient, indices}, {y}, [=] {
    checkIndices(indices, rows);
    if (y.elements() == 0) return;
    const int64_t columns = y.shape.product(axis + 1, y.shape.rank()), n = indices.elements();
    std::vector<int64_t> offsets(static_cast<size_t>(rows) + 2), order(static_cast<size_t>(n));
    const int32_t* index = indices.i32();
    // offsets[r + 1] counts up from the start of row r to its end, which is the start of the next.
    for (int64_t i = 0; i < n; ++i) ++offsets[static_cast<size_t>(index[i]) + 2];
    for (size_t r = 2; r < offsets.size(); ++r) offsets[r] += offsets[r - 1];
    for (int64_t i = 0; i < n; ++i)
      order[static_cast<size_t>(offsets[static_cast<size_t>(index[i]) + 1]++)] = i;
    const int64_t columnsAtOnce = std::min<int64_t>(columns, 4096), eachRow = 1 + n / rows;
    const int64_t rowsAtOnce = std::clamp<int64_t>(elementGrain / columnsAtOnce / eachRow, 1, rows);
    const int64_t cuts = (columns + columnsAtOnce - 1) / columnsAtOnce;
    const int64_t pieces = (rows + rowsAtOnce - 1) / rowsAtOnce * cuts;
    const int64_t grain = std::max<int64_t>(1, elementGrain / (rowsAtOnce * columnsAtOnce * eachRow));
    parallelRanges(y.shape.product(0, axis) * pieces, grain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t block = i / pieces, row = i % pieces / cuts * rowsAtOnce,
                      column = i % cuts * columnsAtOnce;
        dispatch(SumRows{order.data(), offsets.data(), gradient.f32() + block * n * columns,
                         y.f32() + block * rows * columns, row, std::min(rows, row + rowsAtOnce), columns,
                         column, std::min(columns, column + columnsAtOnce)});
      }
    });
  });
  return y;
}

}  // namespace striate
