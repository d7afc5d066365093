// Convolution to fewer outputs than a vector has lanes: see kernels/conv_narrow.h.
#pragma once

#include <algorithm>
#include <numeric>

#include "kernels/conv_end.h"
#include "kernels/conv_narrow.h"
#include "kernels/matmul_tile.h"
#include "ops/conv_shape.h"
#include "ops/matmul.h"
#include "ops/operation.h"
#include "runtime/parallel.h"

namespace striate {

inline NarrowShape narrowShape(const ConvShape& s) {
  const int64_t lanes = vectorLanes();
  const int64_t vectors = (s.outWidth * s.outputs + lanes - 1) / lanes;
  const int64_t rowFloats = vectors * lanes + roundUp((s.kernelWidth - 1) * s.outputs, lanes);
  return {s.height,
          s.width,
          s.channels,
          s.kernelHeight,
          s.kernelWidth,
          s.outputs,
          s.outWidth,
          s.moves.top,
          s.moves.left,
          vectors,
          s.outputs / std::gcd(s.outputs, lanes),
          rowFloats,
          roundUp(rowFloats / s.outputs + lanes + 1, lanes)};
}

/// Rows of outputs at once whose pixels, repeated, stay in the caches.
inline int64_t narrowRows(const ConvShape& s, int64_t most) {
  constexpr int64_t scratchFloats = 24 * 1024;
  const NarrowShape shape = narrowShape(s);
  const int64_t rowFloats = s.channels * (shape.rowFloats + shape.lineLength);
  return std::min({most, s.outHeight, scratchFloats / rowFloats - s.kernelHeight + 1});
}

inline bool narrowSuits(const ConvShape& s) {
  const WindowMoves& m = s.moves;
  return s.groups == 1 && m.strideHeight == 1 && m.strideWidth == 1 && m.dilationHeight == 1 &&
         m.dilationWidth == 1 && s.images > 0 && s.channels > 0 && s.outputs > 0 &&
         s.outputs < 2 * vectorLanes() && s.outputs % vectorLanes() != 0 &&
         narrowRows(s, NarrowConv::bandRows) >= std::min(s.outHeight, NarrowConv::bandRows / 2);
}

/// The output that a lane of a vector of a phase belongs to.
inline int64_t narrowOutput(const ConvShape& s, int64_t phase, int64_t lane) {
  return (phase * vectorLanes() + lane) % s.outputs;
}

/// Calls use(place, weight) for each float of the kernel's layout and its place in [KH, KW, C, K].
template <class Use>
void eachNarrowWeight(const ConvShape& s, const Use& use) {
  int64_t place = 0;
  for (int64_t phase = 0, phases = narrowShape(s).phases; phase < phases; ++phase)
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t column = 0; column < s.kernelWidth; ++column)
        for (int64_t row = 0; row < s.kernelHeight; ++row)
          for (int64_t lane = 0; lane < vectorLanes(); ++lane, ++place)
            use(place,
                ((row * s.kernelWidth + column) * s.channels + c) * s.outputs + narrowOutput(s, phase, lane));
}

inline void narrowForward(const ConvShape& s, const float* x, const float* weight, const ConvEnd& end,
                          float* y) {
  const NarrowShape shape = narrowShape(s);
  const int64_t lanes = vectorLanes(), phases = shape.phases;
  const Block weights = takeFloats(phases * shape.tapVectors() * lanes), biases = takeFloats(phases * lanes);
  eachNarrowWeight(s, [&](int64_t place, int64_t from) { weights.floats()[place] = weight[from]; });
  for (int64_t i = 0; i < phases * lanes; ++i) biases.floats()[i] = end.bias ? end.bias[i % s.outputs] : 0.0f;

  const int64_t rowsAtOnce = narrowRows(s, NarrowConv::bandRows);
  const int64_t bands = (s.outHeight + rowsAtOnce - 1) / rowsAtOnce;
  parallelWithScratch(s.images * bands, shape.scratchFloats(rowsAtOnce), [&](int64_t piece, float* scratch) {
    const int64_t image = piece / bands, row = piece % bands * rowsAtOnce;
    const int64_t out = image * s.outHeight * s.outWidth * s.outputs;
    dispatch(NarrowConv{shape, x + image * s.height * s.width * s.channels, row,
                        std::min(row + rowsAtOnce, s.outHeight), weights.floats(), biases.floats(),
                        end.residual ? end.residual + out : nullptr, end.relu, y + out, scratch});
  });
}

inline void narrowByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  const NarrowShape shape = narrowShape(s);
  const int64_t lanes = vectorLanes(), rowsAtOnce = narrowRows(s, NarrowConvWeights::bandRows);
  const int64_t floats = shape.phases * shape.tapVectors() * lanes;
  constexpr int64_t blocksWanted = 32;
  const int64_t blocks = std::min(blocksWanted, s.images);
  const Block sums = takeFloats((blocks + 1) * floats);
  float* const total = sums.floats() + blocks * floats;
  parallelWithScratch(
      blocks, shape.scratchFloats(rowsAtOnce) + shape.rowFloats, [&](int64_t block, float* scratch) {
        const int64_t from = block * s.images / blocks, to = (block + 1) * s.images / blocks;
        for (int64_t image = from; image < to; ++image)
          for (int64_t row = 0; row < s.outHeight; row += rowsAtOnce)
            dispatch(NarrowConvWeights{shape, x + image * s.height * s.width * s.channels, row,
                                       std::min(row + rowsAtOnce, s.outHeight),
                                       gradient + image * s.outHeight * s.outWidth * s.outputs,
                                       sums.floats() + block * floats, image > from || row > 0, scratch});
      });
  dispatch(SumBlocks{sums.floats(), blocks, floats, floats, total});
  std::fill(dw, dw + s.weightElements(), 0.0f);
  eachNarrowWeight(s, [&](int64_t place, int64_t to) { dw[to] += total[place]; });
}

}  // namespace striate
