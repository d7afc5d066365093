#include "ops/softmax.h"

#include "binding/call.h"

namespace striate {
namespace {

int64_t axis(const Call& call, size_t index) { return call.integer(index, "axis", -INT32_MAX, INT32_MAX); }

template <bool logarithm>
Napi::Value forward(Call& call) {
  return call.give(
      softmax(call.stream(), call.operation(), logarithm, call.tensor(0, "input"), axis(call, 1)));
}

template <bool logarithm>
Napi::Value backward(Call& call) {
  return call.give(softmaxBackward(call.stream(), call.operation(), logarithm, call.tensor(0, "gradient"),
                                   call.tensor(1, "output"), axis(call, 2)));
}

Export exports[] = {
    {"softmax", forward<false>},
    {"softmaxBackward", backward<false>},
    {"logSoftmax", forward<true>},
    {"logSoftmaxBackward", backward<true>},
};

}  // namespace
}  // namespace striate
