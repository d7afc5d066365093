// The gradient by the input of a convolution with few input channels: a pixel of dL/dy times the weights of
// one kernel row is a run of neighbouring pixels of dL/dx, to which it is added. The direct way would fill a
// small part of each vector. Rows of the register tile are images, at the same place of each.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/matmul_tile.h"
#include "ops/conv_shape.h"
#include "runtime/parallel.h"

namespace striate {

inline bool scatterSuits(const ConvShape& s) {
  return s.groups == 1 && s.moves.dilationWidth == 1 && 2 * s.channels <= vectorLanes();
}

inline void scatterByInput(const ConvShape& s, const float* gradient, const float* weight, float* dx) {
  const WindowMoves& m = s.moves;
  const int64_t run = s.kernelWidth * s.channels;
  const Block turned = takeFloats(s.weightElements());
  for (int64_t row = 0; row < s.kernelHeight; ++row)
    for (int64_t k = 0; k < s.outputs; ++k)
      for (int64_t i = 0; i < run; ++i)
        turned.floats()[(row * s.outputs + k) * run + i] = weight[(row * run + i) * s.outputs + k];

  const int64_t rowFloats = s.width * s.channels, imageFloats = s.height * rowFloats;
  const int64_t imageGradients = s.outHeight * s.outWidth * s.outputs;
  constexpr int64_t imagesAtOnce = 12;
  parallelRanges(s.images, imagesAtOnce, [&](int64_t from, int64_t to) {
    std::memset(dx + from * imageFloats, 0, static_cast<size_t>((to - from) * imageFloats) * sizeof(float));
    const float* aRows[imagesAtOnce];
    float* cRows[imagesAtOnce];
    for (int64_t i = 0; i < to - from; ++i) aRows[i] = gradient + (from + i) * imageGradients;
    int64_t pixel = 0;
    TileProduct tiles{};
    tiles.aRows = aRows, tiles.cRows = cRows, tiles.rows = to - from;
    tiles.segments = &pixel, tiles.segmentCount = 1, tiles.length = s.outputs, tiles.aStep = 1;
    tiles.bStep = run, tiles.addedRows = cRows;
    for (int64_t i = 0; i < s.outHeight; ++i)
      for (int64_t j = 0; j < s.outWidth; ++j, pixel += s.outputs) {
        const int64_t left = j * m.strideWidth - m.left;
        const int64_t first = std::max<int64_t>(0, -left), last = std::min(s.kernelWidth, s.width - left);
        if (first >= last) continue;
        tiles.columns = (last - first) * s.channels;
        for (int64_t row = 0; row < s.kernelHeight; ++row) {
          const int64_t y = i * m.strideHeight + row * m.dilationHeight - m.top;
          if (y < 0 || y >= s.height) continue;
          for (int64_t r = 0; r < tiles.rows; ++r)
            cRows[r] = dx + (from + r) * imageFloats + y * rowFloats + (left + first) * s.channels;
          tiles.b = turned.floats() + row * s.outputs * run + first * s.channels;
          dispatch(tiles);
        }
      }
  });
}

}  // namespace striate
