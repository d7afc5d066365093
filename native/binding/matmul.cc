#include "ops/matmul.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"matmul",
     [](Call& call) {
       return call.give(matmul(call.stream(), call.tensor(0, "a"), call.tensor(1, "b"),
                               call.flag(2, "transposeA"), call.flag(3, "transposeB")));
     }},
    {"linear",
     [](Call& call) {
       return call.give(linear(call.stream(), call.tensor(0, "input"), call.tensor(1, "weight"),
                               call.tensorOrNull(2, "bias"), call.flag(3, "relu")));
     }},
};

}  // namespace
}  // namespace striate
