// Arithmetic with broadcasting, comparisons, functions of one element.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "kernels/stream.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// The shape of a ⊕ b: axes aligned at the end, extents equal or 1.
inline Shape broadcastShape(const char* operation, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape shape;
  for (int axis = 0; axis < rank; ++axis) {
    const int fromA = axis - (rank - a.rank()), fromB = axis - (rank - b.rank());
    const int64_t u = fromA < 0 ? 1 : a[fromA], v = fromB < 0 ? 1 : b[fromB];
    if (u != v && u != 1 && v != 1)
      throw RangeError(std::string(operation) + ": shapes " + a.text() + " and " + b.text() +
                       " do not broadcast: their axes, aligned at the end, must be equal or 1");
    shape.append(u == 1 ? v : u);
  }
  return shape;
}

/// A broadcast of some operands as nested loops: axes over which all of them keep their way of advancing are
/// merged; the last two are a kernel's rows and columns.
template <size_t operands>
class BroadcastLoops {
 public:
  BroadcastLoops(const Shape& out, const std::array<Shape, operands>& shapes) {
    std::array<int64_t, operands> dense;
    dense.fill(1);
    for (int axis = out.rank() - 1; axis >= 0; --axis) {
      Axis next{out[axis], {}};
      for (size_t i = 0; i < operands; ++i) {
        const int own = axis - (out.rank() - shapes[i].rank());
        const int64_t extent = own < 0 ? 1 : shapes[i][own];
        next.steps[i] = extent == 1 ? 0 : dense[i];
        dense[i] *= extent;
      }
      if (next.n == 1) continue;
      if (count_ > 0 && continues(axes_[count_ - 1], next)) {
        axes_[count_ - 1].n *= next.n;
      } else {
        axes_[count_++] = next;
      }
    }
  }

  OperandSteps steps(size_t operand) const { return {axes_[1].steps[operand], axes_[0].steps[operand]}; }

  /// Calls work(offsets of the operands, offset of the result, rows, columns) for pieces of some elementGrain
  /// elements, in parallel: several rows, or a part of one.
  template <class Work>
  void parallel(const Work& work) const {
    const Axis &columns = axes_[0], &rows = axes_[1];
    if (columns.n == 0) return;  // the other axes may be long
    int64_t blocks = 1;
    for (int i = 2; i < count_; ++i) blocks *= axes_[i].n;
    const int64_t rowsAtOnce = std::max<int64_t>(1, elementGrain / columns.n);
    const int64_t columnsAtOnce = rowsAtOnce > 1 ? columns.n : elementGrain;
    const int64_t rowCuts = (rows.n + rowsAtOnce - 1) / rowsAtOnce,
                  columnCuts = (columns.n + columnsAtOnce - 1) / columnsAtOnce;
    parallelFor(blocks * rowCuts * columnCuts, [&](int64_t piece) {
      const int64_t block = piece / columnCuts / rowCuts, row = piece / columnCuts % rowCuts * rowsAtOnce,
                    column = piece % columnCuts * columnsAtOnce;
      std::array<int64_t, operands> offsets;
      for (size_t k = 0; k < operands; ++k) {
        offsets[k] = row * rows.steps[k] + column * columns.steps[k];
        int64_t rest = block;
        for (int i = 2; i < count_; ++i) {
          offsets[k] += rest % axes_[i].n * axes_[i].steps[k];
          rest /= axes_[i].n;
        }
      }
      work(offsets, (block * rows.n + row) * columns.n + column, std::min(rowsAtOnce, rows.n - row),
           std::min(columnsAtOnce, columns.n - column));
    });
  }

 private:
  struct Axis {
    int64_t n = 1;
    std::array<int64_t, operands> steps{};
  };

  static bool continues(const Axis& inner, const Axis& outer) {
    for (size_t i = 0; i < operands; ++i)
      if (outer.steps[i] != inner.steps[i] * inner.n) return false;
    return true;
  }

  Axis axes_[Shape::maxRank + 2];  // the innermost first
  int count_ = 0;
};

inline Tensor unary(Stream& stream, const char* operation, UnaryFunction function, const Tensor& x) {
  requireType(operation, "input", x, DType::f32);
  Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    const bool past = streams(y.bytes());
    parallelRanges(x.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(Unary{function, x.f32() + from, y.f32() + from, to - from, past});
    });
  });
  return y;
}

/// a ⊕ b for two f32 or two i32 tensors; i32 has no quotient and no powers.
inline Tensor binary(Stream& stream, const char* operation, BinaryFunction function, const Tensor& a,
                     const Tensor& b) {
  if (a.dtype != b.dtype)
    throw TypeError(std::string(operation) + ": a is " + describe(a) + " and b is " + describe(b) +
                    ", wants one dtype; cast one of them");
  const bool whole = a.dtype == DType::i32 && function != BinaryFunction::div &&
                     function != BinaryFunction::pow && function != BinaryFunction::reluGradient;
  if (function == BinaryFunction::divTruncated) requireType(operation, "a", a, DType::i32);
  if (!whole) requireType(operation, "a", a, DType::f32);
  Tensor y(operation, broadcastShape(operation, a.shape, b.shape), a.dtype);
  submit(stream, operation, {a, b}, {y}, [=] {
    const BroadcastLoops<2> loops(y.shape, {a.shape, b.shape});
    const bool past = streams(y.bytes());
    loops.parallel([&](const auto& at, int64_t out, int64_t rows, int64_t columns) {
      if (whole) {
        dispatch(BinaryInt{function, a.i32() + at[0], b.i32() + at[1], y.i32() + out, rows, columns,
                           loops.steps(0), loops.steps(1)});
      } else {
        dispatch(Binary{function, a.f32() + at[0], b.f32() + at[1], y.f32() + out, rows, columns,
                        loops.steps(0), loops.steps(1), past});
      }
    });
  });
  return y;
}

/// Elements [from, to) of the gradient before a ReLU: where its output is positive that by the output, else
/// 0.
inline void throughRelu(const Tensor& gradient, const Tensor& output, const Tensor& dx, int64_t from,
                        int64_t to) {
  dispatch(Binary{BinaryFunction::reluGradient,
                  gradient.f32() + from,
                  output.f32() + from,
                  dx.f32() + from,
                  1,
                  to - from,
                  {0, 1},
                  {0, 1}});
}

/// The gradient before a ReLU with this output; in place where nothing else holds the gradient.
inline Tensor reluBackward(Stream& stream, Tensor gradient, Tensor output) {
  const char* operation = "reluBackward";
  requireType(operation, "gradient", gradient, DType::f32);
  requireType(operation, "output", output, DType::f32);
  requireShape(operation, "gradient", gradient, output.shape);
  Tensor dx(operation, gradient.shape, DType::f32);
  Command command{};
  command.operation = operation;
  command.reads = {gradient.storage, output.storage};
  command.writes = {dx.storage};
  command.replaceable = command.reads.size();
  command.run = [gradient = std::move(gradient), output = std::move(output), dx] {
    parallelRanges(dx.elements(), elementGrain,
                   [&](int64_t from, int64_t to) { throughRelu(gradient, output, dx, from, to); });
  };
  stream.enqueue(std::move(command));
  return dx;
}

/// The same, and its sum over all axes but the last, which is the gradient by a bias.
inline std::pair<Tensor, Tensor> reluBiasBackward(Stream& stream, Tensor gradient, Tensor output) {
  const char* operation = "reluBiasBackward";
  requireType(operation, "gradient", gradient, DType::f32);
  requireType(operation, "output", output, DType::f32);
  requireShape(operation, "gradient", gradient, output.shape);
  if (gradient.shape.rank() == 0)
    throw RangeError("reluBiasBackward: gradient is a scalar, wants at least one axis");
  const int64_t channels = gradient.shape.last();
  Tensor dx(operation, gradient.shape, DType::f32), byBias(operation, {channels}, DType::f32);
  Command command{};
  command.operation = operation;
  command.reads = {gradient.storage, output.storage};
  command.writes = {dx.storage, byBias.storage};
  command.replaceable = command.reads.size();
  command.run = [gradient = std::move(gradient), output = std::move(output), dx, byBias, channels] {
    if (channels == 0) return;
    // Pieces of the rows have sums of their own, to which they add block by block what is still in the cache.
    constexpr int64_t mostPieces = 128;
    const int64_t rows = dx.elements() / channels, rowsAtOnce = std::max<int64_t>(1, elementGrain / channels);
    const int64_t blocks = (rows + rowsAtOnce - 1) / rowsAtOnce, pieces = std::min(blocks, mostPieces);
    const Block sums = Block::take(pieces * channels * static_cast<int64_t>(sizeof(float)));
    parallelFor(pieces, [&](int64_t piece) {
      const int64_t first = piece * blocks / pieces;
      for (int64_t block = first; block < (piece + 1) * blocks / pieces; ++block) {
        const int64_t row = block * rowsAtOnce, n = std::min(rowsAtOnce, rows - row);
        throughRelu(gradient, output, dx, row * channels, (row + n) * channels);
        dispatch(ReduceColumns<float>{Reduction::sum, dx.f32() + row * channels,
                                      sums.floats() + piece * channels, n, channels, channels,
                                      block > first});
      }
    });
    parallelRanges(channels, 1024, [&](int64_t from, int64_t to) {
      dispatch(ReduceColumns<float>{Reduction::sum, sums.floats() + from, byBias.f32() + from, pieces,
                                    to - from, channels, false});
    });
  };
  stream.enqueue(std::move(command));
  return {dx, byBias};
}

/// The sum of tensors of one shape, from the first to the last; in the place of one that nothing else holds.
inline Tensor addUp(Stream& stream, std::vector<Tensor> inputs) {
  const char* operation = "addUp";
  if (inputs.empty()) throw RangeError("addUp: inputs is empty, wants at least one tensor");
  Command command{};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = "inputs[" + std::to_string(i) + "]";
    requireType(operation, name.c_str(), inputs[i], DType::f32);
    requireShape(operation, name.c_str(), inputs[i], inputs.front().shape);
    command.reads.push_back(inputs[i].storage);
  }
  Tensor y(operation, inputs.front().shape, DType::f32);
  command.operation = operation;
  command.writes = {y.storage};
  command.replaceable = command.reads.size();
  command.run = [inputs = std::move(inputs), y] {
    std::vector<const float*> data;
    for (const Tensor& x : inputs) data.push_back(x.f32());
    const auto count = static_cast<int64_t>(data.size());
    parallelRanges(y.elements(), elementGrain,
                   [&](int64_t from, int64_t to) { dispatch(AddUp{data.data(), count, y.f32(), from, to}); });
  };
  stream.enqueue(std::move(command));
  return y;
}

/// 1 where a and b compare so, else 0, as u8.
inline Tensor compare(Stream& stream, const char* operation, Comparison comparison, const Tensor& a,
                      const Tensor& b) {
  if (a.dtype != b.dtype)
    throw TypeError(std::string(operation) + ": a is " + describe(a) + " and b is " + describe(b) +
                    ", wants one dtype; cast one of them");
  Tensor y(operation, broadcastShape(operation, a.shape, b.shape), DType::u8);
  submit(stream, operation, {a, b}, {y}, [=] {
    const BroadcastLoops<2> loops(y.shape, {a.shape, b.shape});
    const auto run = [&](const auto* u, const auto* v) {
      using Element = std::remove_cvref_t<decltype(*u)>;
      loops.parallel([&](const auto& at, int64_t out, int64_t rows, int64_t columns) {
        dispatch(Compare<Element>{comparison, u + at[0], v + at[1], y.u8() + out, rows, columns,
                                  loops.steps(0), loops.steps(1)});
      });
    };
    switch (a.dtype) {
      case DType::f32:
        return run(a.f32(), b.f32());
      case DType::i32:
        return run(a.i32(), b.i32());
      case DType::u8:
        return run(a.u8(), b.u8());
    }
  });
  return y;
}

/// condition ? a : b, broadcast to one shape; a and b of one dtype.
inline Tensor where(Stream& stream, const Tensor& condition, const Tensor& a, const Tensor& b) {
  requireType("where", "condition", condition, DType::u8);
  requireType("where", "b", b, a.dtype);
  Tensor y("where", broadcastShape("where", broadcastShape("where", condition.shape, a.shape), b.shape),
           a.dtype);
  submit(stream, "where", {condition, a, b}, {y}, [=] {
    const BroadcastLoops<3> loops(y.shape, {condition.shape, a.shape, b.shape});
    const auto run = [&](const auto* u, const auto* v, auto* result) {
      using Element = std::remove_cvref_t<decltype(*u)>;
      loops.parallel([&](const auto& at, int64_t out, int64_t rows, int64_t columns) {
        dispatch(Select<Element>{condition.u8() + at[0], u + at[1], v + at[2], result + out, rows, columns,
                                 loops.steps(0), loops.steps(1), loops.steps(2)});
      });
    };
    switch (a.dtype) {
      case DType::f32:
        return run(a.f32(), b.f32(), y.f32());
      case DType::i32:
        return run(a.i32(), b.i32(), y.i32());
      case DType::u8:
        return run(a.u8(), b.u8(), y.u8());
    }
  });
  return y;
}

}  // namespace striate
