// Convolution and its two gradients.
#pragma once

#include <cstring>

#include "ops/conv_by_weight.h"
#include "ops/conv_choice.h"
#include "ops/conv_depthwise.h"
#include "ops/conv_direct.h"
#include "ops/conv_narrow.h"
#include "ops/conv_phases.h"
#include "ops/conv_polyphase.h"
#include "ops/conv_polyphase_by_input.h"
#include "ops/conv_polyphase_by_weight.h"
#include "ops/conv_scatter.h"
#include "ops/conv_winograd.h"
#include "ops/conv_winograd_by_weight.h"
#include "ops/operation.h"

namespace striate {

/// y [N, OH, OW, K] = x [N, H, W, C] ⋆ weight [KH, KW, C/groups, K] + bias [K] + residual, a tensor like y,
/// then ReLU where asked. With `moments` notes beside y, where the algorithm can, what a batch norm begins
/// with.
inline Tensor conv2d(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Tensor& residual, const WindowMoves& moves, int64_t groups, bool relu,
                     bool moments, const std::string& algorithm) {
  requireType("conv2d", "input", x, DType::f32);
  requireType("conv2d", "weight", weight, DType::f32);
  const ConvShape s("conv2d", x.shape, weight.shape, moves, groups);
  if (bias) {
    requireType("conv2d", "bias", bias, DType::f32);
    requireShape("conv2d", "bias", bias, {s.outputs});
  }
  if (residual) {
    requireType("conv2d", "residual", residual, DType::f32);
    requireShape("conv2d", "residual", residual, s.out());
  }
  const ConvAlgorithm chosen = chooseAlgorithm("conv2d", ConvPass::forward, s, algorithm);
  Tensor y("conv2d", s.out(), DType::f32);
  submit(stream, "conv2d", {x, weight, bias, residual}, {y}, [=] {
    const ConvEnd end{bias ? bias.f32() : nullptr, residual ? residual.f32() : nullptr, relu};
    const auto run = [&](auto pass) {
      pass(s, x.f32(), weight.f32(), weight.storage->preparations(), end,
           moments ? &y.storage->moments() : nullptr, y.f32());
    };
    switch (chosen) {
      case ConvAlgorithm::depthwise:
        return depthwiseForward(s, x.f32(), weight.f32(), end, y.f32());
      case ConvAlgorithm::narrow:
        return narrowForward(s, x.f32(), weight.f32(), end, y.f32());
      case ConvAlgorithm::phases:
        return run(phasesForward);
      case ConvAlgorithm::polyphase:
        return run(polyphaseForward);
      case ConvAlgorithm::winograd2:
        return s.kernelHeight == 5 ? run(winogradForward<2, 5>) : run(winogradForward<2, 3>);
      case ConvAlgorithm::winograd4:
        return run(winogradForward<4, 3>);
      default:
        return run(directForward);
    }
  });
  return y;
}

/// Runs on the compute thread: dx [N, H, W, C] from dL/dy, ended by `end` where dx is the result of a
/// transposed convolution.
inline void convByInput(ConvAlgorithm algorithm, const ConvShape& s, const float* gradient,
                        const float* weight, const ConvEnd& end, float* dx) {
  switch (algorithm) {
    case ConvAlgorithm::depthwise:
      return depthwiseByInput(s, gradient, weight, end, dx);
    case ConvAlgorithm::polyphase:
      return polyphaseByInput(s, gradient, weight, end, dx);
    case ConvAlgorithm::scatter:
      return scatterByInput(s, gradient, weight, end, dx);
    case ConvAlgorithm::winograd2:
      return (s.kernelHeight == 5 ? winogradByInput<2, 5> : winogradByInput<2, 3>)(s, gradient, weight, end,
                                                                                   dx);
    case ConvAlgorithm::winograd4:
      return winogradByInput<4, 3>(s, gradient, weight, end, dx);
    default:
      return directByInput(s, gradient, weight, end, dx);
  }
}

/// dL/dx from dL/dy.
inline Tensor conv2dByInput(Stream& stream, const Tensor& gradient, const Tensor& weight,
                            const Shape& inputShape, const WindowMoves& moves, int64_t groups,
                            const std::string& algorithm) {
  requireType("conv2dByInput", "gradient", gradient, DType::f32);
  requireType("conv2dByInput", "weight", weight, DType::f32);
  const ConvShape s("conv2dByInput", inputShape, weight.shape, moves, groups);
  requireShape("conv2dByInput", "gradient", gradient, s.out());
  const ConvAlgorithm chosen = chooseAlgorithm("conv2dByInput", ConvPass::byInput, s, algorithm);
  Tensor dx("conv2dByInput", inputShape, DType::f32);
  submit(stream, "conv2dByInput", {gradient, weight}, {dx},
         [=] { convByInput(chosen, s, gradient.f32(), weight.f32(), ConvEnd{}, dx.f32()); });
  return dx;
}

/// dL/dweight from dL/dy.
inline Tensor conv2dByWeight(Stream& stream, const Tensor& gradient, const Tensor& x,
                             const Shape& weightShape, const WindowMoves& moves, int64_t groups,
                             const std::string& algorithm) {
  requireType("conv2dByWeight", "gradient", gradient, DType::f32);
  requireType("conv2dByWeight", "input", x, DType::f32);
  const ConvShape s("conv2dByWeight", x.shape, weightShape, moves, groups);
  requireShape("conv2dByWeight", "gradient", gradient, s.out());
  const ConvAlgorithm chosen = chooseAlgorithm("conv2dByWeight", ConvPass::byWeight, s, algorithm);
  Tensor dw("conv2dByWeight", weightShape, DType::f32);
  submit(stream, "conv2dByWeight", {gradient, x}, {dw}, [=] {
    if (dw.elements() == 0 || s.images == 0) {
      std::memset(dw.raw(), 0, static_cast<size_t>(dw.bytes()));
      return;
    }
    const auto run = [&](auto pass) { pass(s, gradient.f32(), x.f32(), dw.f32()); };
    switch (chosen) {
      case ConvAlgorithm::depthwise:
        return run(depthwiseByWeight);
      case ConvAlgorithm::narrow:
        return run(narrowByWeight);
      case ConvAlgorithm::phases:
        return run(phasesByWeight);
      case ConvAlgorithm::polyphase:
        return run(polyphaseByWeight);
      case ConvAlgorithm::winograd2:
        return s.kernelHeight == 5 ? run(winogradByWeight<2, 5>) : run(winogradByWeight<2, 3>);
      case ConvAlgorithm::winograd4:
        return run(winogradByWeight<4, 3>);
      default:
        return run(directByWeight);
    }
  });
  return dw;
}

}  // namespace striate
