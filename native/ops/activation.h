// Activation functions: of single elements, with a learnt slope, and over neighbouring channels.
#pragma once

#include <cfloat>
#include <cmath>
#include <sstream>
#include <string>
#include <utility>

#include "kernels/activation.h"
#include "kernels/maxout.h"
#include "kernels/prelu.h"
#include "kernels/stream.h"
#include "ops/norm.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// A function and the numbers that it is given.
struct ActivationChoice {
  ActivationFunction function;
  float a = 0, b = 0;
};

/// A double as an f32 of at least `least`, or above it.
inline float requireParameter(const char* operation, const char* argument, double value,
                              double least = -FLT_MAX, bool above = false) {
  if (value >= least && value <= FLT_MAX &&
      !(above && static_cast<float>(value) <= static_cast<float>(least)))
    return static_cast<float>(value);
  std::ostringstream text;
  text << operation << ": " << argument << " is " << value << ", wants a finite number";
  if (least != -FLT_MAX) text << (above ? " above " : " from ") << least << (above ? "" : " on");
  throw RangeError(text.str());
}

inline Tensor activation(Stream& stream, const char* operation, ActivationChoice of, const Tensor& x) {
  requireType(operation, "input", x, DType::f32);
  Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    const bool past = streams(y.bytes());
    parallelRanges(x.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(Activation{of.function, of.a, of.b, x.f32() + from, y.f32() + from, to - from, past});
    });
  });
  return y;
}

/// The gradient by the input, in place where nothing else holds what is given; `saved` is what
/// derivativeOfOutput asks for.
inline Tensor activationBackward(Stream& stream, const char* operation, ActivationChoice of, Tensor gradient,
                                 Tensor saved) {
  const char* name = derivativeOfOutput(of.function) ? "output" : "input";
  requireType(operation, "gradient", gradient, DType::f32);
  requireType(operation, name, saved, DType::f32);
  requireShape(operation, "gradient", gradient, saved.shape);
  Tensor dx(operation, gradient.shape, DType::f32);
  Command command{};
  command.operation = operation;
  command.reads = {gradient.storage, saved.storage};
  command.writes = {dx.storage};
  command.replaceable = command.reads.size();
  command.run = [=, gradient = std::move(gradient), saved = std::move(saved)] {
    parallelRanges(dx.elements(), elementGrain, [&](int64_t from, int64_t to) {
      dispatch(ActivationGradient{of.function, of.a, of.b, gradient.f32() + from, saved.f32() + from,
                                  dx.f32() + from, to - from});
    });
  };
  stream.enqueue(std::move(command));
  return dx;
}

/// How the elements of x are cut, for one slope or as many as channels.
inline NormPlan preluPlan(const char* operation, const Tensor& x, const Tensor& weight) {
  requireType(operation, "input", x, DType::f32);
  requireType(operation, "weight", weight, DType::f32);
  requireRank(operation, "weight", weight, 1);
  const int64_t slopes = weight.elements();
  const bool fits = slopes == 1 || (x.shape.rank() > 0 && slopes == x.shape.last() && slopes > 0);
  if (!fits)
    throw RangeError(std::string(operation) + ": weight has shape " + weight.shape.text() +
                     ", wants one slope or as many as input " + x.shape.text() + " has channels");
  return NormPlan(Shape{x.elements() / slopes, slopes});
}

/// The slopes repeated over a period.
inline void repeatSlopes(const NormPlan& plan, const Tensor& weight, float* slopes) {
  for (int64_t j = 0; j < plan.period; ++j) slopes[j] = weight.f32()[j % plan.channels];
}

inline Tensor prelu(Stream& stream, const Tensor& x, const Tensor& weight) {
  const char* operation = "prelu";
  const NormPlan plan = preluPlan(operation, x, weight);
  Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, weight}, {y}, [=] {
    const Block slopes = takeFloats(plan.period);
    repeatSlopes(plan, weight, slopes.floats());
    const bool past = streams(y.bytes());
    plan.overPieces([&](int64_t, int64_t at, int64_t n) {
      dispatch(Prelu{x.f32() + at, slopes.floats(), y.f32() + at, n, plan.period, past});
    });
  });
  return y;
}

struct PreluGradients {
  Tensor byInput, byWeight;
};

/// The gradients of prelu; that by the input in place where nothing else holds what is given.
inline PreluGradients preluBackward(Stream& stream, Tensor gradient, Tensor x, Tensor weight) {
  const char* operation = "preluBackward";
  const NormPlan plan = preluPlan(operation, x, weight);
  requireType(operation, "gradient", gradient, DType::f32);
  requireShape(operation, "gradient", gradient, x.shape);
  PreluGradients result{Tensor(operation, x.shape, DType::f32), Tensor(operation, weight.shape, DType::f32)};
  Command command{};
  command.operation = operation;
  command.reads = {gradient.storage, x.storage, weight.storage};
  command.writes = {result.byInput.storage, result.byWeight.storage};
  command.replaceable = 2;
  command.run = [=, gradient = std::move(gradient), x = std::move(x), weight = std::move(weight)] {
    const Block memory = takeFloats((1 + plan.pieces) * plan.period);
    float *const slopes = memory.floats(), *const sums = slopes + plan.period;
    repeatSlopes(plan, weight, slopes);
    plan.overPieces([&](int64_t piece, int64_t at, int64_t n) {
      dispatch(PreluGradient{gradient.f32() + at, x.f32() + at, slopes, result.byInput.f32() + at,
                             sums + piece * plan.period, n, plan.period});
    });
    dispatch(PreluMerge{sums, plan.pieces * plan.period, plan.channels, result.byWeight.f32()});
  };
  stream.enqueue(std::move(command));
  return result;
}

struct MaxoutResult {
  /// The places are u8, of output's shape; none where they are not asked for.
  Tensor output, places;
};

/// [..., C·pieces] → [..., C]: the largest of each `pieces` neighbouring channels.
inline MaxoutResult maxout(Stream& stream, const Tensor& x, int64_t pieces, bool wantsPlaces) {
  const char* operation = "maxout";
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() == 0) throw RangeError("maxout: input is a scalar, wants channels along its last axis");
  if (x.shape.last() % pieces != 0)
    throw RangeError("maxout: input " + x.shape.text() + " has " + std::to_string(x.shape.last()) +
                     " channels, wants a multiple of pieces, " + std::to_string(pieces));
  Shape shape;
  for (int axis = 0; axis + 1 < x.shape.rank(); ++axis) shape.append(x.shape[axis]);
  shape.append(x.shape.last() / pieces);
  MaxoutResult result{Tensor(operation, shape, DType::f32), {}};
  if (wantsPlaces) result.places = Tensor(operation, shape, DType::u8);
  const auto run = [=] {
    parallelRanges(result.output.elements(), std::max<int64_t>(1, elementGrain / pieces),
                   [&](int64_t from, int64_t to) {
                     dispatch(Maxout{x.f32() + from * pieces, result.output.f32() + from,
                                     result.places ? result.places.u8() + from : nullptr, to - from, pieces});
                   });
  };
  if (wantsPlaces)
    submit(stream, operation, {x}, {result.output, result.places}, run);
  else
    submit(stream, operation, {x}, {result.output}, run);
  return result;
}

inline Tensor maxoutBackward(Stream& stream, const Tensor& gradient, const Tensor& places, int64_t pieces) {
  const char* operation = "maxoutBackward";
  requireType(operation, "gradient", gradient, DType::f32);
  requireType(operation, "places", places, DType::u8);
  requireShape(operation, "places", places, gradient.shape);
  if (gradient.shape.rank() == 0)
    throw RangeError("maxoutBackward: gradient is a scalar, wants channels along its last axis");
  Shape shape;
  for (int axis = 0; axis + 1 < gradient.shape.rank(); ++axis) shape.append(gradient.shape[axis]);
  shape.append(gradient.shape.last() * pieces);
  Tensor dx(operation, shape, DType::f32);
  submit(stream, operation, {gradient, places}, {dx}, [=] {
    parallelRanges(gradient.elements(), std::max<int64_t>(1, elementGrain / pieces),
                   [&](int64_t from, int64_t to) {
                     dispatch(MaxoutGradient{gradient.f32() + from, places.u8() + from,
                                             dx.f32() + from * pieces, to - from, pieces});
                   });
  });
  return dx;
}

}  // namespace striate
