// Layer, group and instance normalization: what is normalized by its own statistics, whatever the batch.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kernels/group_norm.h"
#include "ops/layer_norm.h"

namespace striate {

/// Calls work(image, scratch, overPieces) for each image: overPieces calls what it is given for the pieces
/// of the plan, which is that of one image. In parallel, one image each, or in turn with the pieces in
/// parallel where images are large: then the second pass finds in the caches what the first has read.
template <class Work>
void overImages(const NormPlan& plan, int64_t images, int64_t floats, const Work& work) {
  if (plan.elements >= 16 * elementGrain || (images < 8 && plan.elements >= 2 * elementGrain)) {
    const Block scratch = takeFloats(floats);
    for (int64_t i = 0; i < images; ++i)
      work(i, scratch.floats(), [&](const auto& pass) { plan.overPieces(pass); });
    return;
  }
  const int64_t grain = std::max<int64_t>(1, elementGrain / plan.elements);
  parallelWithScratch((images + grain - 1) / grain, floats, [&](int64_t task, float* scratch) {
    for (int64_t i = task * grain; i < std::min(images, (task + 1) * grain); ++i)
      work(i, scratch, [&](const auto& pass) {
        for (int64_t piece = 0; piece < plan.pieces; ++piece) {
          const int64_t offset = piece * plan.piece;
          pass(piece, offset, std::min(plan.piece, plan.elements - offset));
        }
      });
  });
}

/// Scratch memory of one image: two doubles for each channel, arrays of a period, and the sums of its pieces.
struct GroupScratch {
  double* doubles;
  float *arrays, *sums;

  GroupScratch(const NormPlan& plan, float* floats, int64_t count)
      : doubles(reinterpret_cast<double*>(floats)),
        arrays(floats + 4 * plan.channels),
        sums(arrays + count * plan.period) {}
  static int64_t floats(const NormPlan& plan, int64_t count, int64_t kinds) {
    return 4 * plan.channels + (count + kinds * plan.pieces) * plan.period;
  }
};

inline GroupSums groupSums(const NormPlan& plan, const GroupShape& shape, const float* sums) {
  return {sums, plan.pieces, plan.piece, plan.elements, plan.channels, shape.groups, plan.period};
}

/// The forward pass over images of more than one place.
inline void normalizeImages(const GroupShape& shape, const Tensor& x, const float* weight, const float* bias,
                            double eps, const GroupNormalized& result) {
  const NormPlan plan({shape.places, shape.channels});
  const bool past = streams(result.output.bytes());
  overImages(
      plan, shape.images, GroupScratch::floats(plan, 3, 3),
      [&](int64_t i, float* floats, const auto& overPieces) {
        const GroupScratch scratch(plan, floats, 3);
        const float* const in = x.f32() + i * plan.elements;
        float* const out = result.output.f32() + i * plan.elements;
        const int64_t first = i * shape.groups, period = plan.period;
        const NormStatistics statistics = groupStatistics(result.statistics, first);
        const NormCoefficients coefficients{scratch.arrays, scratch.arrays + period,
                                            scratch.arrays + 2 * period};
        overPieces([&](int64_t piece, int64_t offset, int64_t n) {
          dispatch(NormMoments{in + offset, scratch.sums + piece * 3 * period, n, period});
        });
        dispatch(GroupMerge{groupSums(plan, shape, scratch.sums), eps, statistics,
                            groupVariances(result.statistics) + first, scratch.doubles});
        dispatch(GroupPrepare{statistics, weight, bias, coefficients, plan.channels, shape.groups, period});
        overPieces([&](int64_t, int64_t offset, int64_t n) {
          dispatch(
              Normalize{coefficients, in + offset, nullptr, out + offset, nullptr, n, period, false, past});
        });
      });
}

/// The backward pass over images of more than one place.
inline void differentiateImages(const GroupShape& shape, const Tensor& dy, const Tensor& x,
                                const float* weight, const Tensor& statistics,
                                const GroupNormGradients& result) {
  const NormPlan plan({shape.places, shape.channels});
  const int64_t parts = shape.images * shape.channels;
  const Block sums = takeFloats(result.byWeight ? 2 * parts : 0);
  float* const dx = result.byInput.f32();
  const bool past = streams(result.byInput.bytes()) && dx != dy.f32();
  overImages(
      plan, shape.images, GroupScratch::floats(plan, 5, 2),
      [&](int64_t i, float* floats, const auto& overPieces) {
        const GroupScratch scratch(plan, floats, 5);
        const int64_t at = i * plan.elements, period = plan.period;
        const float *const g = dy.f32() + at, *const in = x.f32() + at;
        const NormStatistics made = groupStatistics(statistics, i * shape.groups);
        float* const arrays = scratch.arrays;
        const NormCoefficients coefficients{arrays, arrays + period, arrays + 2 * period};
        float *const slope = arrays + 3 * period, *const offsets = arrays + 4 * period;
        float* const part = result.byWeight ? sums.floats() + i * shape.channels : nullptr;
        dispatch(GroupPrepare{made, weight, nullptr, coefficients, plan.channels, shape.groups, period});
        overPieces([&](int64_t piece, int64_t offset, int64_t n) {
          dispatch(NormGradientSums{coefficients, g + offset, nullptr, in + offset, nullptr, nullptr,
                                    scratch.sums + piece * 2 * period, n, period, NormGate::none});
        });
        dispatch(GroupGradientMerge{groupSums(plan, shape, scratch.sums), made, weight, part,
                                    part ? part + parts : nullptr, slope, offsets, scratch.doubles});
        overPieces([&](int64_t, int64_t offset, int64_t n) {
          dispatch(NormGradient{coefficients, slope, offsets, g + offset, in + offset, dx + at + offset, n,
                                period, false, true, past});
        });
      });
  if (!result.byWeight) return;
  sumParts(sums.floats(), shape.images, result.byWeight);
  sumParts(sums.floats() + parts, shape.images, result.byBias);
}

/// Weight and bias, each of this shape, or none; and eps.
inline void requireAffine(const char* operation, const Tensor& weight, const Tensor& bias,
                          const Shape& wanted) {
  for (const auto& [argument, t] : {std::pair{"weight", &weight}, std::pair{"bias", &bias}}) {
    if (!*t) continue;
    requireType(operation, argument, *t, DType::f32);
    requireShape(operation, argument, *t, wanted);
  }
}

/// Running statistics for instances alone; both or none.
struct GroupRunning {
  Tensor mean, variance;
  double momentum = 0;
};

inline GroupNormalized groupNormalize(Stream& stream, const char* operation, const Tensor& x,
                                      const GroupShape& shape, const Tensor& weight, const Tensor& bias,
                                      double eps, const GroupRunning& running = {}) {
  requireEps(operation, eps);
  const GroupNormalized result{Tensor(operation, x.shape, DType::f32),
                               Tensor(operation, {4, shape.rows()}, DType::f32)};
  submit(stream, operation, {x, weight, bias, running.mean, running.variance},
         {result.output, result.statistics}, [=] {
           if (shape.elements() == 0) {
             std::fill_n(result.statistics.f32(), result.statistics.elements(), 0.0f);
             return;
           }
           (shape.places == 1 ? normalizeRows : normalizeImages)(shape, x, dataOrNull(weight),
                                                                 dataOrNull(bias), eps, result);
           if (running.mean)
             dispatch(InstanceRunning{result.statistics.f32(), groupVariances(result.statistics),
                                      shape.images, shape.places, shape.channels, running.momentum,
                                      running.mean.f32(), running.variance.f32()});
         });
  return result;
}

/// The gradients go where the one by the output is, where nothing else holds that. Those by weight and bias
/// have the shape `affine`, where they are asked for.
inline GroupNormGradients groupNormalizeBackward(Stream& stream, const char* operation, Tensor dy, Tensor x,
                                                 Tensor weight, Tensor statistics, const GroupShape& shape,
                                                 const Shape& affine, bool wantsAffine) {
  requireLike(operation, "gradient", dy, x);
  requireAffine(operation, weight, Tensor(), affine);
  requireType(operation, "statistics", statistics, DType::f32);
  requireShape(operation, "statistics", statistics, {4, shape.rows()});
  GroupNormGradients result{Tensor(operation, x.shape, DType::f32), Tensor(), Tensor()};
  if (wantsAffine) {
    result.byWeight = Tensor(operation, affine, DType::f32);
    result.byBias = Tensor(operation, affine, DType::f32);
  }
  Command command{};
  command.operation = operation;
  command.reads = storages({dy, x, weight, statistics});
  command.writes = storages({result.byInput, result.byWeight, result.byBias});
  command.replaceable = 1;
  if (stream.profiling()) command.detail = describeShapes({x}, {result.byInput});
  command.run = [dy = std::move(dy), x = std::move(x), weight = std::move(weight),
                 statistics = std::move(statistics), result, shape] {
    if (shape.elements() == 0) {
      for (const Tensor* t : {&result.byWeight, &result.byBias})
        if (*t) std::fill_n(t->f32(), t->elements(), 0.0f);
      return;
    }
    (shape.places == 1 ? differentiateRows : differentiateImages)(shape, dy, x, dataOrNull(weight),
                                                                  statistics, result);
  };
  stream.enqueue(std::move(command));
  return result;
}

/// Rows over the last axes, whose sizes are given.
inline GroupShape layerShape(const char* operation, const Tensor& x, const Shape& normalized) {
  requireType(operation, "input", x, DType::f32);
  const int outer = x.shape.rank() - normalized.rank();
  bool fits = normalized.rank() > 0 && outer >= 0;
  for (int axis = 0; fits && axis < normalized.rank(); ++axis)
    fits = normalized[axis] == x.shape[outer + axis];
  if (!fits)
    throw RangeError(std::string(operation) + ": normalizedShape is " + normalized.text() +
                     ", wants the sizes of the last axes of input " + x.shape.text());
  const int64_t length = normalized.elements();
  if (length == 0)
    throw RangeError(std::string(operation) + ": normalizedShape " + normalized.text() +
                     " has no elements, wants at least 1");
  return {x.shape.product(0, outer), 1, length, 1};
}

/// Groups of the last axis' channels, over all axes but the first.
inline GroupShape groupShape(const char* operation, const Tensor& x, int64_t groups) {
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() < 2)
    throw RangeError(std::string(operation) + ": input " + x.shape.text() + " has " +
                     std::to_string(x.shape.rank()) + " axes, wants at least 2");
  const int64_t channels = x.shape.last();
  if (channels == 0)
    throw RangeError(std::string(operation) + ": input " + x.shape.text() + " has no channels");
  if (channels % groups != 0)
    throw RangeError(std::string(operation) + ": numGroups is " + std::to_string(groups) + ", wants one of " +
                     "the divisors of the " + std::to_string(channels) + " channels of input " +
                     x.shape.text());
  return {x.shape[0], x.shape.product(1, x.shape.rank() - 1), channels, groups};
}

inline GroupNormalized layerNorm(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const Shape& normalized, double eps) {
  const GroupShape shape = layerShape("layerNorm", x, normalized);
  requireAffine("layerNorm", weight, bias, normalized);
  return groupNormalize(stream, "layerNorm", x, shape, weight, bias, eps);
}

inline GroupNormGradients layerNormBackward(Stream& stream, Tensor dy, Tensor x, Tensor weight,
                                            Tensor statistics, const Shape& normalized, bool wantsAffine) {
  const GroupShape shape = layerShape("layerNormBackward", x, normalized);
  return groupNormalizeBackward(stream, "layerNormBackward", std::move(dy), std::move(x), std::move(weight),
                                std::move(statistics), shape, normalized, wantsAffine);
}

inline GroupNormalized groupNorm(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 int64_t groups, double eps) {
  const GroupShape shape = groupShape("groupNorm", x, groups);
  requireAffine("groupNorm", weight, bias, {shape.channels});
  return groupNormalize(stream, "groupNorm", x, shape, weight, bias, eps);
}

inline GroupNormGradients groupNormBackward(Stream& stream, Tensor dy, Tensor x, Tensor weight,
                                            Tensor statistics, int64_t groups, bool wantsAffine) {
  const GroupShape shape = groupShape("groupNormBackward", x, groups);
  return groupNormalizeBackward(stream, "groupNormBackward", std::move(dy), std::move(x), std::move(weight),
                                std::move(statistics), shape, {shape.channels}, wantsAffine);
}

/// Each channel of each image is a group. Moves running statistics, where given, in place.
inline GroupNormalized instanceNorm(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                    const GroupRunning& running, double eps) {
  const char* operation = "instanceNorm";
  requireType(operation, "input", x, DType::f32);
  if (x.shape.rank() != 3 && x.shape.rank() != 4)
    throw RangeError("instanceNorm: input " + x.shape.text() + " has " + std::to_string(x.shape.rank()) +
                     " axes, wants 3 or 4");
  const int64_t channels = x.shape.last();
  const GroupShape shape = groupShape(operation, x, std::max<int64_t>(1, channels));
  if (shape.places < 2)
    throw RangeError("instanceNorm: input " + x.shape.text() + " has " + std::to_string(shape.places) +
                     " values per channel of an image, wants at least 2");
  requireAffine(operation, weight, bias, {channels});
  requireChannels(operation, "runningMean", running.mean, channels);
  requireChannels(operation, "runningVar", running.variance, channels);
  if (!running.mean != !running.variance)
    throw TypeError("instanceNorm: one of runningMean and runningVar is given, wants both or none");
  if (running.mean && running.mean.storage == running.variance.storage)
    throw RangeError("instanceNorm: runningMean and runningVar are one tensor, wants two");
  if (!(running.momentum >= 0 && running.momentum <= 1))
    throw RangeError("instanceNorm: momentum is " + std::to_string(running.momentum) +
                     ", wants a number from 0 to 1");
  return groupNormalize(stream, operation, x, shape, weight, bias, eps, running);
}

}  // namespace striate
