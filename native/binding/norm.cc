#include "ops/norm.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"batchNorm",
     [](Call& call) {
       const Normalized result =
           batchNorm(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
                     call.tensorOrNull(2, "bias"), call.tensorOrNull(3, "runningMean"),
                     call.tensorOrNull(4, "runningVar"), call.tensorOrNull(5, "residual"),
                     {call.number(6, "momentum"), call.number(7, "eps"), call.flag(8, "relu")});
       return call.give({result.output, result.statistics});
     }},
    {"batchNormInference",
     [](Call& call) {
       const Normalized result = batchNormInference(
           call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
           call.tensorOrNull(2, "bias"), call.tensor(3, "runningMean"), call.tensor(4, "runningVar"),
           call.tensorOrNull(5, "residual"), call.number(6, "eps"), call.flag(7, "relu"));
       return call.give({result.output, result.statistics});
     }},
    {"batchNormBackward",
     [](Call& call) {
       const NormGradients result = batchNormBackward(
           call.stream(), call.tensor(0, "gradient"), call.tensor(1, "input"), call.tensorOrNull(2, "weight"),
           call.tensorOrNull(3, "bias"), call.tensor(4, "statistics"), call.tensorOrNull(5, "output"),
           call.flag(6, "relu"), call.flag(7, "ofBatch"));
       return call.give({result.byInput, result.byWeight, result.byBias, result.gated});
     }},
};

}  // namespace
}  // namespace striate
