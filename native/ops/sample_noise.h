// Noise that depends on a sample's number, and the search for values that are none.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "kernels/sample_noise.h"
#include "ops/creation.h"

namespace striate {

/// x [N, …] plus normal numbers, held within [0, 1] if asked for. Those of the sample with the number k come
/// from stream epoch·2³² + k, from the block place·2³² on, so that they depend on nothing else of the batch.
/// The epoch has 32 bits, the place 31.
inline Tensor sampleNoise(Stream& stream, const Tensor& x, const Tensor& indices, double mean,
                          double deviation, bool clip, uint64_t seed, uint64_t epoch, uint64_t place) {
  const char* operation = "sampleNoise";
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() == 0) throw RangeError("sampleNoise: input is a scalar, wants at least one axis");
  requireType(operation, "indices", indices, DType::i32);
  requireShape(operation, "indices", indices, Shape{x.shape[0]});
  const float center = requireFloat(operation, "mean", mean),
              scale = requireFloat(operation, "std", deviation);
  if (scale < 0) throw RangeError("sampleNoise: std is " + numberText(deviation) + ", wants at least 0");
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, indices}, {y}, [=] {
    if (x.elements() == 0) return;
    const int64_t samples = x.shape[0], size = x.elements() / samples;
    const int64_t pieces = (size + elementGrain - 1) / elementGrain;
    // 2²⁸ groups of 64 numbers to a place: more than a sample has.
    const auto start = static_cast<int64_t>(place << 28);
    const float least = clip ? 0.0f : -std::numeric_limits<float>::infinity();
    const float most = clip ? 1.0f : std::numeric_limits<float>::infinity();
    parallelFor(samples * pieces, [&](int64_t piece) {
      const int64_t n = piece / pieces, from = piece % pieces * elementGrain;
      const RandomStream source{seed, epoch << 32 | static_cast<uint32_t>(indices.i32()[n])};
      dispatch(AddNoise{source, start + from / randomGroup, center, scale, least, most,
                        x.f32() + n * size + from, y.f32() + n * size + from,
                        std::min(elementGrain, size - from)});
    });
  });
  return y;
}

/// x [N, …], whose values must be finite: the number of the first sample that has another is told, as
/// `indices` [N] has it, and where.
inline Tensor checkFinite(Stream& stream, const Tensor& x, const Tensor& indices) {
  const char* operation = "checkFinite";
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() == 0) throw RangeError("checkFinite: input is a scalar, wants at least one axis");
  requireType(operation, "indices", indices, DType::i32);
  requireShape(operation, "indices", indices, Shape{x.shape[0]});
  const Tensor y(operation, x.shape, DType::f32);
  submit(stream, operation, {x, indices}, {y}, [=] {
    const int64_t n = x.elements(), pieces = (n + elementGrain - 1) / elementGrain;
    const Block memory = Block::take(pieces * static_cast<int64_t>(sizeof(int64_t)));
    auto* const found = static_cast<int64_t*>(memory.data());
    parallelFor(pieces, [&](int64_t piece) {
      const int64_t from = piece * elementGrain, count = std::min(elementGrain, n - from);
      std::copy_n(x.f32() + from, count, y.f32() + from);
      dispatch(FindNonFinite{x.f32() + from, count, found + piece});
    });
    for (int64_t piece = 0; piece < pieces; ++piece) {
      int64_t at = piece * elementGrain + found[piece];
      if (at == std::min(n, (piece + 1) * elementGrain)) continue;
      const std::string value = numberText(static_cast<double>(x.f32()[at]));
      std::string place;
      for (int axis = x.shape.rank() - 1; axis > 0; at /= x.shape[axis], --axis)
        place = std::to_string(at % x.shape[axis]) + (place.empty() ? "" : ", ") + place;
      throw RangeError("sample " + std::to_string(indices.i32()[at]) + " is " + value + " at [" + place +
                       "], wants finite numbers");
    }
  });
  return y;
}

}  // namespace striate
