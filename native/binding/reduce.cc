#include "ops/reduce.h"

#include <optional>
#include <vector>

#include "binding/call.h"

namespace striate {
namespace {

/// No value where JavaScript gives null, for all axes.
std::optional<std::vector<int64_t>> axes(const Call& call) {
  if (call.value(1).IsNull()) return std::nullopt;
  return call.integers(1, "axes");
}

template <Reduction reduction>
Napi::Value extremumOf(Call& call) {
  return call.give(extremum(call.stream(), call.operation(), reduction, call.tensor(0, "input"), axes(call),
                            call.flag(2, "keepDims")));
}

Export exports[] = {
    {"sum",
     [](Call& call) {
       return call.give(sum(call.stream(), call.tensor(0, "input"), axes(call), call.flag(2, "keepDims")));
     }},
    {"mean",
     [](Call& call) {
       return call.give(mean(call.stream(), call.tensor(0, "input"), axes(call), call.flag(2, "keepDims")));
     }},
    {"max", extremumOf<Reduction::maximum>},
    {"min", extremumOf<Reduction::minimum>},
    {"argMax",
     [](Call& call) {
       return call.give(argMax(call.stream(), call.tensor(0, "input"),
                               call.integer(1, "axis", -INT32_MAX, INT32_MAX), call.flag(2, "keepDims")));
     }},
};

}  // namespace
}  // namespace striate
