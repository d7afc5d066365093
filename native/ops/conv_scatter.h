// The gradient by the input of a convolution with few input channels: a pixel of dL/dy times the weights of a
// kernel row is a run of neighbouring pixels of dL/dx, to which it is added. The direct way would fill a
// small part of each vector, and go through the pixels that taps beyond the image reach. Rows of the register
// tile are those rows of dL/dx, of all images, which the same rows of the kernel reach: these are summed up
// at once.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv_end.h"
#include "kernels/elementwise.h"
#include "kernels/matmul_tile.h"
#include "ops/conv_shape.h"
#include "ops/matmul.h"
#include "runtime/parallel.h"

namespace striate {

inline bool scatterSuits(const ConvShape& s) {
  return s.groups == 1 && s.moves.dilationWidth == 1 && s.channels < vectorLanes();
}

/// Rows of dL/dx that `count` kernel rows reach, those packed from the `first` on.
struct ScatterRows {
  int64_t first, count;
  std::vector<int64_t> rows;       ///< of an image
  std::vector<int64_t> gradients;  ///< for each of them the row of dL/dy that its first kernel row comes from
};

/// The kernel's rows in the order in which they are packed, and the rows of dL/dx by those that reach them.
struct ScatterPlan {
  std::vector<int64_t> kernelRows;
  std::vector<ScatterRows> reached;

  explicit ScatterPlan(const ConvShape& s) {
    const WindowMoves& m = s.moves;
    // Those that reach the same row of dL/dx lie side by side.
    for (int64_t parity = 0; parity < m.strideHeight; ++parity) {
      const size_t begin = kernelRows.size();
      for (int64_t k = 0; k < s.kernelHeight; ++k)
        if (k * m.dilationHeight % m.strideHeight == parity) kernelRows.push_back(k);
      for (int64_t row = 0; row < s.height; ++row)
        if ((row + m.top) % m.strideHeight == parity) add(s, row, begin);
    }
  }

  /// Where the segments of a row's sum begin, from its first pixel of dL/dy on.
  std::vector<int64_t> segments(const ConvShape& s, const ScatterRows& r) const {
    std::vector<int64_t> offsets;
    const auto kernelRow = [&](int64_t i) { return kernelRows[static_cast<size_t>(r.first + i)]; };
    for (int64_t i = 0; i < r.count; ++i)
      offsets.push_back((kernelRow(0) - kernelRow(i)) * s.moves.dilationHeight / s.moves.strideHeight *
                        s.outWidth * s.outputs);
    return offsets;
  }

 private:
  void add(const ConvShape& s, int64_t row, size_t begin) {
    int64_t first = 0, count = 0, gradient = 0;
    for (size_t i = begin; i < kernelRows.size(); ++i) {
      const int64_t y = (row + s.moves.top - kernelRows[i] * s.moves.dilationHeight) / s.moves.strideHeight;
      if (row + s.moves.top < kernelRows[i] * s.moves.dilationHeight || y >= s.outHeight) continue;
      if (count++ == 0) first = static_cast<int64_t>(i), gradient = y;
    }
    const auto same = [&](const ScatterRows& r) {
      return r.count == count && (count == 0 || r.first == first);
    };
    auto found = std::find_if(reached.begin(), reached.end(), same);
    if (found == reached.end()) found = reached.insert(found, {first, count, {}, {}});
    found->rows.push_back(row);
    found->gradients.push_back(gradient);
  }
};

/// `end` without a residual.
inline void scatterByInput(const ConvShape& s, const float* gradient, const float* weight, const ConvEnd& end,
                           float* dx) {
  const WindowMoves& m = s.moves;
  const int64_t run = s.kernelWidth * s.channels, depth = s.kernelHeight * s.outputs;
  const int64_t wholeRun = roundUp(run, vectorLanes());
  const ScatterPlan plan(s);
  std::vector<int64_t> packedRows;
  for (const int64_t row : plan.kernelRows) packedRows.push_back(row * run * s.outputs);
  const Block panels = takeFloats(depth * roundUp(run, panelColumns));
  dispatch(PackPanels{weight, packedRows.data(), depth, s.outputs, 1, run, s.outputs, panels.floats()});

  // Rows are summed up where there is room for the runs of all pixels, whole vectors of them.
  constexpr int64_t rowsAtOnce = 60;
  const int64_t rowFloats = s.width * s.channels, step = m.strideWidth * s.channels;
  const int64_t left = m.left * s.channels;
  const int64_t roomy = roundUp(std::max(left + rowFloats, (s.outWidth - 1) * step + wholeRun), lineFloats);
  // Sums begin with the bias.
  const Block start = takeFloats(roomy);
  std::fill_n(start.floats(), roomy, 0.0f);
  for (int64_t at = 0; end.bias && at < rowFloats; at += s.channels)
    std::copy_n(end.bias, s.channels, start.floats() + left + at);
  struct Piece {
    const ScatterRows* reached;
    int64_t from, to;
  };
  std::vector<Piece> pieces;
  for (const ScatterRows& r : plan.reached) {
    const int64_t rows = s.images * static_cast<int64_t>(r.rows.size());
    for (int64_t from = 0; from < rows; from += rowsAtOnce)
      pieces.push_back({&r, from, std::min(rows, from + rowsAtOnce)});
  }
  parallelWithScratch(
      static_cast<int64_t>(pieces.size()), rowsAtOnce * roomy, [&](int64_t index, float* sums) {
        const auto& [reached, from, to] = pieces[static_cast<size_t>(index)];
        const std::vector<int64_t> segments = plan.segments(s, *reached);
        const int64_t rowsOfImage = static_cast<int64_t>(reached->rows.size());
        const float* aRows[rowsAtOnce];
        float* cRows[rowsAtOnce];
        TileProduct tiles{};
        tiles.aRows = aRows, tiles.cRows = cRows, tiles.rows = to - from, tiles.columns = wholeRun;
        tiles.segments = segments.data(), tiles.segmentCount = reached->count;
        tiles.length = s.outputs, tiles.aStep = 1;
        tiles.b = panels.floats(), tiles.panelDepth = depth, tiles.panelFrom = reached->first * s.outputs;
        tiles.addedRows = cRows;
        for (int64_t r = from; r < to; ++r) {
          const int64_t y = reached->gradients[static_cast<size_t>(r % rowsOfImage)];
          aRows[r - from] = gradient + (r / rowsOfImage * s.outHeight + y) * s.outWidth * s.outputs;
          cRows[r - from] = sums + (r - from) * roomy;
        }
        for (int64_t r = 0; r < to - from; ++r) std::copy_n(start.floats(), roomy, sums + r * roomy);
        for (int64_t j = 0; reached->count > 0 && j < s.outWidth; ++j) {
          dispatch(tiles);
          for (int64_t r = 0; r < to - from; ++r) aRows[r] += s.outputs, cRows[r] += step;
        }
        for (int64_t r = from; r < to; ++r) {
          const int64_t row = reached->rows[static_cast<size_t>(r % rowsOfImage)];
          const float* sum = sums + (r - from) * roomy + left;
          float* place = dx + (r / rowsOfImage * s.height + row) * rowFloats;
          if (end.relu)
            dispatch(Unary{UnaryFunction::relu, sum, place, rowFloats, false});
          else
            std::copy_n(sum, rowFloats, place);
        }
      });
}

}  // namespace striate
