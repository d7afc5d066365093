// Transposed convolution: the gradient by data of a convolution as an operation of its own, with bias and
// ReLU.
#pragma once

#include "ops/conv.h"
#include "ops/operation.h"

namespace striate {

/// The extent of the image that a convolution takes to `extent` points, `more` beyond the least.
inline int64_t transposedExtent(const char* side, int64_t extent, int64_t kernel, int64_t dilation,
                                int64_t stride, int64_t padding, int64_t more) {
  if (more >= stride)
    throw RangeError("convTranspose2d: outputPadding is " + std::to_string(more) + " along the " + side +
                     ", wants less than the stride of " + std::to_string(stride));
  const int64_t reached = (extent - 1) * stride + dilation * (kernel - 1) + 1 + more - padding;
  if (extent < 1 || reached < 1)
    throw RangeError(std::string("convTranspose2d: the ") + side + " of the output would be " +
                     std::to_string(extent < 1 ? 0 : reached) + ", wants at least 1");
  return reached;
}

/// y [N, OH, OW, out] from x [N, H, W, in] and weight [KH, KW, out/groups, in]: what the convolution of y
/// with the same weight would give back as the gradient of its input, for x as that of its result.
inline Tensor convTranspose2d(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const WindowMoves& moves, int64_t moreHeight, int64_t moreWidth, int64_t groups,
                              bool relu) {
  const char* name = "convTranspose2d";
  requireType(name, "input", x, DType::f32);
  requireType(name, "weight", weight, DType::f32);
  if (x.shape.rank() != 4)
    throw RangeError("convTranspose2d: input " + x.shape.text() + " wants 4 axes, [N, H, W, C]");
  if (weight.shape.rank() != 4)
    throw RangeError("convTranspose2d: weight " + weight.shape.text() +
                     " wants 4 axes, [KH, KW, K/groups, C]");
  if (x.shape[3] != weight.shape[3])
    throw RangeError("convTranspose2d: input has " + std::to_string(x.shape[3]) + " channels, weight " +
                     weight.shape.text() + " wants " + std::to_string(weight.shape[3]));
  for (const Shape& shape : {x.shape, weight.shape})
    for (int axis = 0; axis < 4; ++axis)
      if (shape[axis] > INT32_MAX)
        throw RangeError("convTranspose2d: shape " + shape.text() + " is too large");
  const int64_t outputs = weight.shape[2] * groups;
  const int64_t height = transposedExtent("height", x.shape[1], weight.shape[0], moves.dilationHeight,
                                          moves.strideHeight, moves.top + moves.bottom, moreHeight);
  const int64_t width = transposedExtent("width", x.shape[2], weight.shape[1], moves.dilationWidth,
                                         moves.strideWidth, moves.left + moves.right, moreWidth);
  const ConvShape s(name, {x.shape[0], height, width, outputs}, weight.shape, moves, groups);
  requireShape(name, "input", x, s.out());
  if (bias) {
    requireType(name, "bias", bias, DType::f32);
    requireShape(name, "bias", bias, {outputs});
  }
  const ConvAlgorithm chosen = chooseAlgorithm(name, ConvPass::byInput, s, "auto");
  Tensor y(name, {s.images, height, width, outputs}, DType::f32);
  submit(stream, name, {x, weight, bias}, {y}, [=] {
    const ConvEnd end{bias ? bias.f32() : nullptr, nullptr, relu};
    convByInput(chosen, s, x.f32(), weight.f32(), end, y.f32());
  });
  return y;
}

}  // namespace striate
