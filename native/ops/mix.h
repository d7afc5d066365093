// Samples mixed with others of their batch.
#pragma once

#include "kernels/mix.h"
#include "ops/indices.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

/// (1 − share[n])·x[n] + share[n]·x[partners[n]] for each sample of x [N, …].
inline Tensor mix(Stream& stream, const Tensor& x, const Tensor& partners, const Tensor& share) {
  const char* operation = "mix";
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() == 0) throw RangeError("mix: input is a scalar, wants at least one axis");
  const int64_t samples = x.shape[0];
  requireType(operation, "partners", partners, DType::i32);
  requireShape(operation, "partners", partners, Shape{samples});
  requireType(operation, "share", share, DType::f32);
  requireShape(operation, "share", share, Shape{samples});
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, partners, share}, {y}, [=] {
    checkIndices(partners, samples);
    if (x.elements() == 0) return;
    const int64_t size = x.elements() / samples;
    parallelRanges(samples, std::max<int64_t>(1, elementGrain / size), [&](int64_t from, int64_t to) {
      dispatch(Mix{x.f32(), partners.i32(), share.f32(), y.f32(), from, to - from, size});
    });
  });
  return y;
}

/// For each of labels [N] the number of another sample with its label, as uniform [N], numbers in [0, 1),
/// draw it; its own where there is no other.
inline Tensor sameClassPartners(Stream& stream, const Tensor& labels, const Tensor& uniform) {
  const char* operation = "sameClassPartners";
  requireType(operation, "labels", labels, DType::i32);
  requireRank(operation, "labels", labels, 1);
  requireType(operation, "uniform", uniform, DType::f32);
  requireShape(operation, "uniform", uniform, labels.shape);
  const int64_t samples = labels.shape[0];
  // Each looks at all of them.
  if (samples > 1 << 16)
    throw RangeError("sameClassPartners: labels are " + std::to_string(samples) + ", wants at most 65536");
  const Tensor y(operation, labels.shape, DType::i32);
  submit(stream, operation, {labels, uniform}, {y}, [=] {
    parallelRanges(samples, std::max<int64_t>(1, elementGrain / std::max<int64_t>(1, samples)),
                   [&](int64_t from, int64_t to) {
                     dispatch(SameClass{labels.i32(), uniform.f32(), samples, y.i32(), from, to - from});
                   });
  });
  return y;
}

}  // namespace striate
