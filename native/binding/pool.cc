#include "ops/pool.h"

#include "binding/call.h"

namespace striate {
namespace {

/// Kernel, stride, padding and, where the operation has it, dilation, from argument `first` on.
PoolOptions options(const Call& call, size_t first, bool dilated) {
  return {call.integers(first, "kernelSize"), call.integers(first + 1, "stride"),
          call.integers(first + 2, "padding"),
          dilated ? call.integers(first + 3, "dilation") : std::vector<int64_t>{1, 1}, false};
}

Export exports[] = {
    {"maxPool2d",
     [](Call& call) {
       PoolOptions given = options(call, 1, true);
       given.ceilMode = call.flag(5, "ceilMode");
       const MaxPooled pooled =
           maxPool2d(call.stream(), call.tensor(0, "input"), given, call.flag(6, "indices"));
       return call.give({pooled.output, pooled.indices});
     }},
    {"maxPool2dBackward",
     [](Call& call) {
       return call.give(maxPool2dBackward(call.stream(), call.tensor(0, "gradient"),
                                          call.tensor(1, "indices"), call.shape(2, "inputShape"),
                                          options(call, 3, true)));
     }},
    {"avgPool2d",
     [](Call& call) {
       PoolOptions given = options(call, 1, false);
       given.ceilMode = call.flag(4, "ceilMode");
       return call.give(
           avgPool2d(call.stream(), call.tensor(0, "input"), given, call.flag(5, "countIncludePad")));
     }},
    {"avgPool2dBackward",
     [](Call& call) {
       return call.give(avgPool2dBackward(call.stream(), call.tensor(0, "gradient"),
                                          call.shape(1, "inputShape"), options(call, 2, false),
                                          call.flag(5, "countIncludePad")));
     }},
};

}  // namespace
}  // namespace striate
