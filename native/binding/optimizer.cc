#include "ops/optimizer.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"sgd",
     [](Call& call) {
       sgd(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
           call.tensors(2, "velocities"),
           {call.number(3, "lr"), call.number(4, "momentum"), call.number(5, "dampening"),
            call.number(6, "weightDecay"), call.flag(7, "nesterov"), call.flag(8, "firstStep")});
       return call.nothing();
     }},
    {"adam",
     [](Call& call) {
       adam(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
            call.tensors(2, "means"), call.tensors(3, "variances"),
            {call.integer(4, "step", 1, int64_t{1} << 53), call.number(5, "lr"), call.number(6, "beta1"),
             call.number(7, "beta2"), call.number(8, "eps"), call.number(9, "weightDecay"),
             call.flag(10, "decoupled")});
       return call.nothing();
     }},
};

}  // namespace
}  // namespace striate
