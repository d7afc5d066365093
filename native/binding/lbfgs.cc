#include "ops/lbfgs.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"dot",
     [](Call& call) { return call.give(dot(call.stream(), call.tensor(0, "a"), call.tensor(1, "b"))); }},
    {"lbfgsDirection",
     [](Call& call) {
       return call.give(lbfgsDirection(call.stream(), call.tensor(0, "gradient"),
                                       call.tensors(1, "differences"), call.tensors(2, "moves")));
     }},
};

}  // namespace
}  // namespace striate
