// The gradient of a convolution by its weights as products on register tiles: any kernel, stride, padding,
// dilation and groups. Runs on the compute thread.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/conv_by_weight.h"
#include "kernels/conv_direct.h"
#include "ops/conv_direct.h"

namespace striate {

inline void directByWeight(const ConvShape& given, const float* gradient, const float* x, float* dw);

/// Treats n neighbouring points as one with n times the outputs and adds up what each of them gives to a tap.
inline void widenedByWeight(const ConvShape& s, int64_t n, const float* gradient, const float* x, float* dw) {
  ConvShape widened = s;
  widened.kernelWidth = s.kernelWidth + (n - 1) * s.moves.strideWidth;
  widened.moves.strideWidth *= n;
  widened.outWidth /= n;
  widened.outputs *= n;
  const Block sums = takeFloats(widened.weightElements());
  directByWeight(widened, gradient, x, sums.floats());
  for (int64_t row = 0; row < s.kernelHeight; ++row)
    for (int64_t tap = 0; tap < s.kernelWidth; ++tap)
      for (int64_t c = 0; c < s.channels; ++c)
        for (int64_t k = 0; k < s.outputs; ++k) {
          float sum = 0;
          for (int64_t point = 0; point < n; ++point) {
            const int64_t place = row * widened.kernelWidth + tap + point * s.moves.strideWidth;
            sum += sums.floats()[(place * s.channels + c) * widened.outputs + point * s.outputs + k];
          }
          *dw++ = sum;
        }
}

/// Sums up dw in blocks of images, each of which a piece of work makes alone: part(group, cut, image, count,
/// dw) adds the share of so many images, `atOnce` at most, to one of `cuts` parts of a group. Their sums are
/// added in order.
template <class Part>
void overImages(const ConvShape& s, int64_t cuts, int64_t atOnce, int64_t scratchFloats, float* dw,
                const Part& part) {
  constexpr int64_t piecesWanted = 32;
  const int64_t elements = s.weightElements();
  const int64_t blocks = std::clamp<int64_t>(piecesWanted / (s.groups * cuts), 1, s.images);
  Block sums;
  if (blocks > 1) sums = takeFloats(blocks * elements);
  float* target = blocks > 1 ? sums.floats() : dw;
  parallelWithScratch(blocks * s.groups * cuts, scratchFloats, [&](int64_t piece, float* scratch) {
    const int64_t block = piece / (s.groups * cuts), g = piece / cuts % s.groups, cut = piece % cuts;
    const int64_t from = block * s.images / blocks, to = (block + 1) * s.images / blocks;
    for (int64_t image = from; image < to; image += atOnce)
      part(g, cut, image, std::min(atOnce, to - image), target + block * elements, image > from, scratch);
  });
  if (blocks > 1)
    parallelRanges(elements, elementGrain, [&](int64_t from, int64_t to) {
      dispatch(SumBlocks{sums.floats() + from, blocks, elements, to - from, dw + from});
    });
}

/// dw as outer products over all points of all images. Pieces of it are dealt out to the threads and, where
/// those are few, blocks of points too, whose sums are then added in order.
inline void pointsByWeight(const ConvShape& s, const AxisTaps& h, const AxisTaps& w, const float* gradient,
                           const float* x, float* dw) {
  const int64_t channels = s.channels / s.groups, outputs = s.outputs / s.groups;
  const int64_t points = s.images * s.outHeight * s.outWidth;
  std::vector<ConvTap> taps;
  for (const int64_t row : h.offsets)
    for (const int64_t column : w.offsets) taps.push_back({row, column});
  LatticeImages image{x, s.height, s.width, s.channels, s.moves.strideHeight, s.moves.strideWidth};
  LatticeImages slope{gradient, s.outHeight, s.outWidth, s.outputs, 1, 1};
  // The right side is copied once for all rows of a piece: where channels are few, they are it, and the sums
  // transposed.
  const bool inside = taps.size() == 1 && !h.leaves(s.height) && !w.leaves(s.width);
  const bool turned = inside && s.groups == 1 && channels <= 128 && outputs >= 2 * channels;
  if (turned) {
    image.values += (taps[0].row * s.width + taps[0].column) * s.channels;
    taps[0] = {0, 0};
    std::swap(image, slope);
  }
  const int64_t depth = turned ? outputs : channels, width = turned ? channels : outputs;
  const int64_t rows = static_cast<int64_t>(taps.size()) * depth;

  // The sums of a piece stay in the L2 cache, with what comes in for the next points.
  constexpr int64_t sumFloats = 64 * 1024, columnsAtOnce = 256;
  const int64_t columnCuts = (width + columnsAtOnce - 1) / columnsAtOnce;
  const int64_t columns = roundUp((width + columnCuts - 1) / columnCuts, panelColumns);
  int64_t rowCuts = (rows * columns + sumFloats - 1) / sumFloats;
  // To add up the sums of blocks takes as long as some hundred points, or more where sums are large; where
  // points are few, rows are cut, as long as enough of them use the panels that each piece fills.
  constexpr int64_t piecesWanted = 16, leastRows = 128;
  const int64_t elements = s.weightElements(), leastPoints = elements > sumFloats ? 1536 : 768;
  const int64_t blocks = std::clamp<int64_t>(
      std::min(piecesWanted / (s.groups * columnCuts * rowCuts), points / leastPoints), 1, points);
  rowCuts = std::max(rowCuts, std::min(piecesWanted / (s.groups * columnCuts * blocks), rows / leastRows));
  const int64_t rowsAtOnce = (rows + rowCuts - 1) / rowCuts;
  const int64_t cuts = (rows + rowsAtOnce - 1) / rowsAtOnce * columnCuts;
  const int64_t pieces = blocks * s.groups * cuts;
  Block sums;
  if (blocks > 1 || turned) sums = takeFloats(blocks * elements);
  float* target = sums ? sums.floats() : dw;

  const auto product = [&](int64_t piece) {
    const int64_t block = piece / (s.groups * cuts), g = piece / cuts % s.groups;
    const int64_t row = piece % cuts / columnCuts, column = piece % columnCuts * columns;
    ConvWeightProduct p{};
    p.left = image, p.right = slope;
    p.left.values += g * depth, p.right.values += g * width + column;
    p.latticeRows = s.outHeight, p.latticeColumns = s.outWidth;
    p.taps = taps.data();
    p.channels = depth;
    p.rowFrom = row * rowsAtOnce, p.rowTo = std::min(rows, p.rowFrom + rowsAtOnce);
    p.columns = std::min(columns, width - column);
    p.pointFrom = block * points / blocks, p.pointTo = (block + 1) * points / blocks;
    p.sumStep = width * s.groups;
    p.sums = target + block * elements + p.rowFrom * p.sumStep + g * width + column;
    return p;
  };
  const int64_t scratchFloats =
      ConvWeightProduct::scratchFloats(static_cast<int64_t>(taps.size()), depth, rowsAtOnce, columns);
  parallelWithScratch(pieces, scratchFloats, [&](int64_t piece, float* scratch) {
    ConvWeightProduct here = product(piece), following{};
    here.scratch = scratch;
    if (piece + 1 < pieces) {
      following = product(piece + 1);
      here.following = &following;
    }
    dispatch(here);
  });
  if (!sums) return;
  if (blocks > 1)
    parallelRanges(elements, elementGrain, [&](int64_t from, int64_t to) {
      dispatch(SumBlocks{target + from, blocks, elements, to - from, turned ? target + from : dw + from});
    });
  // So few columns at a time that the L1 cache holds a line of each, though they lie a power of two apart.
  constexpr int64_t turnedAtOnce = 8;
  if (turned)
    parallelRanges(width, turnedAtOnce, [&](int64_t from, int64_t to) {
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = from; column < to; ++column)
          dw[column * rows + row] = target[row * width + column];
    });
}

/// Where outputs fill one vector at most, and a row of the kernel with all channels, which lies side by side
/// in the image, fills several well: so many multiply-adds are to each value loaded then.
inline bool runsSuit(const ConvShape& s) {
  const int64_t lanes = vectorLanes(), run = s.kernelWidth * s.channels, whole = roundUp(run, lanes);
  return s.groups == 1 && s.moves.dilationWidth == 1 && s.channels < 16 && s.outputs <= lanes &&
         lanes < whole && 10 * run >= 9 * whole;
}

/// A product of gradients, by their outputs, and runs of the image. Its sums are turned at the end.
inline void runsByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  const WindowMoves& m = s.moves;
  const int64_t run = s.kernelWidth * s.channels;
  const bool padded = m.top + m.bottom + m.left + m.right > 0;
  const int64_t height = s.height + m.top + m.bottom, width = s.width + m.left + m.right;
  const int64_t rowStep = width * s.channels;
  // Images enough that the sums of a tile are rarely stored, and few enough that they stay in the L2 cache.
  constexpr int64_t pointsAtOnce = 1024;
  const int64_t atOnce = std::clamp<int64_t>(pointsAtOnce / (s.outHeight * s.outWidth), 1, s.images);
  std::vector<int64_t> gradientRows, imageRows;
  for (int64_t image = 0; image < atOnce; ++image)
    for (int64_t i = 0; i < s.outHeight; ++i) {
      gradientRows.push_back((image * s.outHeight + i) * s.outWidth * s.outputs);
      imageRows.push_back((image * height + i * m.strideHeight) * rowStep);
    }
  const Block sums = takeFloats(s.weightElements());
  overImages(
      s, 1, atOnce, padded ? atOnce * height * rowStep : 0, sums.floats(),
      [&](int64_t, int64_t, int64_t image, int64_t count, float* out, bool accumulate, float* scratch) {
        const float* values = x + image * s.height * s.width * s.channels;
        if (padded) {
          std::fill(scratch, scratch + count * height * rowStep, 0.0f);
          for (int64_t row = 0; row < count * s.height; ++row)
            std::copy_n(
                values + row * s.width * s.channels, s.width * s.channels,
                scratch + (row / s.height * height + row % s.height + m.top) * rowStep + m.left * s.channels);
          values = scratch;
        }
        const float* from = gradient + image * s.outHeight * s.outWidth * s.outputs;
        const float* aRows[lineFloats];  // no vector is longer
        float* cRows[lineFloats];
        for (int64_t k = 0; k < s.outputs; ++k) aRows[k] = from + k;
        TileProduct tiles{};
        tiles.aRows = aRows, tiles.cRows = cRows, tiles.rows = s.outputs;
        tiles.columns = run;
        tiles.segments = gradientRows.data(), tiles.segmentCount = count * s.outHeight;
        tiles.length = s.outWidth, tiles.aStep = s.outputs;
        tiles.bStep = m.strideWidth * s.channels, tiles.bSegments = imageRows.data();
        tiles.addedRows = accumulate ? cRows : nullptr;
        for (int64_t row = 0; row < s.kernelHeight; ++row) {
          for (int64_t k = 0; k < s.outputs; ++k) cRows[k] = out + (row * s.outputs + k) * run;
          tiles.b = values + row * m.dilationHeight * rowStep;
          dispatch(tiles);
        }
      });
  for (int64_t row = 0; row < s.kernelHeight; ++row)
    for (int64_t i = 0; i < run; ++i)
      for (int64_t k = 0; k < s.outputs; ++k)
        dw[(row * run + i) * s.outputs + k] = sums.floats()[(row * s.outputs + k) * run + i];
}

/// A product of pixels and gradients. Rows of the weight are dealt out to the threads and, where those are
/// few, blocks of images too, whose sums are then added in order.
inline void directByWeight(const ConvShape& given, const float* gradient, const float* x, float* dw) {
  const ConvShape s = asRows(given);
  if (runsSuit(s)) return runsByWeight(s, gradient, x, dw);
  if (s.groups == 1 && s.moves.dilationWidth == 1) {
    const int64_t n = neighboursInVector(s.outputs, s.outWidth, s.kernelWidth, s.moves.strideWidth);
    if (n > 1) return widenedByWeight(s, n, gradient, x, dw);
  }
  const WindowMoves& m = s.moves;
  const int64_t channels = s.channels / s.groups, outputs = s.outputs / s.groups;
  const AxisTaps h = AxisTaps::forward(s.kernelHeight, m.dilationHeight, m.top, s.outHeight, m.strideHeight);
  const AxisTaps w = AxisTaps::forward(s.kernelWidth, m.dilationWidth, m.left, s.outWidth, m.strideWidth);
  if (channels >= 16) return pointsByWeight(s, h, w, gradient, x, dw);
  // Points whose gradients, a panel of columns of them, stay in the L2 cache from tile to tile.
  constexpr int64_t pointsAtOnce = 512;
  const int64_t rowsOfPoints = std::clamp<int64_t>(pointsAtOnce / s.outWidth, 1, s.outHeight);
  const TapPlan plan(h, w, s.height, s.width, s.channels, channels, rowsOfPoints);
  std::vector<int64_t> latticeRows;
  for (int64_t i = 0; i < rowsOfPoints; ++i) latticeRows.push_back(i * m.strideHeight * plan.window.rowStep);

  constexpr int64_t rowsAtOnce = 192;
  const int64_t rows = static_cast<int64_t>(plan.taps.size()) * channels;
  overImages(
      s, (rows + rowsAtOnce - 1) / rowsAtOnce, 1, plan.bandFloats, dw,
      [&](int64_t g, int64_t cut, int64_t image, int64_t, float* sums, bool accumulate, float* scratch) {
        ConvWeightRows part{};
        part.image = {x + image * s.height * s.width * s.channels + g * channels, s.height, s.width,
                      s.channels, channels};
        part.window = plan.window;
        part.taps = plan.taps.data();
        part.rowFrom = cut * rowsAtOnce;
        part.rowTo = std::min(rows, part.rowFrom + rowsAtOnce);
        part.segments = latticeRows.data();
        part.latticeRows = s.outHeight;
        part.latticeColumns = s.outWidth;
        part.latticeRowsAtOnce = rowsOfPoints;
        part.columnStep = m.strideWidth * plan.window.pixelStep;
        part.strideHeight = m.strideHeight;
        part.gradient = gradient + image * s.outHeight * s.outWidth * s.outputs + g * outputs;
        part.gradientStep = s.outputs;
        part.outputs = outputs;
        part.dw = sums + g * outputs;
        part.dwStep = s.outputs;
        part.accumulate = accumulate;
        part.scratch = scratch;
        dispatch(part);
      });
}

}  // namespace striate
