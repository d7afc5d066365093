#include "binding/call.h"
#include "ops/average.h"
#include "ops/finite.h"

namespace striate {
namespace {

Export exports[] = {
    {"movingAverage",
     [](Call& call) {
       movingAverage(call.stream(), call.tensors(0, "averages"), call.tensors(1, "values"),
                     call.number(2, "decay"));
       return call.nothing();
     }},
    {"whenFinite",
     [](Call& call) {
       return call.give(whenFinite(call.stream(), call.tensor(0, "input"), call.number(1, "value"),
                                   call.tensorOrNull(2, "previous")));
     }},
};

}  // namespace
}  // namespace striate
