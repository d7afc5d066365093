#include "ops/upsample.h"

#include "binding/call.h"

namespace striate {
namespace {

Interpolation interpolation(const Call& call, size_t index) {
  const std::string name = call.text(index, "mode");
  if (name == "nearest") return Interpolation::nearest;
  if (name == "bilinear") return Interpolation::linear;
  if (name == "bilinear, corners aligned") return Interpolation::linearCorners;
  throw RangeError(std::string(call.operation()) + ": mode is '" + name +
                   "', wants 'nearest', 'bilinear' or 'bilinear, corners aligned'");
}

Export exports[] = {
    {"upsample2d",
     [](Call& call) {
       const Interpolation how = interpolation(call, 2);
       return call.give(upsample2d(call.stream(), call.tensor(0, "input"), call.integers(1, "size"), how));
     }},
    {"upsample2dBackward",
     [](Call& call) {
       const Interpolation how = interpolation(call, 2);
       return call.give(
           upsample2dBackward(call.stream(), call.tensor(0, "gradient"), call.shape(1, "inputShape"), how));
     }},
};

}  // namespace
}  // namespace striate
