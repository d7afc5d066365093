#include "ops/elementwise.h"

#include "binding/call.h"

namespace striate {
namespace {

template <UnaryFunction function>
Napi::Value one(Call& call) {
  return call.give(unary(call.stream(), call.operation(), function, call.tensor(0, "input")));
}

template <BinaryFunction function>
Napi::Value two(Call& call) {
  return call.give(
      binary(call.stream(), call.operation(), function, call.tensor(0, "a"), call.tensor(1, "b")));
}

template <Comparison comparison>
Napi::Value comparing(Call& call) {
  return call.give(
      compare(call.stream(), call.operation(), comparison, call.tensor(0, "a"), call.tensor(1, "b")));
}

Export exports[] = {
    {"neg", one<UnaryFunction::negative>},
    {"exp", one<UnaryFunction::exp>},
    {"log", one<UnaryFunction::log>},
    {"sqrt", one<UnaryFunction::sqrt>},
    {"abs", one<UnaryFunction::abs>},
    {"sign", one<UnaryFunction::sign>},
    {"square", one<UnaryFunction::square>},
    {"reciprocal", one<UnaryFunction::reciprocal>},
    {"floor", one<UnaryFunction::floor>},
    {"ceil", one<UnaryFunction::ceil>},
    {"round", one<UnaryFunction::round>},
    {"relu", one<UnaryFunction::relu>},
    {"add", two<BinaryFunction::add>},
    {"sub", two<BinaryFunction::sub>},
    {"mul", two<BinaryFunction::mul>},
    {"div", two<BinaryFunction::div>},
    {"divTruncated", two<BinaryFunction::divTruncated>},
    {"pow", two<BinaryFunction::pow>},
    {"maximum", two<BinaryFunction::maximum>},
    {"minimum", two<BinaryFunction::minimum>},
    {"reluBackward",
     [](Call& call) {
       Tensor output = call.tensor(1, "output");
       return call.give(reluBackward(call.stream(), call.taken(0, "gradient"), std::move(output)));
     }},
    {"reluBiasBackward",
     [](Call& call) {
       Tensor output = call.tensor(1, "output");
       auto [before, byBias] = reluBiasBackward(call.stream(), call.taken(0, "gradient"), std::move(output));
       return call.give({std::move(before), std::move(byBias)});
     }},
    {"addUp", [](Call& call) { return call.give(addUp(call.stream(), call.allTaken(0, "inputs"))); }},
    {"equal", comparing<Comparison::equal>},
    {"notEqual", comparing<Comparison::notEqual>},
    {"less", comparing<Comparison::less>},
    {"lessEqual", comparing<Comparison::lessEqual>},
    {"greater", comparing<Comparison::greater>},
    {"greaterEqual", comparing<Comparison::greaterEqual>},
    {"where",
     [](Call& call) {
       return call.give(
           where(call.stream(), call.tensor(0, "condition"), call.tensor(1, "a"), call.tensor(2, "b")));
     }},
};

}  // namespace
}  // namespace striate
