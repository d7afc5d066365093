#include "ops/local_response.h"

#include "binding/call.h"

namespace striate {
namespace {

LocalResponseOptions options(const Call& call, size_t index) {
  return {call.size(index, "size"), call.number(index + 1, "alpha"), call.number(index + 2, "beta"),
          call.number(index + 3, "k")};
}

Export exports[] = {
    {"localResponseNorm",
     [](Call& call) {
       return call.give(localResponseNorm(call.stream(), call.tensor(0, "input"), options(call, 1)));
     }},
    {"localResponseNormBackward",
     [](Call& call) {
       return call.give(localResponseNormBackward(call.stream(), call.tensor(0, "gradient"),
                                                  call.tensor(1, "input"), options(call, 2)));
     }},
};

}  // namespace
}  // namespace striate
