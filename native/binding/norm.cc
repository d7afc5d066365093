#include "ops/norm.h"

#include <utility>

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"batchNorm",
     [](Call& call) {
       const Normalized result = batchNorm(
           call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
           call.tensorOrNull(2, "bias"), call.tensorOrNull(3, "runningMean"),
           call.tensorOrNull(4, "runningVar"), call.tensorOrNull(5, "residual"),
           {call.number(6, "momentum"), call.number(7, "eps"), call.flag(8, "relu"), call.flag(9, "mask")});
       return call.give({result.output, result.statistics, result.mask});
     }},
    {"batchNormInference",
     [](Call& call) {
       const Normalized result =
           batchNormInference(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
                              call.tensorOrNull(2, "bias"), call.tensor(3, "runningMean"),
                              call.tensor(4, "runningVar"), call.tensorOrNull(5, "residual"),
                              call.number(6, "eps"), call.flag(7, "relu"), call.flag(8, "mask"));
       return call.give({result.output, result.statistics, result.mask});
     }},
    {"batchNormBackward",
     [](Call& call) {
       Tensor x = call.tensor(1, "input"), weight = call.tensorOrNull(2, "weight"),
              bias = call.tensorOrNull(3, "bias"), statistics = call.tensor(4, "statistics"),
              mask = call.tensorOrNull(5, "mask");
       const bool relu = call.flag(6, "relu"), ofBatch = call.flag(7, "ofBatch");
       const NormGradients result =
           batchNormBackward(call.stream(), call.allTaken(0, "gradients"), std::move(x), std::move(weight),
                             std::move(bias), std::move(statistics), std::move(mask), relu, ofBatch);
       return call.give({result.byInput, result.byWeight, result.byBias, result.counted});
     }},
};

}  // namespace
}  // namespace striate
