// Local response normalization across channels.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/local_response.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

struct LocalResponseOptions {
  int64_t size;
  double alpha, beta, k;
};

/// Elements of a local response normalization that one thread takes at a time: a power costs more than moving
/// it.
constexpr int64_t localResponseGrain = 8 * 1024;

inline LocalResponse localResponse(const char* operation, const Tensor& x, const LocalResponseOptions& o) {
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() == 0)
    throw RangeError(std::string(operation) + ": input is a scalar, wants channels along its last axis");
  const auto require = [&](const char* argument, double value, bool fits, const char* wanted) {
    if (!fits || !std::isfinite(static_cast<float>(value)))
      throw RangeError(std::string(operation) + ": " + argument + " is " + std::to_string(value) +
                       ", wants " + wanted);
  };
  require("alpha", o.alpha, o.alpha >= 0, "a finite number from 0 on");
  require("beta", o.beta, o.beta >= 0, "a finite number from 0 on");
  require("k", o.k, static_cast<float>(o.k) >= 1e-30f, "a finite number above 0");
  const int64_t channels = x.shape.last(), most = std::max<int64_t>(0, channels - 1);
  return {channels,
          std::min(o.size / 2, most),
          std::min((o.size - 1) / 2, most),
          static_cast<float>(o.alpha / static_cast<double>(o.size)),
          static_cast<float>(o.beta),
          static_cast<float>(o.k)};
}

/// Calls work(offset, rows, scratch) for the rows of channels of x, in parallel, with `count` padded rows of
/// scratch.
template <class Work>
void forChannelRows(const Tensor& x, const LocalResponse& norm, int64_t count, const Work& work) {
  if (x.elements() == 0) return;
  const int64_t rows = x.elements() / norm.channels,
                grain = std::max<int64_t>(1, localResponseGrain / norm.channels);
  parallelWithScratch((rows + grain - 1) / grain, count * norm.padded(), [&](int64_t piece, float* scratch) {
    const int64_t from = piece * grain;
    work(from * norm.channels, std::min(grain, rows - from), scratch);
  });
}

inline Tensor localResponseNorm(Stream& stream, const Tensor& x, const LocalResponseOptions& o) {
  const char* operation = "localResponseNorm";
  const LocalResponse norm = localResponse(operation, x, o);
  Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x}, {y}, [=] {
    forChannelRows(x, norm, 1, [&](int64_t at, int64_t rows, float* scratch) {
      dispatch(LocalResponseRows{norm, x.f32() + at, y.f32() + at, scratch, rows});
    });
  });
  return y;
}

inline Tensor localResponseNormBackward(Stream& stream, const Tensor& dy, const Tensor& x,
                                        const LocalResponseOptions& o) {
  const char* operation = "localResponseNormBackward";
  const LocalResponse norm = localResponse(operation, x, o);
  requireType(operation, "gradient", dy, DType::f32);
  requireShape(operation, "gradient", dy, x.shape);
  Tensor dx(operation, x.shape, DType::f32);
  submit(stream, operation, {dy, x}, {dx}, [=] {
    forChannelRows(x, norm, 3, [&](int64_t at, int64_t rows, float* scratch) {
      dispatch(LocalResponseRowsGradient{norm, dy.f32() + at, x.f32() + at, dx.f32() + at, scratch, rows});
    });
  });
  return dx;
}

}  // namespace striate
