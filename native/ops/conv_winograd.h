// The three passes of a 3 × 3 or 5 × 5 convolution with stride 1 by Winograd's minimal filtering. Runs on the
// compute thread. Transformed tiles must stay in a cache between the transforms and the products, which takes
// two orders of work:
// - few channels: each thread takes a block of tiles through all steps, its planes in the L2 cache, while the
//   transformed weights stream by;
// - many channels: their transformed weights would not fit even the L3 cache, so all threads transform a
//   chunk of tiles, then each takes blocks of outputs and transforms their weights as it goes.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/copy.h"
#include "kernels/matmul_tile.h"
#include "kernels/stream.h"
#include "kernels/winograd.h"
#include "ops/conv_shape.h"
#include "ops/matmul.h"
#include "runtime/parallel.h"

namespace striate {

inline bool winogradSuits(const ConvShape& s) {
  const WindowMoves& m = s.moves;
  return (s.kernelHeight == 3 || s.kernelHeight == 5) && s.kernelWidth == s.kernelHeight &&
         m.strideHeight == 1 && m.strideWidth == 1 && m.dilationHeight == 1 && m.dilationWidth == 1 &&
         s.groups == 1;
}

/// Floats of planes that one thread works on at a time: they share an L2 cache of 2 MiB with the weights.
constexpr int64_t winogradPlaneFloats = 320 * 1024;
/// Transformed weights beyond which they are made where they are used.
constexpr int64_t winogradWeightFloats = 3 * 1024 * 1024;
/// Tiles in the chunks that all threads share: about so many, and at most half as many more.
constexpr int64_t winogradChunk = 192, winogradMost = winogradChunk * 3 / 2;

/// Chunks of equal size, since each makes the transformed weights anew.
inline int64_t winogradChunkOf(int64_t tiles) {
  const int64_t chunks = std::max<int64_t>(1, (tiles + winogradChunk / 2) / winogradChunk);
  return (tiles + chunks - 1) / chunks;
}

/// The tiles of a block whose planes of `floats` each tile fit: whole register tiles.
template <int m, int r>
int64_t winogradBlock(int64_t floats) {
  return std::clamp<int64_t>(winogradPlaneFloats / (winogradPlanes<m, r> * floats) / 12 * 12, 12, 96);
}

/// Correlates images [images, height, width, channels] with weight(tap, c, k) = weight[tap·tapStep +
/// c·outputs
/// + k] into [images, outHeight, outWidth, outputs].
template <int m, int r>
struct WinogradCorrelation {
  static constexpr int n = m + r - 1, planes = n * n;

  const float* source;
  int64_t images, height, width, channels, top, left;
  int64_t outHeight, outWidth, outputs;
  const float* weight;
  const float* bias;
  bool relu;
  float* out;

  void run() const {
    if (images * outHeight * outWidth * outputs == 0) return;
    const Block zeros = takeFloats(channels);
    std::memset(zeros.data(), 0, static_cast<size_t>(channels) * sizeof(float));
    if (planes * channels * wide() > winogradWeightFloats)
      runSharing(zeros.floats());
    else
      runBlocks(zeros.floats());
  }

 private:
  int64_t wide() const { return roundUp(outputs, panelColumns); }
  int64_t tileRows() const { return (outHeight + m - 1) / m; }
  int64_t tileColumns() const { return (outWidth + m - 1) / m; }
  int64_t tileCount() const { return images * tileRows() * tileColumns(); }

  void transformInput(const float* zeros, int64_t from, int64_t count, float* to, int64_t planeStep) const {
    const WinogradTiles tiles{height, width, channels, tileRows(), tileColumns(), top, left, from, count};
    dispatch(WinogradInput<m, r>{tiles, source, zeros, to, channels, panelColumns, planeStep});
  }

  void transformWeight(int64_t block, int64_t row, int64_t rows, int64_t depthFrom, int64_t depthTo,
                       float* panels, int64_t planeStep) const {
    const int64_t column = block * panelColumns;
    dispatch(WinogradWeight<m, r>{weight + column, channels * outputs, outputs, channels,
                                  std::min(panelColumns, outputs - column), row, row + rows, depthFrom,
                                  depthTo, panels, planeStep});
  }

  /// products[t][k] = Σ_c plane[t][c]·panel[c][k] for one plane and a block of outputs.
  void multiplyPlane(int64_t block, const float* plane, int64_t count, const float* panel, float* products,
                     const float* next, int64_t nextFloats) const {
    const float* aRows[winogradMost];
    float* cRows[winogradMost];
    for (int64_t t = 0; t < count; ++t) {
      aRows[t] = plane + t * channels;
      cRows[t] = products + t * panelColumns;
    }
    const int64_t start = 0;
    TileProduct tiles{};
    tiles.aRows = aRows, tiles.cRows = cRows;
    tiles.rows = count, tiles.columns = std::min(panelColumns, outputs - block * panelColumns);
    tiles.segments = &start, tiles.segmentCount = 1, tiles.length = channels, tiles.aStep = 1;
    tiles.b = panel, tiles.panelDepth = channels;
    tiles.next = &next, tiles.nextRuns = 1, tiles.nextLength = nextFloats;
    dispatch(tiles);
  }

  void transformOutput(int64_t block, const float* products, int64_t planeStep, int64_t from,
                       int64_t count) const {
    const WinogradTiles tiles{outHeight, outWidth, outputs, tileRows(), tileColumns(), 0, 0, from, count};
    const int64_t column = block * panelColumns;
    const bool stream = outputs % lineFloats == 0 && streams(images * outHeight * outWidth * outputs *
                                                             static_cast<int64_t>(sizeof(float)));
    dispatch(WinogradOutput<m, r>{tiles, products, planeStep, column,
                                  std::min(panelColumns, outputs - column), bias, relu, stream, out});
  }

  void runBlocks(const float* zeros) const {
    const int64_t weightPlane = channels * wide();
    const Block weights = takeFloats(planes * weightPlane);
    constexpr int64_t depthAtOnce = 16;
    const int64_t depths = (channels + depthAtOnce - 1) / depthAtOnce;
    parallelFor(depths * (wide() / panelColumns), [&](int64_t piece) {
      const int64_t block = piece / depths, depth = piece % depths * depthAtOnce;
      transformWeight(block, 0, n, depth, std::min(channels, depth + depthAtOnce),
                      weights.floats() + block * panelColumns * channels, weightPlane);
    });
    const int64_t atOnce = winogradBlock<m, r>(channels + panelColumns);
    parallelWithScratch((tileCount() + atOnce - 1) / atOnce, planes * atOnce * (channels + panelColumns),
                        [&](int64_t piece, float* scratch) {
                          const int64_t from = piece * atOnce, count = std::min(atOnce, tileCount() - from);
                          transformInput(zeros, from, count, scratch, count * channels);
                          multiplyBlock(from, count, scratch, weights.floats());
                        });
  }

  /// All products of a block of tiles and their outputs, from planes of the input at the start of `scratch`.
  void multiplyBlock(int64_t from, int64_t count, float* scratch, const float* weights) const {
    const int64_t weightPlane = channels * wide(), blocks = wide() / panelColumns;
    float* products = scratch + planes * count * channels;
    for (int64_t block = 0; block < blocks; ++block) {
      const float* panels = weights + block * panelColumns * channels;
      for (int64_t p = 0; p < planes; ++p) {
        const float* panel = panels + p * weightPlane;
        const float* next = p + 1 < planes       ? panel + weightPlane
                            : block + 1 < blocks ? panels + panelColumns * channels
                                                 : weights;
        multiplyPlane(block, scratch + p * count * channels, count, panel,
                      products + p * count * panelColumns, next, channels * panelColumns);
      }
      transformOutput(block, products, count * panelColumns, from, count);
    }
  }

  void runSharing(const float* zeros) const {
    const int64_t chunk = winogradChunkOf(tileCount()), blocks = wide() / panelColumns;
    const Block input = takeFloats(planes * chunk * channels);
    const int64_t panelFloats = n * channels * panelColumns;
    for (int64_t first = 0; first < tileCount(); first += chunk) {
      const int64_t count = std::min(chunk, tileCount() - first), inputPlane = count * channels;
      constexpr int64_t tilesAtOnce = 6;
      parallelRanges(count, tilesAtOnce, [&](int64_t from, int64_t to) {
        transformInput(zeros, first + from, to - from, input.floats() + from * channels, inputPlane);
      });
      parallelWithScratch(blocks, panelFloats + planes * count * panelColumns,
                          [&](int64_t block, float* scratch) {
                            float* products = scratch + panelFloats;
                            for (int64_t row = 0; row < n; ++row) {
                              transformWeight(block, row, 1, 0, channels, scratch, channels * panelColumns);
                              for (int64_t p = row * n; p < (row + 1) * n; ++p)
                                multiplyPlane(block, input.floats() + p * inputPlane, count,
                                              scratch + (p - row * n) * channels * panelColumns,
                                              products + p * count * panelColumns,
                                              input.floats() + (p + 1) % planes * inputPlane, inputPlane);
                            }
                            transformOutput(block, products, count * panelColumns, first, count);
                          });
    }
  }
};

template <int m, int r>
void winogradForward(const ConvShape& s, const float* x, const float* weight, const float* bias, bool relu,
                     float* y) {
  WinogradCorrelation<m, r>{x,           s.images,     s.height,    s.width,    s.channels,
                            s.moves.top, s.moves.left, s.outHeight, s.outWidth, s.outputs,
                            weight,      bias,         relu,        y}
      .run();
}

/// The correlation of dL/dy with the weights turned by half a turn, inputs and outputs exchanged.
template <int m, int r>
void winogradByInput(const ConvShape& s, const float* gradient, const float* weight, float* dx,
                     const float* bias, bool relu) {
  const int64_t matrix = s.channels * s.outputs;
  const Block turned = takeFloats(r * r * matrix);
  constexpr int64_t rowsAtOnce = 64;
  const int64_t cuts = (s.outputs + rowsAtOnce - 1) / rowsAtOnce;
  parallelFor(r * r * cuts, [&](int64_t piece) {
    const int64_t tap = piece / cuts, row = piece % cuts * rowsAtOnce;
    CopyLoops loops;
    loops.rows = {s.outputs, 1, s.channels};
    loops.columns = {s.channels, s.outputs, 1};
    dispatch(CopyBlocks<4>{&loops, reinterpret_cast<const std::byte*>(weight + tap * matrix),
                           reinterpret_cast<std::byte*>(turned.floats() + (r * r - 1 - tap) * matrix), 0, 1,
                           row, std::min(s.outputs, row + rowsAtOnce), 0, s.channels});
  });
  WinogradCorrelation<m, r>{gradient,
                            s.images,
                            s.outHeight,
                            s.outWidth,
                            s.outputs,
                            r - 1 - s.moves.top,
                            r - 1 - s.moves.left,
                            s.height,
                            s.width,
                            s.channels,
                            turned.floats(),
                            bias,
                            relu,
                            dx}
      .run();
}

/// dL/dweight: the products of a plane sum over the tiles, and the planes are transformed back once.
template <int m, int r>
struct WinogradWeightPass {
  static constexpr int planes = winogradPlanes<m, r>;

  const ConvShape& s;
  const float *gradient, *x;
  float* dw;

  void run() const {
    const Block zeros = takeFloats(std::max(s.channels, s.outputs));
    std::memset(zeros.data(), 0, static_cast<size_t>(std::max(s.channels, s.outputs)) * sizeof(float));
    const int64_t sumFloats = planes * matrix(), own = winogradPlaneFloats;
    // Where the sums fit beside the planes each range of tiles has its own; ranges are cut by the shape.
    const int64_t ranges =
        sumFloats <= own ? std::clamp<int64_t>(tileCount() / (4 * blockTiles()), 1, 16) : 1;
    const Block sums = takeFloats(ranges * sumFloats);
    if (sumFloats <= own) {
      parallelWithScratch(ranges, scratchFloats(blockTiles()), [&](int64_t range, float* scratch) {
        const int64_t from = range * tileCount() / ranges, to = (range + 1) * tileCount() / ranges;
        accumulate(from, to, blockTiles(), zeros.floats(), scratch, sums.floats() + range * sumFloats,
                   [](int64_t pieces, const auto& work) {
                     for (int64_t i = 0; i < pieces; ++i) work(i);
                   });
      });
      if (ranges > 1)
        parallelRanges(sumFloats, elementGrain, [&](int64_t from, int64_t to) {
          dispatch(SumBlocks{sums.floats() + from, ranges, sumFloats, to - from, sums.floats() + from});
        });
    } else {
      const Block scratch = takeFloats(scratchFloats(winogradChunkOf(tileCount())));
      accumulate(0, tileCount(), winogradChunkOf(tileCount()), zeros.floats(), scratch.floats(),
                 sums.floats(), [](int64_t pieces, const auto& work) { parallelFor(pieces, work); });
    }
    parallelRanges(matrix(), 1024, [&](int64_t from, int64_t to) {
      dispatch(WinogradWeightGradient<m, r>{sums.floats() + from, matrix(), to - from, dw + from, matrix()});
    });
  }

 private:
  int64_t matrix() const { return s.channels * s.outputs; }
  int64_t wide() const { return roundUp(s.outputs, panelColumns); }
  int64_t tileRows() const { return (s.outHeight + m - 1) / m; }
  int64_t tileColumns() const { return (s.outWidth + m - 1) / m; }
  int64_t tileCount() const { return s.images * tileRows() * tileColumns(); }
  int64_t blockTiles() const { return winogradBlock<m, r>(s.channels + wide()); }
  int64_t scratchFloats(int64_t tiles) const {
    return planes * tiles * (roundUp(s.channels, panelColumns) + wide());
  }

  /// Adds up the products of tiles [from, to) in `sums`, `atOnce` tiles at a time; forEach(count, work) calls
  /// work for each piece of a step.
  template <class ForEach>
  void accumulate(int64_t from, int64_t to, int64_t atOnce, const float* zeros, float* scratch, float* sums,
                  const ForEach& forEach) const {
    constexpr int64_t tilesAtOnce = 6, rowsAtOnce = 96;
    const int64_t cuts = (s.channels + rowsAtOnce - 1) / rowsAtOnce;
    for (int64_t first = from; first < to; first += atOnce) {
      const int64_t count = std::min(atOnce, to - first);
      const int64_t inputPlane = count * roundUp(s.channels, panelColumns), gradientPlane = count * wide();
      float *inputs = scratch, *gradients = scratch + planes * inputPlane;
      forEach((count + tilesAtOnce - 1) / tilesAtOnce, [&](int64_t piece) {
        const int64_t at = piece * tilesAtOnce, some = std::min(tilesAtOnce, count - at);
        WinogradTiles tiles{s.height,    s.width,      s.channels, tileRows(), tileColumns(),
                            s.moves.top, s.moves.left, first + at, some};
        dispatch(WinogradInput<m, r>{tiles, x, zeros, inputs + at * panelColumns, panelColumns,
                                     count * panelColumns, inputPlane});
        tiles = {s.outHeight, s.outWidth, s.outputs, tileRows(), tileColumns(), 0, 0, first + at, some};
        dispatch(WinogradGradient<m, r>{tiles, gradient, zeros, gradients + at * panelColumns,
                                        count * panelColumns, gradientPlane});
      });
      forEach(planes * cuts, [&](int64_t piece) {
        const int64_t p = piece / cuts, row = piece % cuts * rowsAtOnce;
        const float* aRows[rowsAtOnce];
        float* cRows[rowsAtOnce];
        const int64_t start = 0;
        TileProduct tiles{};
        tiles.aRows = aRows, tiles.cRows = cRows;
        tiles.rows = std::min(rowsAtOnce, s.channels - row);
        tiles.segments = &start, tiles.segmentCount = 1;
        tiles.length = count, tiles.aStep = panelColumns;
        tiles.bStep = panelColumns;
        tiles.accumulate = first > from;
        for (int64_t column = 0; column < s.outputs; column += panelColumns) {
          for (int64_t i = 0; i < tiles.rows; ++i) {
            const int64_t c = row + i;
            aRows[i] = inputs + p * inputPlane + c / panelColumns * count * panelColumns + c % panelColumns;
            cRows[i] = sums + p * matrix() + c * s.outputs + column;
          }
          tiles.columns = std::min(panelColumns, s.outputs - column);
          tiles.b = gradients + p * gradientPlane + column * count;
          dispatch(tiles);
        }
      });
    }
  }
};

template <int m, int r>
void winogradByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  WinogradWeightPass<m, r>{s, gradient, x, dw}.run();
}

}  // namespace striate
