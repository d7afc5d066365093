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

/// The sizes for points that are `columnStep` columns apart.
inline NarrowShape narrowShape(const ConvShape& s, int64_t columnStep = 1) {
  const int64_t lanes = vectorLanes(), points = s.outWidth / columnStep;
  const int64_t vectors = (points * s.outputs + lanes - 1) / lanes;
  const int64_t reach = (s.kernelWidth + columnStep - 2) / columnStep;
  const int64_t rowFloats = vectors * lanes + roundUp(reach * s.outputs, lanes);
  return {s.height,      s.width,
          s.channels,    s.kernelHeight,
          s.kernelWidth, s.outputs,
          points,        columnStep,
          s.moves.top,   s.moves.left,
          vectors,       s.outputs / std::gcd(s.outputs, lanes),
          rowFloats,     roundUp((rowFloats / s.outputs + 1) * columnStep + lanes, lanes)};
}

/// Rows of outputs at once whose pixels, repeated, stay in the caches.
inline int64_t narrowRows(const ConvShape& s, int64_t most, int64_t columnStep = 1) {
  constexpr int64_t scratchFloats = 24 * 1024;
  const int64_t imageRow = narrowShape(s, columnStep).scratchFloats(1) / s.kernelHeight;
  return std::min({most, s.outHeight, scratchFloats / imageRow - s.kernelHeight + 1});
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

/// The weights and biases of a convolution as NarrowConv has them.
struct NarrowWeights {
  Block taps, biases;

  NarrowWeights(const ConvShape& s, const float* weight, const float* bias) {
    const int64_t lanes = narrowShape(s).phases * vectorLanes();
    taps = takeFloats(narrowShape(s).tapVectors() * lanes), biases = takeFloats(lanes);
    eachNarrowWeight(s, [&](int64_t place, int64_t from) { taps.floats()[place] = weight[from]; });
    for (int64_t i = 0; i < lanes; ++i) biases.floats()[i] = bias ? bias[i % s.outputs] : 0.0f;
  }
};

inline void narrowForward(const ConvShape& s, const float* x, const float* weight, const ConvEnd& end,
                          float* y) {
  const NarrowShape shape = narrowShape(s);
  const NarrowWeights weights(s, weight, end.bias);
  const int64_t rowsAtOnce = narrowRows(s, NarrowConv::bandRows);
  const int64_t bands = (s.outHeight + rowsAtOnce - 1) / rowsAtOnce;
  parallelWithScratch(s.images * bands, shape.scratchFloats(rowsAtOnce), [&](int64_t piece, float* scratch) {
    const int64_t image = piece / bands, row = piece % bands * rowsAtOnce;
    const int64_t out = (image * s.outHeight + row) * s.outWidth * s.outputs;
    dispatch(NarrowConv{shape, x + image * s.height * s.width * s.channels, row,
                        std::min(row + rowsAtOnce, s.outHeight), weights.taps.floats(),
                        weights.biases.floats(), end.residual ? end.residual + out : nullptr, end.relu,
                        y + out, scratch});
  });
}

/// Adds up dw in blocks of images: part(image, sums, accumulate, scratch) gives an image's share, in the
/// kernel's layout.
template <class Part>
void narrowSums(const ConvShape& s, int64_t scratchFloats, float* dw, const Part& part) {
  const NarrowShape shape = narrowShape(s);
  const int64_t floats = shape.phases * shape.tapVectors() * vectorLanes();
  constexpr int64_t blocksWanted = 32;
  const int64_t blocks = std::min(blocksWanted, s.images);
  const Block sums = takeFloats((blocks + 1) * floats);
  float* const total = sums.floats() + blocks * floats;
  parallelWithScratch(blocks, scratchFloats, [&](int64_t block, float* scratch) {
    const int64_t from = block * s.images / blocks, to = (block + 1) * s.images / blocks;
    for (int64_t image = from; image < to; ++image)
      part(image, sums.floats() + block * floats, image > from, scratch);
  });
  dispatch(SumBlocks{sums.floats(), blocks, floats, floats, total});
  std::fill(dw, dw + s.weightElements(), 0.0f);
  eachNarrowWeight(s, [&](int64_t place, int64_t to) { dw[to] += total[place]; });
}

inline void narrowByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  const NarrowShape shape = narrowShape(s);
  const int64_t rowsAtOnce = narrowRows(s, NarrowConvWeights::bandRows), outRow = s.outWidth * s.outputs;
  const int64_t scratchFloats = shape.scratchFloats(rowsAtOnce) + shape.rowFloats;
  narrowSums(s, scratchFloats, dw, [&](int64_t image, float* sums, bool accumulate, float* scratch) {
    for (int64_t row = 0; row < s.outHeight; row += rowsAtOnce) {
      const int64_t end = std::min(row + rowsAtOnce, s.outHeight);
      const float* of = gradient + image * s.outHeight * outRow;
      dispatch(NarrowConvWeights{shape, x + image * s.height * s.width * s.channels, row, end,
                                 of + row * outRow, of + end * outRow, sums, accumulate || row > 0, scratch});
    }
  });
}

}  // namespace striate
