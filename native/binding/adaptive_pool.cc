#include "ops/adaptive_pool.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"adaptiveAvgPool2d",
     [](Call& call) {
       return call.give(
           adaptiveAvgPool2d(call.stream(), call.tensor(0, "input"), call.integers(1, "outputSize")));
     }},
    {"adaptiveAvgPool2dBackward",
     [](Call& call) {
       return call.give(
           adaptiveAvgPool2dBackward(call.stream(), call.tensor(0, "gradient"), call.shape(1, "inputShape")));
     }},
    {"adaptiveMaxPool2d",
     [](Call& call) {
       const AdaptiveMaxPooled pooled =
           adaptiveMaxPool2d(call.stream(), call.tensor(0, "input"), call.integers(1, "outputSize"));
       return call.give({pooled.output, pooled.places});
     }},
    {"adaptiveMaxPool2dBackward",
     [](Call& call) {
       return call.give(adaptiveMaxPool2dBackward(call.stream(), call.tensor(0, "gradient"),
                                                  call.tensor(1, "places"), call.shape(2, "inputShape")));
     }},
};

}  // namespace
}  // namespace striate
