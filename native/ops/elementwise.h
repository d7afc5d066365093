// Arithmetic with broadcasting, comparisons, functions of one element.
#pragma once

#include "kernels/elementwise.h"

#include <algorithm>
#include <functional>
#include <string>

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

/// A broadcast as nested loops: axes over which both operands keep their way of advancing are merged; the last two are
/// a kernel's rows and columns.
class BroadcastLoops {
 public:
  BroadcastLoops(const Shape& out, const Shape& a, const Shape& b) {
    Axis merged[Shape::maxRank + 2];
    int count = 0;
    int64_t aStep = 1, bStep = 1;
    for (int axis = out.rank() - 1; axis >= 0; --axis) {
      const int fromA = axis - (out.rank() - a.rank()), fromB = axis - (out.rank() - b.rank());
      const int64_t u = fromA < 0 ? 1 : a[fromA], v = fromB < 0 ? 1 : b[fromB], n = out[axis];
      if (n != 1) {
        const Axis next{n, u == 1 ? 0 : aStep, v == 1 ? 0 : bStep};
        Axis* inner = count ? &merged[count - 1] : nullptr;
        if (inner && next.a == inner->a * inner->n && next.b == inner->b * inner->n) {
          inner->n *= n;
        } else {
          merged[count++] = next;
        }
      }
      aStep *= u;
      bStep *= v;
    }
    columns_ = count > 0 ? merged[0] : Axis{1, 0, 0};
    rows_ = count > 1 ? merged[1] : Axis{1, 0, 0};
    for (int i = 2; i < count; ++i) {
      outer_[outerCount_++] = merged[i];
      blocks_ *= merged[i].n;
    }
  }

  int64_t columns() const { return columns_.n; }
  OperandSteps aSteps() const { return {rows_.a, columns_.a}; }
  OperandSteps bSteps() const { return {rows_.b, columns_.b}; }

  /// Calls work(aOffset, bOffset, yOffset, rows) for pieces of some elementGrain elements, in parallel.
  template <class Work>
  void parallel(const Work& work) const {
    const int64_t rowsAtOnce = std::max<int64_t>(1, elementGrain / std::max<int64_t>(1, columns_.n));
    const int64_t cuts = (rows_.n + rowsAtOnce - 1) / rowsAtOnce;
    parallelFor(blocks_ * cuts, [&](int64_t piece) {
      const int64_t block = piece / cuts, row = piece % cuts * rowsAtOnce;
      int64_t a = row * rows_.a, b = row * rows_.b, rest = block;
      for (int i = 0; i < outerCount_; ++i) {
        a += rest % outer_[i].n * outer_[i].a;
        b += rest % outer_[i].n * outer_[i].b;
        rest /= outer_[i].n;
      }
      work(a, b, (block * rows_.n + row) * columns_.n, std::min(rowsAtOnce, rows_.n - row));
    });
  }

 private:
  struct Axis {
    int64_t n, a, b;
  };
  Axis columns_{}, rows_{}, outer_[Shape::maxRank]{};
  int outerCount_ = 0;
  int64_t blocks_ = 1;
};

inline Tensor unary(Stream& stream, const char* operation, UnaryFunction function, const Tensor& x) {
  requireType(operation, "input", x, DType::f32);
  Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    parallelRanges(x.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(Unary{function, x.f32() + from, y.f32() + from, to - from});
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
  const bool whole = a.dtype == DType::i32 && function != BinaryFunction::div && function != BinaryFunction::pow &&
                     function != BinaryFunction::reluGradient;
  if (!whole) requireType(operation, "a", a, DType::f32);
  Tensor y(operation, broadcastShape(operation, a.shape, b.shape), a.dtype);
  submit(stream, operation, {a, b}, {y}, [=] {
    const BroadcastLoops loops(y.shape, a.shape, b.shape);
    loops.parallel([&](int64_t i, int64_t j, int64_t k, int64_t rows) {
      if (whole) {
        dispatch(BinaryInt{function, a.i32() + i, b.i32() + j, y.i32() + k, rows, loops.columns(), loops.aSteps(),
                           loops.bSteps()});
      } else {
        dispatch(Binary{function, a.f32() + i, b.f32() + j, y.f32() + k, rows, loops.columns(), loops.aSteps(),
                        loops.bSteps()});
      }
    });
  });
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
    const BroadcastLoops loops(y.shape, a.shape, b.shape);
    const auto run = [&](const auto* u, const auto* v) {
      using Element = std::remove_cvref_t<decltype(*u)>;
      loops.parallel([&](int64_t i, int64_t j, int64_t k, int64_t rows) {
        dispatch(Compare<Element>{comparison, u + i, v + j, y.u8() + k, rows, loops.columns(), loops.aSteps(),
                                  loops.bSteps()});
      });
    };
    switch (a.dtype) {
      case DType::f32: return run(a.f32(), b.f32());
      case DType::i32: return run(a.i32(), b.i32());
      case DType::u8: return run(a.u8(), b.u8());
    }
  });
  return y;
}

/// condition ? a : b for three tensors of one shape.
inline Tensor where(Stream& stream, const Tensor& condition, const Tensor& a, const Tensor& b) {
  requireType("where", "condition", condition, DType::u8);
  requireType("where", "a", a, DType::f32);
  requireType("where", "b", b, DType::f32);
  requireShape("where", "a", a, condition.shape);
  requireShape("where", "b", b, condition.shape);
  Tensor y("where", a.shape, DType::f32);
  submit(stream, "where", {condition, a, b}, {y}, [=] {
    parallelRanges(y.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(Select{condition.u8() + from, a.f32() + from, b.f32() + from, y.f32() + from, to - from});
    });
  });
  return y;
}

}  // namespace striate
