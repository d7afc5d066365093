#include "binding/call.h"
#include "ops/orthogonal.h"
#include "ops/truncated_normal.h"

namespace striate {
namespace {

constexpr int64_t maxSafeInteger = (int64_t{1} << 53) - 1;

RandomStream source(const Call& call, size_t index) {
  return {static_cast<uint64_t>(call.integer(index, "seed", 0, maxSafeInteger)),
          static_cast<uint64_t>(call.integer(index + 1, "stream", 0, maxSafeInteger))};
}

Export exports[] = {
    {"truncatedNormal",
     [](Call& call) {
       return call.give(truncatedNormal(call.stream(), call.shape(0, "shape"), call.number(1, "mean"),
                                        call.number(2, "std"), call.number(3, "a"), call.number(4, "b"),
                                        source(call, 5)));
     }},
    {"orthogonal",
     [](Call& call) {
       return call.give(orthogonal(call.stream(), call.integer(0, "rows", 0, maxSafeInteger),
                                   call.integer(1, "columns", 0, maxSafeInteger), call.number(2, "gain"),
                                   source(call, 3)));
     }},
};

}  // namespace
}  // namespace striate
