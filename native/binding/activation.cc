#include "ops/activation.h"

#include "binding/call.h"

namespace striate {
namespace {

// Klambauer et al., 2017, section 2: α·λ and λ.
constexpr float seluBelow = 1.75809934f, seluAbove = 1.05070099f;

/// What a function is given at `index` and behind.
using Choose = ActivationChoice (*)(const Call& call, size_t index);

template <Choose choose>
Napi::Value forward(Call& call) {
  const Tensor x = call.tensor(0, "input");
  return call.give(activation(call.stream(), call.operation(), choose(call, 1), x));
}

template <Choose choose>
Napi::Value backward(Call& call) {
  const ActivationChoice of = choose(call, 2);
  Tensor saved = call.tensor(1, derivativeOfOutput(of.function) ? "output" : "input");
  return call.give(
      activationBackward(call.stream(), call.operation(), of, call.taken(0, "gradient"), std::move(saved)));
}

template <ActivationFunction function>
ActivationChoice plain(const Call&, size_t) {
  return {function};
}

ActivationChoice leakyRelu(const Call& call, size_t index) {
  const char* name = "negativeSlope";
  return {ActivationFunction::leakyRelu, requireParameter(call.operation(), name, call.number(index, name))};
}

ActivationChoice elu(const Call& call, size_t index) {
  return {ActivationFunction::elu,
          requireParameter(call.operation(), "alpha", call.number(index, "alpha"), 0), 1};
}

ActivationChoice selu(const Call&, size_t) { return {ActivationFunction::elu, seluBelow, seluAbove}; }

/// The slope and, in units of x, how far the middle is from where the function begins.
ActivationChoice hardsigmoid(const Call& call, size_t index) {
  const double alpha = call.number(index, "alpha"), beta = call.number(index + 1, "beta");
  const float slope = requireParameter(call.operation(), "alpha", alpha);
  if (slope == 0) throw RangeError(std::string(call.operation()) + ": alpha is 0, wants another number");
  return {ActivationFunction::hardsigmoid, slope,
          requireParameter(call.operation(), "beta / alpha", beta / alpha)};
}

/// A double as an f32, which has no greatest number but infinity.
float bound(double value) {
  return std::abs(value) <= FLT_MAX ? static_cast<float>(value) : std::copysign(INFINITY, value);
}

ActivationChoice clamp(const Call& call, size_t index) {
  const double min = call.number(index, "min"), max = call.number(index + 1, "max");
  return {ActivationFunction::clamp, bound(min), bound(max)};
}

ActivationChoice softplus(const Call& call, size_t index) {
  const double beta = call.number(index, "beta"), threshold = call.number(index + 1, "threshold");
  return {ActivationFunction::softplus, requireParameter(call.operation(), "beta", beta, 0, true),
          requireParameter(call.operation(), "threshold", threshold)};
}

constexpr Choose sigmoid = plain<ActivationFunction::sigmoid>, tanhFunction = plain<ActivationFunction::tanh>,
                 erfFunction = plain<ActivationFunction::erf>, relu6 = plain<ActivationFunction::relu6>,
                 gelu = plain<ActivationFunction::gelu>, geluTanh = plain<ActivationFunction::geluTanh>,
                 silu = plain<ActivationFunction::silu>, hardswish = plain<ActivationFunction::hardswish>,
                 mish = plain<ActivationFunction::mish>, logSigmoid = plain<ActivationFunction::logSigmoid>,
                 softsign = plain<ActivationFunction::softsign>;

/// The places of a maxout are bytes.
int64_t pieces(const Call& call, size_t index) { return call.integer(index, "pieces", 1, 256); }

Export exports[] = {
    {"sigmoid", forward<sigmoid>},
    {"sigmoidBackward", backward<sigmoid>},
    {"tanh", forward<tanhFunction>},
    {"tanhBackward", backward<tanhFunction>},
    {"erf", forward<erfFunction>},
    {"erfBackward", backward<erfFunction>},
    {"leakyRelu", forward<leakyRelu>},
    {"leakyReluBackward", backward<leakyRelu>},
    {"relu6", forward<relu6>},
    {"relu6Backward", backward<relu6>},
    {"elu", forward<elu>},
    {"eluBackward", backward<elu>},
    {"selu", forward<selu>},
    {"seluBackward", backward<selu>},
    {"gelu", forward<gelu>},
    {"geluBackward", backward<gelu>},
    {"geluTanh", forward<geluTanh>},
    {"geluTanhBackward", backward<geluTanh>},
    {"silu", forward<silu>},
    {"siluBackward", backward<silu>},
    {"hardswish", forward<hardswish>},
    {"hardswishBackward", backward<hardswish>},
    {"hardsigmoid", forward<hardsigmoid>},
    {"hardsigmoidBackward", backward<hardsigmoid>},
    {"clamp", forward<clamp>},
    {"clampBackward", backward<clamp>},
    {"mish", forward<mish>},
    {"mishBackward", backward<mish>},
    {"softplus", forward<softplus>},
    {"softplusBackward", backward<softplus>},
    {"logSigmoid", forward<logSigmoid>},
    {"logSigmoidBackward", backward<logSigmoid>},
    {"softsign", forward<softsign>},
    {"softsignBackward", backward<softsign>},
    {"prelu",
     [](Call& call) {
       return call.give(prelu(call.stream(), call.tensor(0, "input"), call.tensor(1, "weight")));
     }},
    {"preluBackward",
     [](Call& call) {
       Tensor input = call.tensor(1, "input"), weight = call.tensor(2, "weight");
       const PreluGradients by =
           preluBackward(call.stream(), call.taken(0, "gradient"), std::move(input), std::move(weight));
       return call.give({by.byInput, by.byWeight});
     }},
    {"maxout",
     [](Call& call) {
       const MaxoutResult result =
           maxout(call.stream(), call.tensor(0, "input"), pieces(call, 1), call.flag(2, "places"));
       return call.give({result.output, result.places});
     }},
    {"maxoutBackward",
     [](Call& call) {
       return call.give(maxoutBackward(call.stream(), call.tensor(0, "gradient"), call.tensor(1, "places"),
                                       pieces(call, 2)));
     }},
};

}  // namespace
}  // namespace striate
