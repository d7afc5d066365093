#include "ops/class_loss.h"

#include <utility>

#include "binding/call.h"

namespace striate {
namespace {

/// The arguments from `first` on that all of these losses have: target, classWeights, sampleWeight,
/// reduction.
ClassLossCall described(Call& call, size_t first) {
  ClassLossCall loss{};
  loss.operation = call.operation();
  loss.target = call.tensor(first, "target");
  loss.classWeights = call.tensorOrNull(first + 1, "classWeights");
  loss.sampleWeight = call.tensorOrNull(first + 2, "sampleWeight");
  loss.reduction = requireReduction(call.operation(), call.text(first + 3, "reduction"));
  loss.ignored = ClassLossCall::nothing;
  return loss;
}

/// The same, and ignoreIndex.
ClassLossCall ignoring(Call& call, size_t first) {
  ClassLossCall loss = described(call, first);
  loss.ignored = call.integer(first + 4, "ignoreIndex", INT32_MIN, INT32_MAX);
  return loss;
}

/// Whether the cross-entropy is the one that has kernels of its own: the mean over labels that all count the
/// same.
bool isPlain(const ClassLossCall& loss, double labelSmoothing) {
  return loss.target.dtype != DType::f32 && !loss.classWeights && !loss.sampleWeight &&
         loss.reduction == LossReduction::mean && loss.ignored == ignoredLabel && labelSmoothing == 0;
}

MarginOptions margin(Call& call, size_t first, const ClassLossCall& loss) {
  return {loss, call.integer(first + 4, "p", -INT32_MAX, INT32_MAX), call.number(first + 5, "margin")};
}

Export exports[] = {
    {"crossEntropy",
     [](Call& call) {
       const Tensor logits = call.tensor(0, "logits");
       const ClassLossCall loss = ignoring(call, 1);
       const double smoothing = call.number(6, "labelSmoothing");
       auto [value, p] = isPlain(loss, smoothing) ? crossEntropy(call.stream(), logits, loss.target)
                                                  : mixedCrossEntropy(call.stream(), loss, logits, smoothing);
       return call.give({std::move(value), std::move(p)});
     }},
    {"crossEntropyBackward",
     [](Call& call) {
       const Tensor gradient = call.tensor(0, "gradient"), p = call.tensor(1, "probabilities");
       const ClassLossCall loss = ignoring(call, 2);
       const double smoothing = call.number(7, "labelSmoothing");
       return call.give(isPlain(loss, smoothing)
                            ? crossEntropyBackward(call.stream(), gradient, p, loss.target)
                            : mixedCrossEntropyBackward(call.stream(), loss, gradient, p, smoothing));
     }},
    {"nll",
     [](Call& call) {
       return call.give(likelihoodLoss(call.stream(), ignoring(call, 1), call.tensor(0, "input")));
     }},
    {"nllBackward",
     [](Call& call) {
       return call.give(likelihoodLossBackward(call.stream(), ignoring(call, 2), call.tensor(0, "gradient"),
                                               call.shape(1, "inputShape")));
     }},
    {"multiMargin",
     [](Call& call) {
       const ClassLossCall loss = described(call, 1);
       return call.give(marginLoss(call.stream(), loss, call.tensor(0, "input"), margin(call, 1, loss)));
     }},
    {"multiMarginBackward",
     [](Call& call) {
       const ClassLossCall loss = described(call, 2);
       return call.give(marginLossBackward(call.stream(), loss, call.tensor(0, "gradient"),
                                           call.tensor(1, "input"), margin(call, 2, loss)));
     }},
};

}  // namespace
}  // namespace striate
