// Sums, means and extrema over any axes, and the place of the largest element along one.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// A set of axes of one tensor.
class AxisSet {
 public:
  /// All axes of the tensor where `axes` are not given.
  AxisSet(const char* operation, const std::optional<std::vector<int64_t>>& axes, int rank) {
    for (int axis = 0; axis < rank; ++axis) member_[axis] = !axes;
    if (!axes) return;
    for (const int64_t given : *axes) {
      const int axis = requireAxis(operation, given, rank);
      if (member_[axis])
        throw RangeError(std::string(operation) + ": axes names axis " + std::to_string(axis) +
                         " twice, wants each once");
      member_[axis] = true;
    }
  }

  bool has(int axis) const { return member_[axis]; }

 private:
  bool member_[Shape::maxRank] = {};
};

/// What is left of a shape when the axes of the set are reduced, to 1 where they are kept.
inline Shape reducedShape(const Shape& shape, const AxisSet& axes, bool keepDims) {
  Shape left;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!axes.has(axis)) {
      left.append(shape[axis]);
    } else if (keepDims) {
      left.append(1);
    }
  }
  return left;
}

/// A reduction as nested loops: neighbouring axes that are all kept, or all reduced, are one; the last two
/// are a kernel's rows and columns, and either the rows or the columns are reduced.
///
/// The work is cut into lines of neighbouring results, and where that gives too few pieces, the elements that
/// make up a result are cut too: then each piece leaves partial results in scratch memory, which are combined
/// in order.
class ReductionLoops {
 public:
  ReductionLoops(const Shape& shape, const AxisSet& axes) {
    Axis merged[Shape::maxRank + 2];
    int count = 0;
    int64_t step = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const int64_t n = shape[axis];
      if (n == 1) continue;
      if (count > 0 && merged[count - 1].reduced == axes.has(axis)) {
        merged[count - 1].n *= n;
      } else {
        merged[count++] = {n, step, axes.has(axis)};
      }
      step *= n;
    }
    columns_ = count > 0 ? merged[0].n : 1;
    alongRows_ = count > 0 && merged[0].reduced;
    const int64_t rows = count > 1 ? merged[1].n : 1;
    width_ = alongRows_ ? rows : columns_;
    depth_ = alongRows_ ? columns_ : rows;
    int64_t kept = 1, reduced = 1;
    for (int i = 2; i < count; ++i) {
      outer_[outerCount_++] = merged[i];
      (merged[i].reduced ? reduced : kept) *= merged[i].n;
    }
    results_ = kept * width_;
    each_ = reduced * depth_;
    cut(kept);
  }

  /// y = the reduction of x. Then `finish(y + i, n)` is called for ranges that cover y, in parallel.
  template <class Element, class Finish>
  void run(Reduction reduction, const Element* x, Element* y, const Finish& finish) const {
    if (each_ == 0 || results_ == 0) {
      dispatch(ReduceColumns<Element>{reduction, x, y, 0, results_, results_, false});
      return finish(y, results_);
    }
    const Block scratch =
        pieces_ > 1 ? Block::take(pieces_ * results_ * static_cast<int64_t>(sizeof(Element))) : Block();
    Element* const partial = static_cast<Element*>(scratch.data());
    const int64_t tasks = (lines_ + linesAtOnce_ - 1) / linesAtOnce_;
    parallelFor(tasks * pieces_, [&](int64_t task) {
      const int64_t first = task / pieces_ * linesAtOnce_, piece = task % pieces_;
      for (int64_t line = first; line < std::min(lines_, first + linesAtOnce_); ++line) {
        const int64_t from = line % linesPerKept_ * lineWidth_, n = std::min(lineWidth_, width_ - from);
        const int64_t kept = line / linesPerKept_, to = kept * width_ + from;
        if (pieces_ > 1) {
          reduceLine(reduction, x, partial + piece * results_ + to, kept, from, n, piece);
        } else {
          reduceLine(reduction, x, y + to, kept, from, n, 0);
          finish(y + to, n);
        }
      }
    });
    if (pieces_ == 1) return;
    parallelRanges(results_, 1024, [&](int64_t from, int64_t to) {
      dispatch(
          ReduceColumns<Element>{reduction, partial + from, y + from, pieces_, to - from, results_, false});
      finish(y + from, to - from);
    });
  }

 private:
  struct Axis {
    int64_t n, step;
    bool reduced;
  };

  void cut(int64_t kept) {
    if (each_ == 0 || results_ == 0) return;
    // Enough for the largest machines, and few enough that the partial results are a small fraction of the
    // input.
    constexpr int64_t enough = 128, most = 256;
    lineWidth_ = std::clamp<int64_t>(alongRows_ ? elementGrain / each_ : 4096, 1, width_);
    linesPerKept_ = (width_ + lineWidth_ - 1) / lineWidth_;
    lines_ = kept * linesPerKept_;
    const int64_t work = lineWidth_ * each_;
    if (lines_ < enough && work >= 2 * elementGrain) {
      const int64_t wanted = std::min(work / elementGrain, most / lines_);
      pieceDepth_ = ((each_ + wanted - 1) / wanted + 63) / 64 * 64;
      pieces_ = (each_ + pieceDepth_ - 1) / pieceDepth_;
    } else {
      pieceDepth_ = each_;
      linesAtOnce_ = std::max<int64_t>(1, elementGrain / work);
    }
  }

  /// The results [from, from + n) of an index of the outer axes that are kept, from one piece of their
  /// elements.
  template <class Element>
  void reduceLine(Reduction reduction, const Element* x, Element* y, int64_t kept, int64_t from, int64_t n,
                  int64_t piece) const {
    const int64_t begin = piece * pieceDepth_, end = std::min(each_, begin + pieceDepth_);
    for (int64_t i = begin; i < end;) {
      const int64_t at = i % depth_, count = std::min(depth_ - at, end - i);
      const Element* block = x + offset(kept, i / depth_);
      if (alongRows_) {
        dispatch(
            ReduceRows<Element>{reduction, block + from * columns_ + at, y, n, count, columns_, i != begin});
      } else {
        dispatch(ReduceColumns<Element>{reduction, block + at * columns_ + from, y, count, n, columns_,
                                        i != begin});
      }
      i += count;
    }
  }

  /// Where the block of rows and columns begins, by the index of the outer axes that are kept and of those
  /// reduced.
  int64_t offset(int64_t kept, int64_t reduced) const {
    int64_t offset = 0;
    for (int i = 0; i < outerCount_; ++i) {
      int64_t& rest = outer_[i].reduced ? reduced : kept;
      offset += rest % outer_[i].n * outer_[i].step;
      rest /= outer_[i].n;
    }
    return offset;
  }

  Axis outer_[Shape::maxRank]{};
  int outerCount_ = 0;
  int64_t columns_ = 1;
  /// Whether the columns are reduced, not the rows.
  bool alongRows_ = false;
  /// Results and elements of each result, in one block of rows and columns.
  int64_t width_ = 1, depth_ = 1;
  /// Results, and elements of each, in all.
  int64_t results_ = 1, each_ = 1;
  int64_t lineWidth_ = 1, linesPerKept_ = 1, lines_ = 1, linesAtOnce_ = 1, pieces_ = 1, pieceDepth_ = 1;
};

/// y[i] /= divisor
inline void divideBy(float divisor, float* y, int64_t n) {
  dispatch(Binary{BinaryFunction::div, y, &divisor, y, 1, n, {0, 1}, {0, 0}});
}

/// The sum of f32 or i32 over some axes, all of them where none are given; 0 where there is nothing to add.
inline Tensor sum(Stream& stream, const Tensor& x, const std::optional<std::vector<int64_t>>& axes,
                  bool keepDims) {
  if (x.dtype != DType::i32 && x.dtype != DType::f32)
    throw TypeError("sum: input is " + describe(x) + ", wants dtype f32 or i32; cast it");
  const AxisSet set("sum", axes, x.shape.rank());
  Tensor y("sum", reducedShape(x.shape, set, keepDims), x.dtype);
  submit(stream, "sum", {x}, {y}, [=] {
    const ReductionLoops loops(x.shape, set);
    const auto nothing = [](const auto*, int64_t) {};
    if (x.dtype == DType::f32) {
      loops.run(Reduction::sum, x.f32(), y.f32(), nothing);
    } else {
      loops.run(Reduction::sum, x.i32(), y.i32(), nothing);
    }
  });
  return y;
}

/// The mean over some axes, all of them where none are given; NaN where there is nothing to add.
inline Tensor mean(Stream& stream, const Tensor& x, const std::optional<std::vector<int64_t>>& axes,
                   bool keepDims) {
  requireType("mean", "input", x, DType::f32);
  const AxisSet set("mean", axes, x.shape.rank());
  Tensor y("mean", reducedShape(x.shape, set, keepDims), DType::f32);
  submit(stream, "mean", {x}, {y}, [=] {
    int64_t count = 1;
    for (int axis = 0; axis < x.shape.rank(); ++axis) count *= set.has(axis) ? x.shape[axis] : 1;
    ReductionLoops(x.shape, set).run(Reduction::sum, x.f32(), y.f32(), [count](float* part, int64_t n) {
      divideBy(static_cast<float>(count), part, n);
    });
  });
  return y;
}

/// The largest or smallest of f32 or i32 over some axes, all of them where none are given.
inline Tensor extremum(Stream& stream, const char* operation, Reduction reduction, const Tensor& x,
                       const std::optional<std::vector<int64_t>>& axes, bool keepDims) {
  if (x.dtype != DType::i32 && x.dtype != DType::f32)
    throw TypeError(std::string(operation) + ": input is " + describe(x) +
                    ", wants dtype f32 or i32; cast it");
  const AxisSet set(operation, axes, x.shape.rank());
  for (int axis = 0; axis < x.shape.rank(); ++axis)
    if (set.has(axis) && x.shape[axis] == 0)
      throw RangeError(std::string(operation) + ": input " + x.shape.text() + " has no elements along axis " +
                       std::to_string(axis) + ", wants at least 1");
  Tensor y(operation, reducedShape(x.shape, set, keepDims), x.dtype);
  submit(stream, operation, {x}, {y}, [=] {
    const ReductionLoops loops(x.shape, set);
    const auto nothing = [](const auto*, int64_t) {};
    if (x.dtype == DType::f32) {
      loops.run(reduction, x.f32(), y.f32(), nothing);
    } else {
      loops.run(reduction, x.i32(), y.i32(), nothing);
    }
  });
  return y;
}

/// Where along an axis of f32 or i32 the largest element is, the first of equal ones; NaN is larger than all
/// numbers.
inline Tensor argMax(Stream& stream, const Tensor& x, int64_t givenAxis, bool keepDims) {
  if (x.dtype != DType::i32 && x.dtype != DType::f32)
    throw TypeError("argMax: input is " + describe(x) + ", wants dtype f32 or i32; cast it");
  const int rank = x.shape.rank(), axis = requireAxis("argMax", givenAxis, rank);
  const int64_t extent = x.shape[axis];
  if (extent < 1 || extent > INT32_MAX)
    throw RangeError("argMax: input " + x.shape.text() + " has " + std::to_string(extent) +
                     " elements along axis " + std::to_string(axis) + ", wants 1 to 2147483647");
  const AxisSet set("argMax", std::vector<int64_t>{axis}, rank);
  Tensor y("argMax", reducedShape(x.shape, set, keepDims), DType::i32);
  submit(stream, "argMax", {x}, {y}, [=] {
    const int64_t inner = x.shape.product(axis + 1, rank), results = y.elements();
    if (results == 0) return;
    const auto run = [&](const auto* data) {
      using Element = std::remove_cvref_t<decltype(*data)>;
      if (inner == 1) {
        parallelRanges(results, std::max<int64_t>(1, elementGrain / extent), [&](int64_t from, int64_t to) {
          dispatch(ArgMaxRows<Element>{data + from * extent, y.i32() + from, to - from, extent});
        });
        return;
      }
      const int64_t width = std::min(inner, ArgMaxColumns<Element>::maxColumns);
      const int64_t linesPerBlock = (inner + width - 1) / width, lines = results / inner * linesPerBlock;
      parallelRanges(lines, std::max<int64_t>(1, elementGrain / (width * extent)),
                     [&](int64_t first, int64_t last) {
                       for (int64_t line = first; line < last; ++line) {
                         const int64_t block = line / linesPerBlock, from = line % linesPerBlock * width;
                         dispatch(ArgMaxColumns<Element>{data + block * extent * inner + from,
                                                         y.i32() + block * inner + from, extent,
                                                         std::min(width, inner - from), inner});
                       }
                     });
    };
    if (x.dtype == DType::f32) {
      run(x.f32());
    } else {
      run(x.i32());
    }
  });
  return y;
}

}  // namespace striate
