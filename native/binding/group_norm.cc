#include "ops/group_norm.h"

#include <utility>

#include "binding/call.h"

namespace striate {
namespace {

/// Of the last axis' channels, as far as a number goes.
int64_t groups(const Call& call, size_t index) {
  return call.integer(index, "numGroups", 1, Call::maxInteger);
}

Napi::Value give(Call& call, const GroupNormalized& result) {
  return call.give({result.output, result.statistics});
}

Napi::Value give(Call& call, const GroupNormGradients& result) {
  return call.give({result.byInput, result.byWeight, result.byBias});
}

Export exports[] = {
    {"layerNorm",
     [](Call& call) {
       return give(call, layerNorm(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
                                   call.tensorOrNull(2, "bias"), call.shape(3, "normalizedShape"),
                                   call.number(4, "eps")));
     }},
    {"layerNormBackward",
     [](Call& call) {
       Tensor x = call.tensor(1, "input"), weight = call.tensorOrNull(2, "weight"),
              statistics = call.tensor(3, "statistics");
       const Shape normalized = call.shape(4, "normalizedShape");
       const bool affine = call.flag(5, "affine");
       return give(call, layerNormBackward(call.stream(), call.taken(0, "gradient"), std::move(x),
                                           std::move(weight), std::move(statistics), normalized, affine));
     }},
    {"groupNorm",
     [](Call& call) {
       return give(call, groupNorm(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
                                   call.tensorOrNull(2, "bias"), groups(call, 3), call.number(4, "eps")));
     }},
    {"groupNormBackward",
     [](Call& call) {
       Tensor x = call.tensor(1, "input"), weight = call.tensorOrNull(2, "weight"),
              statistics = call.tensor(3, "statistics");
       const int64_t count = groups(call, 4);
       const bool affine = call.flag(5, "affine");
       return give(call, groupNormBackward(call.stream(), call.taken(0, "gradient"), std::move(x),
                                           std::move(weight), std::move(statistics), count, affine));
     }},
    {"instanceNorm",
     [](Call& call) {
       return give(call, instanceNorm(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
                                      call.tensorOrNull(2, "bias"),
                                      {call.tensorOrNull(3, "runningMean"),
                                       call.tensorOrNull(4, "runningVar"), call.number(5, "momentum")},
                                      call.number(6, "eps")));
     }},
};

}  // namespace
}  // namespace striate
