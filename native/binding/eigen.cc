#include "ops/eigen.h"

#include "binding/call.h"

namespace striate {
namespace {

Export exports[] = {
    {"eigh",
     [](Call& call) {
       auto [values, vectors] = eigh(call.stream(), call.tensor(0, "input"));
       return call.give(std::vector<Tensor>{std::move(values), std::move(vectors)});
     }},
};

}  // namespace
}  // namespace striate
