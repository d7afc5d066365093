#include "ops/optimizer.h"

#include "binding/call.h"
#include "ops/adadelta.h"
#include "ops/adagrad.h"
#include "ops/adam.h"
#include "ops/lion.h"
#include "ops/rmsprop.h"
#include "ops/sgd.h"

namespace striate {
namespace {

Steps steps(const Call& call, size_t index) {
  return call.integers(index, "steps", 1, Call::maxInteger, Call::maxTensors);
}

Clipping clipping(const Call& call, size_t index) {
  return {call.number(index, "clipValue"), call.number(index + 1, "clipNorm"),
          call.number(index + 2, "maxNorm"), call.tensorOrNull(index + 3, "totalNorm")};
}

AdamOptions adamOptions(const Call& call, size_t index) {
  return {call.number(index, "lr"),
          call.number(index + 1, "beta1"),
          call.number(index + 2, "beta2"),
          call.number(index + 3, "eps"),
          call.number(index + 4, "weightDecay"),
          call.flag(index + 5, "decoupled")};
}

Export exports[] = {
    {"sgd",
     [](Call& call) {
       sgd(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
           call.tensors(2, "velocities"), steps(call, 3),
           {call.number(4, "lr"), call.number(5, "momentum"), call.number(6, "dampening"),
            call.number(7, "weightDecay"), call.flag(8, "nesterov")},
           clipping(call, 9));
       return call.nothing();
     }},
    {"adam",
     [](Call& call) {
       adam(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
            call.tensors(2, "means"), call.tensors(3, "variances"), call.tensors(4, "highest"),
            steps(call, 5), adamOptions(call, 6), call.flag(12, "biasCorrection"), clipping(call, 13));
       return call.nothing();
     }},
    {"nadam",
     [](Call& call) {
       nadam(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
             call.tensors(2, "means"), call.tensors(3, "variances"), steps(call, 4), adamOptions(call, 5),
             call.number(11, "momentumDecay"), clipping(call, 12));
       return call.nothing();
     }},
    {"adagrad",
     [](Call& call) {
       adagrad(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
               call.tensors(2, "sums"), steps(call, 3),
               {call.number(4, "lr"), call.number(5, "lrDecay"), call.number(6, "eps"),
                call.number(7, "weightDecay")},
               clipping(call, 8));
       return call.nothing();
     }},
    {"adadelta",
     [](Call& call) {
       adadelta(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
                call.tensors(2, "squares"), call.tensors(3, "changes"),
                {call.number(4, "lr"), call.number(5, "rho"), call.number(6, "eps"),
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
    {"lion",
     [](Call& call) {
       lion(call.stream(), call.tensors(0, "parameters"), call.tensors(1, "gradients"),
            call.tensors(2, "means"),
            {call.number(3, "lr"), call.number(4, "beta1"), call.number(5, "beta2"),
             call.number(6, "weightDecay")},
            clipping(call, 7));
       return call.nothing();
     }},
    {"gradientNorm",
     [](Call& call) {
       return call.give(
           gradientNorm(call.stream(), call.tensors(0, "gradients"), call.number(1, "clipValue")));
     }},
    {"clipGradNorm",
     [](Call& call) {
       return call.give(clipGradNorm(call.stream(), call.tensors(0, "gradients"), call.number(1, "maxNorm")));
     }},
};

}  // namespace
}  // namespace striate
