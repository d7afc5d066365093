// Softmax and its logarithm along any axis, and the mean cross-entropy of logits against labels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/softmax.h"
#include "ops/operation.h"
#include "ops/reduce.h"
#include "runtime/parallel.h"

namespace striate {

/// Elements of a softmax that one thread takes at a time: an exponential costs more than moving it.
constexpr int64_t softmaxGrain = 8 * 1024;

/// Cuts a tensor with an axis along which softmax runs. Calls rows(offset, rows, columns) for dense rows,
/// where that is the last axis, or else columns(offset, rows, columns, stride) for columns; in parallel.
template <class Rows, class Columns>
void alongAxis(const Shape& shape, int axis, const Rows& rows, const Columns& columns) {
  const int64_t extent = shape[axis], inner = shape.product(axis + 1, shape.rank()),
                outer = shape.product(0, axis);
  if (extent == 0 || inner == 0 || outer == 0) return;
  if (inner == 1) {
    parallelRanges(outer, std::max<int64_t>(1, softmaxGrain / extent),
                   [&](int64_t from, int64_t to) { rows(from * extent, to - from, extent); });
    return;
  }
  const int64_t width = std::min(inner, std::max<int64_t>(64, softmaxGrain / extent / 16 * 16));
  const int64_t linesPerBlock = (inner + width - 1) / width;
  parallelRanges(outer * linesPerBlock, std::max<int64_t>(1, softmaxGrain / extent / width),
                 [&](int64_t first, int64_t last) {
                   for (int64_t line = first; line < last; ++line) {
                     const int64_t from = line % linesPerBlock * width;
                     columns(line / linesPerBlock * extent * inner + from, extent,
                             std::min(width, inner - from), inner);
                   }
                 });
}

/// softmax(x) along an axis, or log softmax(x).
inline Tensor softmax(Stream& stream, const char* operation, bool logarithm, const Tensor& x,
                      int64_t givenAxis) {
  requireType(operation, "input", x, DType::f32);
  const int axis = requireAxis(operation, givenAxis, x.shape.rank());
  Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    alongAxis(
        x.shape, axis,
        [&](int64_t at, int64_t rows, int64_t columns) {
          dispatch(SoftmaxRows{logarithm, x.f32() + at, y.f32() + at, rows, columns});
        },
        [&](int64_t at, int64_t rows, int64_t columns, int64_t stride) {
          dispatch(SoftmaxColumns{logarithm, x.f32() + at, y.f32() + at, rows, columns, stride});
        });
  });
  return y;
}

/// The gradient by softmax's input, from the one by its result and the result.
inline Tensor softmaxBackward(Stream& stream, const char* operation, bool logarithm, const Tensor& dy,
                              const Tensor& y, int64_t givenAxis) {
  requireType(operation, "gradient", dy, DType::f32);
  requireType(operation, "output", y, DType::f32);
  requireShape(operation, "gradient", dy, y.shape);
  const int axis = requireAxis(operation, givenAxis, y.shape.rank());
  Tensor dx(operation, y.shape, DType::f32);
  submit(stream, operation, {dy, y}, {dx}, [=] {
    alongAxis(
        y.shape, axis,
        [&](int64_t at, int64_t rows, int64_t columns) {
          dispatch(SoftmaxRowsGradient{logarithm, dy.f32() + at, y.f32() + at, dx.f32() + at, rows, columns});
        },
        [&](int64_t at, int64_t rows, int64_t columns, int64_t stride) {
          dispatch(SoftmaxColumnsGradient{logarithm, dy.f32() + at, y.f32() + at, dx.f32() + at, rows,
                                          columns, stride});
        });
  });
  return dx;
}

/// Labels are i32 and have the shape of the classes' tensor without its last axis.
inline void requireLabels(const char* operation, const char* argument, const Tensor& classes,
                          const Tensor& labels) {
  if (labels.dtype != DType::i32)
    throw TypeError(std::string(operation) + ": labels is " + describe(labels) +
                    ", wants dtype i32, the number of a class each; cast them");
  if (classes.shape.rank() == 0)
    throw RangeError(std::string(operation) + ": " + argument +
                     " is a scalar, wants classes along its last axis");
  Shape wanted;
  for (int axis = 0; axis + 1 < classes.shape.rank(); ++axis) wanted.append(classes.shape[axis]);
  if (!(labels.shape == wanted))
    throw RangeError(std::string(operation) + ": labels has shape " + labels.shape.text() + ", wants " +
                     wanted.text() + " for " + argument + " " + classes.shape.text());
}

/// Calls work(from, to, wrongRow) for ranges of the labels, in parallel; work sets wrongRow, counted from
/// `from`, where a label names no class, and that is thrown once all of it has run.
template <class Work>
void forLabelled(const Tensor& labels, int64_t classes, const Work& work) {
  const int64_t rows = labels.elements(),
                grain = std::max<int64_t>(1, softmaxGrain / std::max<int64_t>(1, classes));
  std::vector<int64_t> wrong(static_cast<size_t>((rows + grain - 1) / grain), -1);
  parallelRanges(rows, grain, [&](int64_t from, int64_t to) {
    work(from, to, &wrong[static_cast<size_t>(from / grain)]);
  });
  for (size_t piece = 0; piece < wrong.size(); ++piece) {
    if (wrong[piece] < 0) continue;
    const int64_t row = static_cast<int64_t>(piece) * grain + wrong[piece];
    std::string place;
    for (int axis = labels.shape.rank() - 1, rest = 0; axis >= 0; --axis, rest = 1) {
      const int64_t after = labels.shape.product(axis + 1, labels.shape.rank());
      place = std::to_string(row / after % labels.shape[axis]) + (rest ? ", " : "") + place;
    }
    throw RangeError("labels" + (place.empty() ? "" : "[" + place + "]") + " is " +
                     std::to_string(labels.i32()[row]) + ", wants 0 to " + std::to_string(classes - 1) +
                     " for " + std::to_string(classes) + " classes");
  }
}

/// How many labels are not ignored.
inline int64_t labelsThatCount(const Tensor& labels) {
  return labels.elements() -
         std::count(labels.i32(), labels.i32() + labels.elements(), static_cast<int32_t>(ignoredLabel));
}

/// The mean of −log softmax(logits)[label] over labels that are not ignored, a scalar, and the probabilities
/// softmax(logits), which rows of ignored labels lack.
inline std::pair<Tensor, Tensor> crossEntropy(Stream& stream, const Tensor& logits, const Tensor& labels) {
  requireType("crossEntropy", "logits", logits, DType::f32);
  requireLabels("crossEntropy", "logits", logits, labels);
  Tensor loss("crossEntropy", {}, DType::f32), p("crossEntropy", logits.shape, DType::f32);
  submit(stream, "crossEntropy", {logits, labels}, {loss, p}, [=] {
    const int64_t classes = logits.shape.last(), count = labels.elements();
    const Block losses = Block::take(count * static_cast<int64_t>(sizeof(float)));
    forLabelled(labels, classes, [&](int64_t from, int64_t to, int64_t* wrongRow) {
      const int64_t at = from * classes;
      dispatch(CrossEntropy{logits.f32() + at, labels.i32() + from, p.f32() + at, losses.floats() + from,
                            to - from, classes, wrongRow});
    });
    ReductionLoops({count}, AxisSet("crossEntropy", std::nullopt, 1))
        .run(Reduction::sum, losses.floats(), loss.f32(),
             [&](float* sum, int64_t n) { divideBy(static_cast<float>(labelsThatCount(labels)), sum, n); });
  });
  return {loss, p};
}

/// The gradient by the logits: (p − 1 where the label is)·gradient/N.
inline Tensor crossEntropyBackward(Stream& stream, const Tensor& gradient, const Tensor& p,
                                   const Tensor& labels) {
  requireType("crossEntropyBackward", "gradient", gradient, DType::f32);
  requireShape("crossEntropyBackward", "gradient", gradient, {});
  requireType("crossEntropyBackward", "probabilities", p, DType::f32);
  requireLabels("crossEntropyBackward", "probabilities", p, labels);
  Tensor dx("crossEntropyBackward", p.shape, DType::f32);
  submit(stream, "crossEntropyBackward", {gradient, p, labels}, {dx}, [=] {
    const int64_t classes = p.shape.last();
    const float scale = *gradient.f32() / static_cast<float>(labelsThatCount(labels));
    forLabelled(labels, classes, [&](int64_t from, int64_t to, int64_t* wrongRow) {
      const int64_t at = from * classes;
      dispatch(CrossEntropyGradient{p.f32() + at, labels.i32() + from, dx.f32() + at, to - from, classes,
                                    scale, wrongRow});
    });
  });
  return dx;
}

}  // namespace striate
