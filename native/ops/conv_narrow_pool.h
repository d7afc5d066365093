// Convolution to few outputs and maximum pooling in one pass: see kernels/conv_narrow_pool.h.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/conv_narrow_pool.h"
#include "ops/conv_choice.h"
#include "ops/conv_narrow.h"
#include "ops/pool.h"

namespace striate {

/// The sizes of a convolution and of the windows over it, checked. Windows lie side by side.
struct ConvPoolShape {
  ConvShape conv;
  int64_t windowRows, windowColumns;
  bool narrow;  ///< whether it is computed in one pass

  ConvPoolShape(const char* operation, const ConvShape& conv, const std::vector<int64_t>& kernel)
      : conv(conv) {
    const PoolWindows w = poolWindows(operation, conv.out(), {kernel, kernel, {0, 0, 0, 0}, {1, 1}, false});
    windowRows = w.vertical.output, windowColumns = w.horizontal.output;
    // A vector holds the pixels, every other one, that it is to repeat.
    const int64_t lanes = vectorLanes(), outputs = std::max<int64_t>(1, conv.outputs);
    narrow = w.vertical.kernel == 2 && w.horizontal.kernel == 2 && narrowSuits(conv) &&
             conv.kernelHeight <= mostNarrowPoolRows && 2 * ((lanes + outputs - 2) / outputs) < lanes &&
             rowsAtOnce(1) == 1;
  }

  Shape out() const { return {conv.images, windowRows, windowColumns, conv.outputs}; }
  NarrowShape sizes() const { return narrowShape(conv, 2); }
  /// Rows of windows that are computed at once, `most` at the most.
  int64_t rowsAtOnce(int64_t most) const { return std::min(windowRows, narrowRows(conv, 2 * most, 2) / 2); }
};

/// Whether to do without what lies between is worth more than what another algorithm of convolution saves.
inline bool poolsAtOnce(const ConvPoolShape& s, const std::string& algorithm) {
  constexpr double saved = 0.25;
  if (!s.narrow) return false;
  const ConvAlgorithm chosen = chooseAlgorithm("conv2dMaxPool2d", ConvPass::forward, s.conv, algorithm);
  if (algorithm != "auto" && chosen != ConvAlgorithm::narrow) return false;
  const ConvCost cost{ConvPass::forward, s.conv};
  return cost.milliseconds(ConvAlgorithm::narrow) <= (1 + saved) * cost.milliseconds(chosen);
}

/// maxPool2d(conv2d(x, weight, bias), kernel), with ReLU between where asked. No tensors where two passes do
/// as well.
inline MaxPooled conv2dMaxPool2d(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const WindowMoves& moves, int64_t groups, bool relu,
                                 const std::string& algorithm, const std::vector<int64_t>& kernel,
                                 bool wantsIndices) {
  const char* operation = "conv2dMaxPool2d";
  requireType(operation, "input", x, DType::f32);
  requireType(operation, "weight", weight, DType::f32);
  const ConvPoolShape s(operation, ConvShape(operation, x.shape, weight.shape, moves, groups), kernel);
  if (bias) {
    requireType(operation, "bias", bias, DType::f32);
    requireShape(operation, "bias", bias, {s.conv.outputs});
  }
  if (!poolsAtOnce(s, algorithm)) return {};
  const Tensor y(operation, s.out(), DType::f32);
  Tensor indices;
  if (wantsIndices) indices = Tensor(operation, s.out(), DType::u8);
  submit(stream, operation, {x, weight, bias}, {y, indices}, [=] {
    const NarrowWeights weights(s.conv, weight.f32(), bias ? bias.f32() : nullptr);
    const NarrowShape shape = s.sizes();
    const int64_t atOnce = s.rowsAtOnce(NarrowPool::bandRows), bands = (s.windowRows + atOnce - 1) / atOnce;
    const int64_t own = shape.scratchFloats(2 * atOnce), windows = 2 * atOnce * shape.rowFloats;
    parallelWithScratch(s.conv.images * bands, own + windows, [&](int64_t piece, float* scratch) {
      const int64_t image = piece / bands, row = piece % bands * atOnce;
      const int64_t out = (image * s.windowRows + row) * s.windowColumns * s.conv.outputs;
      dispatch(NarrowPool{shape, x.f32() + image * s.conv.height * s.conv.width * s.conv.channels, row,
                          std::min(row + atOnce, s.windowRows), weights.taps.floats(),
                          weights.biases.floats(), relu, y.f32() + out,
                          indices ? indices.u8() + out : nullptr, scratch, scratch + own});
    });
  });
  return {y, indices};
}

/// dL/dweight of the same from dL/dy and the indices.
inline Tensor conv2dMaxPool2dByWeight(Stream& stream, const Tensor& gradient, const Tensor& indices,
                                      const Tensor& x, const Shape& weightShape, const WindowMoves& moves,
                                      int64_t groups, const std::vector<int64_t>& kernel) {
  const char* operation = "conv2dMaxPool2dByWeight";
  requireType(operation, "gradient", gradient, DType::f32);
  requireType(operation, "indices", indices, DType::u8);
  requireType(operation, "input", x, DType::f32);
  const ConvPoolShape s(operation, ConvShape(operation, x.shape, weightShape, moves, groups), kernel);
  requireShape(operation, "gradient", gradient, s.out());
  requireShape(operation, "indices", indices, s.out());
  if (!s.narrow)
    throw RangeError(std::string(operation) + ": weight " + weightShape.text() +
                     " is of a convolution that conv2dMaxPool2d does not compute");
  const Tensor dw(operation, weightShape, DType::f32);
  submit(stream, operation, {gradient, indices, x}, {dw}, [=] {
    const NarrowShape shape = s.sizes();
    const int64_t atOnce = s.rowsAtOnce(NarrowPoolWeights::bandRows);
    const int64_t own = shape.scratchFloats(2 * atOnce), windows = 3 * atOnce * shape.rowFloats;
    narrowSums(
        s.conv, own + windows, dw.f32(), [&](int64_t image, float* sums, bool accumulate, float* scratch) {
          for (int64_t row = 0; row < s.windowRows; row += atOnce) {
            const int64_t at = (image * s.windowRows + row) * s.windowColumns * s.conv.outputs;
            dispatch(NarrowPoolWeights{
                shape, x.f32() + image * s.conv.height * s.conv.width * s.conv.channels, row,
                std::min(row + atOnce, s.windowRows), gradient.f32() + at, indices.u8() + at,
                indices.u8() + indices.elements(), sums, accumulate || row > 0, scratch, scratch + own});
          }
        });
  });
  return dw;
}

}  // namespace striate
