#include "ops/conv.h"

#include "binding/call.h"
#include "ops/conv_narrow_pool.h"
#include "ops/conv_transpose.h"

namespace striate {
namespace {

/// `count` whole numbers from `least` on, small enough that sums and products of two stay in 64 bits.
std::vector<int64_t> sizes(const Call& call, size_t index, const char* argument, size_t count,
                           int64_t least) {
  const std::vector<int64_t> list = call.integers(index, argument);
  if (list.size() != count)
    throw RangeError(std::string(call.operation()) + ": " + argument + " has " + std::to_string(list.size()) +
                     " elements, wants " + std::to_string(count));
  for (const int64_t size : list)
    if (size < least || size > INT32_MAX)
      throw RangeError(std::string(call.operation()) + ": " + argument + " is " + std::to_string(size) +
                       ", wants a whole number from " + std::to_string(least) + " on, below 2^31");
  return list;
}

/// Stride, padding and dilation in arguments from `first` on.
WindowMoves moves(const Call& call, size_t first) {
  const auto stride = sizes(call, first, "stride", 2, 1);
  const auto padding = sizes(call, first + 1, "padding", 4, 0);
  const auto dilation = sizes(call, first + 2, "dilation", 2, 1);
  return {stride[0], stride[1], padding[0], padding[1], padding[2], padding[3], dilation[0], dilation[1]};
}

constexpr std::pair<const char*, ConvPass> passes[] = {
    {"forward", ConvPass::forward}, {"byInput", ConvPass::byInput}, {"byWeight", ConvPass::byWeight}};

Export exports[] = {
    {"conv2d",
     [](Call& call) {
       return call.give(conv2d(call.stream(), call.tensor(0, "input"), call.tensor(1, "weight"),
                               call.tensorOrNull(2, "bias"), call.tensorOrNull(3, "residual"), moves(call, 4),
                               call.size(7, "groups"), call.flag(8, "relu"), call.flag(9, "moments"),
                               call.text(10, "algorithm")));
     }},
    {"conv2dByInput",
     [](Call& call) {
       return call.give(conv2dByInput(call.stream(), call.tensor(0, "gradient"), call.tensor(1, "weight"),
                                      call.shape(2, "inputShape"), moves(call, 3), call.size(6, "groups"),
                                      call.text(7, "algorithm")));
     }},
    {"conv2dByWeight",
     [](Call& call) {
       return call.give(conv2dByWeight(call.stream(), call.tensor(0, "gradient"), call.tensor(1, "input"),
                                       call.shape(2, "weightShape"), moves(call, 3), call.size(6, "groups"),
                                       call.text(7, "algorithm")));
     }},
    {"conv2dMaxPool2d",
     [](Call& call) -> Napi::Value {
       const MaxPooled pooled = conv2dMaxPool2d(
           call.stream(), call.tensor(0, "input"), call.tensor(1, "weight"), call.tensorOrNull(2, "bias"),
           moves(call, 3), call.size(6, "groups"), call.flag(7, "relu"), call.text(8, "algorithm"),
           call.integers(9, "kernelSize"), call.flag(10, "indices"));
       if (!pooled.output) return call.env().Null();
       return call.give({pooled.output, pooled.indices});
     }},
    {"conv2dMaxPool2dByWeight",
     [](Call& call) {
       return call.give(conv2dMaxPool2dByWeight(call.stream(), call.tensor(0, "gradient"),
                                                call.tensor(1, "indices"), call.tensor(2, "input"),
                                                call.shape(3, "weightShape"), moves(call, 4),
                                                call.size(7, "groups"), call.integers(8, "kernelSize")));
     }},
    {"conv2dPlan",
     [](Call& call) -> Napi::Value {
       const std::string name = call.text(0, "pass");
       const ConvPass* pass = nullptr;
       for (const auto& [known, value] : passes)
         if (name == known) pass = &value;
       if (!pass)
         throw RangeError("conv2dPlan: pass is " + (name.size() > 20 ? "a long string" : "'" + name + "'") +
                          ", wants 'forward', 'byInput' or 'byWeight'");
       const ConvShape shape("conv2dPlan", call.shape(1, "inputShape"), call.shape(2, "weightShape"),
                             moves(call, 3), call.size(6, "groups"));
       const auto plans = convPlans(*pass, shape);
       Napi::Array list = Napi::Array::New(call.env(), plans.size());
       for (uint32_t i = 0; i < plans.size(); ++i) {
         Napi::Object plan = Napi::Object::New(call.env());
         plan.Set("algorithm", algorithmName(plans[i].algorithm));
         plan.Set("milliseconds", plans[i].milliseconds);
         list[i] = plan;
       }
       return list;
     }},
    {"convTranspose2d",
     [](Call& call) {
       const auto more = sizes(call, 6, "outputPadding", 2, 0);
       return call.give(convTranspose2d(call.stream(), call.tensor(0, "input"), call.tensor(1, "weight"),
                                        call.tensorOrNull(2, "bias"), moves(call, 3), more[0], more[1],
                                        call.size(7, "groups"), call.flag(8, "relu")));
     }},
};

}  // namespace
}  // namespace striate
