#include "binding/call.h"
#include "ops/mix.h"
#include "ops/sample_noise.h"

namespace striate {
namespace {

constexpr int64_t maxSafeInteger = (int64_t{1} << 53) - 1;

Export exports[] = {
    {"mix",
     [](Call& call) {
       return call.give(
           mix(call.stream(), call.tensor(0, "input"), call.tensor(1, "partners"), call.tensor(2, "share")));
     }},
    {"sameClassPartners",
     [](Call& call) {
       return call.give(
           sameClassPartners(call.stream(), call.tensor(0, "labels"), call.tensor(1, "uniform")));
     }},
    {"sampleNoise",
     [](Call& call) {
       const auto seed = static_cast<uint64_t>(call.integer(5, "seed", 0, maxSafeInteger)),
                  epoch = static_cast<uint64_t>(call.integer(6, "epoch", 0, UINT32_MAX)),
                  place = static_cast<uint64_t>(call.integer(7, "place", 0, INT32_MAX));
       return call.give(sampleNoise(call.stream(), call.tensor(0, "input"), call.tensor(1, "indices"),
                                    call.number(2, "mean"), call.number(3, "std"), call.flag(4, "clip"), seed,
                                    epoch, place));
     }},
    {"checkFinite",
     [](Call& call) {
       return call.give(checkFinite(call.stream(), call.tensor(0, "input"), call.tensor(1, "indices")));
     }},
};

}  // namespace
}  // namespace striate
