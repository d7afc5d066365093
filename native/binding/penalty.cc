#include "ops/penalty.h"

#include "binding/call.h"

namespace striate {
namespace {

template <bool squares>
Napi::Value sum(Call& call) {
  return call.give(penalty(call.stream(), call.operation(), squares, call.tensors(0, "parameters"),
                           call.number(1, "lambda")));
}

template <bool squares>
Napi::Value gradient(Call& call) {
  return call.give(penaltyBackward(call.stream(), call.operation(), squares, call.tensor(0, "gradient"),
                                   call.tensor(1, "parameter"), call.number(2, "lambda")));
}

Export exports[] = {
    {"l1Penalty", sum<false>},
    {"l1PenaltyBackward", gradient<false>},
    {"l2Penalty", sum<true>},
    {"l2PenaltyBackward", gradient<true>},
    {"clipGradValue",
     [](Call& call) {
       clipGradValue(call.stream(), call.tensors(0, "gradients"), call.number(1, "clipValue"));
       return call.nothing();
     }},
    {"clipMaxNorm",
     [](Call& call) {
       clipMaxNorm(call.stream(), call.tensors(0, "parameters"), call.number(1, "maxNorm"));
       return call.nothing();
     }},
};

}  // namespace
}  // namespace striate
