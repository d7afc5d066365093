// Convolution and its two gradients.
#pragma once

#include <cstring>

#include "ops/conv_depthwise.h"
#include "ops/conv_direct.h"
#include "ops/operation.h"

namespace striate {

/// y [N, OH, OW, K] = x [N, H, W, C] ⋆ weight [KH, KW, C/groups, K] + bias [K], then ReLU where asked.
inline Tensor conv2d(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const WindowMoves& moves, int64_t groups, bool relu) {
  requireType("conv2d", "input", x, DType::f32);
  requireType("conv2d", "weight", weight, DType::f32);
  const ConvShape s("conv2d", x.shape, weight.shape, moves, groups);
  if (bias) {
    requireType("conv2d", "bias", bias, DType::f32);
    requireShape("conv2d", "bias", bias, {s.outputs});
  }
  Tensor y("conv2d", s.out(), DType::f32);
  submit(stream, "conv2d", {x, weight, bias}, {y}, [=] {
    (depthwiseSuits(s) ? depthwiseForward : directForward)(s, x.f32(), weight.f32(),
                                                           bias ? bias.f32() : nullptr, relu, y.f32());
  });
  return y;
}

/// dL/dx from dL/dy.
inline Tensor conv2dByInput(Stream& stream, const Tensor& gradient, const Tensor& weight,
                            const Shape& inputShape, const WindowMoves& moves, int64_t groups) {
  requireType("conv2dByInput", "gradient", gradient, DType::f32);
  requireType("conv2dByInput", "weight", weight, DType::f32);
  const ConvShape s("conv2dByInput", inputShape, weight.shape, moves, groups);
  requireShape("conv2dByInput", "gradient", gradient, s.out());
  Tensor dx("conv2dByInput", inputShape, DType::f32);
  submit(stream, "conv2dByInput", {gradient, weight}, {dx}, [=] {
    if (depthwiseSuits(s)) return depthwiseByInput(s, gradient.f32(), weight.f32(), dx.f32());
    directByInput(s, gradient.f32(), weight.f32(), dx.f32());
  });
  return dx;
}

/// dL/dweight from dL/dy.
inline Tensor conv2dByWeight(Stream& stream, const Tensor& gradient, const Tensor& x,
                             const Shape& weightShape, const WindowMoves& moves, int64_t groups) {
  requireType("conv2dByWeight", "gradient", gradient, DType::f32);
  requireType("conv2dByWeight", "input", x, DType::f32);
  const ConvShape s("conv2dByWeight", x.shape, weightShape, moves, groups);
  requireShape("conv2dByWeight", "gradient", gradient, s.out());
  Tensor dw("conv2dByWeight", weightShape, DType::f32);
  submit(stream, "conv2dByWeight", {gradient, x}, {dw}, [=] {
    if (dw.elements() == 0 || s.images == 0) {
      std::memset(dw.raw(), 0, static_cast<size_t>(dw.bytes()));
      return;
    }
    (depthwiseSuits(s) ? depthwiseByWeight : directByWeight)(s, gradient.f32(), x.f32(), dw.f32());
  });
  return dw;
}

}  // namespace striate
