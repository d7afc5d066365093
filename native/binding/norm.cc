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
                     call.tensorOrNull(4, "runningVar"),
                     {call.number(5, "momentum"), call.number(6, "eps"), call.flag(7, "relu")});
       return call.give({result.output, result.statistics});
     }},
    {"batchNormInference",
     [](Call& call) {
       const Normalized result =
           batchNormInference(call.stream(), call.tensor(0, "input"), call.tensorOrNull(1, "weight"),
                              call.tensorOrNull(2, "bias"), call.tensor(3, "runningMean"),
                              call.tensor(4, "runningVar"), call.number(5, "eps"), call.flag(6, "relu"));
       return call.give({result.output, result.statistics});
     }},
    {"batchNormBackward",
     [](Call& call) {
       const NormGradients result =
           batchNormBackward(call.stream(), call.tensor(0, "gradient"), call.tensor(1, "input"),
                             call.tensorOrNull(2, "weight"), call.tensorOrNull(3, "bias"),
                             call.tensor(4, "statistics"), call.flag(5, "relu"), call.flag(6, "ofBatch"));
       return call.give({result.byInput, result.byWeight, result.byBias});
     }},
};

}  // namespace
}  // namespace striate
