#include "ops/movement.h"

#include "binding/call.h"

namespace striate {
namespace {

constexpr int64_t maxSafeInteger = (int64_t{1} << 53) - 1;

Export exports[] = {
    {"transpose",
     [](Call& call) {
       return call.give(transpose(call.stream(), call.tensor(0, "input"), call.integers(1, "axes")));
     }},
    {"slice",
     [](Call& call) {
       return call.give(slice(call.stream(), call.tensor(0, "input"), call.integers(1, "begin"),
                              call.integers(2, "end"), call.integers(3, "step")));
     }},
    {"sliceBackward",
     [](Call& call) {
       return call.give(sliceBackward(call.stream(), call.tensor(0, "gradient"), call.shape(1, "inputShape"),
                                      call.integers(2, "begin"), call.integers(3, "step")));
     }},
    {"pad",
     [](Call& call) {
       const Napi::Value given = call.value(3);
       // NaN is a value like any other here.
       const double value =
           given.IsNumber() ? given.As<Napi::Number>().DoubleValue() : call.number(3, "value");
       return call.give(pad(call.stream(), call.tensor(0, "input"), call.integers(1, "before"),
                            call.integers(2, "after"), value));
     }},
    {"concat",
     [](Call& call) {
       return call.give(concat(call.stream(), call.tensors(0, "inputs"),
                               call.integer(1, "axis", -Shape::maxRank, Shape::maxRank - 1)));
     }},
    {"split",
     [](Call& call) {
       return call.give(split(call.stream(), call.tensor(0, "input"), call.integers(1, "sizes"),
                              call.integer(2, "axis", -Shape::maxRank, Shape::maxRank - 1)));
     }},
    {"broadcastTo",
     [](Call& call) {
       return call.give(broadcastTo(call.stream(), call.tensor(0, "input"), call.shape(1, "shape")));
     }},
    {"gather",
     [](Call& call) {
       return call.give(gather(call.stream(), call.tensor(0, "input"), call.tensor(1, "indices"),
                               call.integer(2, "axis", -Shape::maxRank, Shape::maxRank - 1)));
     }},
    {"gatherBackward",
     [](Call& call) {
       return call.give(gatherBackward(call.stream(), call.tensor(0, "gradient"), call.tensor(1, "indices"),
                                       call.integer(2, "rows", 0, maxSafeInteger),
                                       static_cast<int>(call.integer(3, "axis", 0, Shape::maxRank - 1))));
     }},
};

}  // namespace
}  // namespace striate
