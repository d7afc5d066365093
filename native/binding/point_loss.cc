#include "ops/point_loss.h"

#include "binding/call.h"

namespace striate {
namespace {

/// The arguments from `first` on that all of these losses have.
PointLossCall described(Call& call, size_t first, PointLossFunction function, bool batchMean = false) {
  PointLossCall loss{};
  loss.operation = call.operation();
  loss.function = function;
  loss.parameter = 1;
  loss.input = call.tensor(first, "input");
  loss.target = call.tensor(first + 1, "target");
  loss.sampleWeight = call.tensorOrNull(first + 2, "sampleWeight");
  loss.reduction = requireReduction(call.operation(), call.text(first + 3, "reduction"), batchMean);
  return loss;
}

template <PointLossFunction function>
PointLossCall plain(Call& call, size_t first) {
  return described(call, first, function);
}

PointLossCall huber(Call& call, size_t first) {
  PointLossCall loss = described(call, first, PointLossFunction::huber);
  loss.parameter = call.number(first + 4, "delta");
  requirePositiveParameter(call.operation(), "delta", loss.parameter);
  return loss;
}

PointLossCall smoothL1(Call& call, size_t first) {
  const double beta = call.number(first + 4, "beta");
  if (beta == 0) return described(call, first, PointLossFunction::magnitude);
  PointLossCall loss = described(call, first, PointLossFunction::smoothMagnitude);
  loss.parameter = beta;
  requirePositiveParameter(call.operation(), "beta", beta);
  return loss;
}

PointLossCall logistic(Call& call, size_t first) {
  PointLossCall loss = described(call, first, PointLossFunction::logistic);
  loss.columnParameters = call.tensorOrNull(first + 4, "posWeight");
  return loss;
}

PointLossCall divergence(Call& call, size_t first) {
  const bool logTarget = call.flag(first + 4, "logTarget");
  return described(call, first,
                   logTarget ? PointLossFunction::divergenceOfLogs : PointLossFunction::divergence, true);
}

PointLossCall hinge(Call& call, size_t first) {
  const bool squared = call.flag(first + 4, "squared");
  return described(call, first, squared ? PointLossFunction::squaredHinge : PointLossFunction::hinge);
}

template <PointLossCall (*describe)(Call&, size_t)>
Napi::Value forward(Call& call) {
  return call.give(pointLoss(call.stream(), describe(call, 0)));
}

template <PointLossCall (*describe)(Call&, size_t)>
Napi::Value backward(Call& call) {
  return call.give(pointLossBackward(call.stream(), describe(call, 1), call.tensor(0, "gradient")));
}

Export exports[] = {
    {"mse", forward<plain<PointLossFunction::square>>},
    {"mseBackward", backward<plain<PointLossFunction::square>>},
    {"l1", forward<plain<PointLossFunction::magnitude>>},
    {"l1Backward", backward<plain<PointLossFunction::magnitude>>},
    {"huber", forward<huber>},
    {"huberBackward", backward<huber>},
    {"smoothL1", forward<smoothL1>},
    {"smoothL1Backward", backward<smoothL1>},
    {"binaryCrossEntropy", forward<plain<PointLossFunction::bernoulli>>},
    {"binaryCrossEntropyBackward", backward<plain<PointLossFunction::bernoulli>>},
    {"binaryCrossEntropyWithLogits", forward<logistic>},
    {"binaryCrossEntropyWithLogitsBackward", backward<logistic>},
    {"klDiv", forward<divergence>},
    {"klDivBackward", backward<divergence>},
    {"hinge", forward<hinge>},
    {"hingeBackward", backward<hinge>},
};

}  // namespace
}  // namespace striate
