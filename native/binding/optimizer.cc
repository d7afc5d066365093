#include "ops/optimizer.h"

#include "binding/call.h"

namespace striate {
namespace {

Clipping clipping(const Call& call, size_t index) {
  return {call.number(index, "clipValue"), call.number(index + 1, "clipNorm"),
          call.number(index + 2, "maxNorm")};
}

Export exports[] = {
    {"sgd",
     [](Call& call) {
       sgd(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
           call.tensors(2, "velocities"), call.integers(3, "steps", 1, Call::maxInteger, Call::maxTensors),
           {call.number(4, "lr"), call.number(5, "momentum"), call.number(6, "dampening"),
            call.number(7, "weightDecay"), call.flag(8, "nesterov")},
           clipping(call, 9));
       return call.nothing();
     }},
    {"adam",
     [](Call& call) {
       adam(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
            call.tensors(2, "means"), call.tensors(3, "variances"),
            call.integers(4, "steps", 1, Call::maxInteger, Call::maxTensors),
            {call.number(5, "lr"), call.number(6, "beta1"), call.number(7, "beta2"), call.number(8, "eps"),
             call.number(9, "weightDecay"), call.flag(10, "decoupled")},
            clipping(call, 11));
       return call.nothing();
     }},
    {"adagrad",
     [](Call& call) {
       adagrad(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
               call.tensors(2, "sums"), call.integers(3, "steps", 1, Call::maxInteger, Call::maxTensors),
               {call.number(4, "lr"), call.number(5, "lrDecay"), call.number(6, "eps"),
                call.number(7, "weightDecay")},
               clipping(call, 8));
       return call.nothing();
     }},
    {"rmsProp",
     [](Call& call) {
       rmsProp(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
               call.tensors(2, "squares"), call.tensors(3, "means"), call.tensors(4, "velocities"),
               {call.number(5, "lr"), call.number(6, "alpha"), call.number(7, "eps"),
                call.number(8, "weightDecay"), call.number(9, "momentum")},
               clipping(call, 10));
       return call.nothing();
     }},
    {"clipGradNorm",
     [](Call& call) {
       return call.give(clipGradNorm(call.stream(), call.tensors(0, "gradients"), call.number(1, "maxNorm")));
     }},
};

}  // namespace
}  // namespace striate
