#include "ops/unpool.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"maxPool2dPlaces",
     [](Call& call) {
       const PoolOptions options{call.integers(2, "kernelSize"), call.integers(3, "stride"),
                                 call.integers(4, "padding"), call.integers(5, "dilation"),
                                 call.flag(6, "ceilMode")};
       return call.give(
           maxPool2dPlaces(call.stream(), call.tensor(0, "indices"), call.shape(1, "inputShape"), options));
     }},
    {"maxUnpool2d",
     [](Call& call) {
       return call.give(maxUnpool2d(call.stream(), call.tensor(0, "input"), call.tensor(1, "indices"),
                                    call.integers(2, "outputSize")));
     }},
    {"maxUnpool2dBackward",
     [](Call& call) {
       return call.give(
           maxUnpool2dBackward(call.stream(), call.tensor(0, "gradient"), call.tensor(1, "indices")));
     }},
};

}  // namespace
}  // namespace striate
