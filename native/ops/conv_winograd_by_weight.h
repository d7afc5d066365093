// The gradient of a 3 × 3 or 5 × 5 convolution's weights by Winograd's minimal filtering. Runs on the compute
// thread.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/matmul_tile.h"
#include "ops/conv_winograd.h"
#include "ops/conv_winograd_ranges.h"

namespace striate {

/// Whether dL/dweight is made by blocks of 64 channels and outputs: where all tiles are one chunk, of which
/// the planes of 64 channels fit the L2 cache beside the sums, and there are blocks for many threads.
inline bool winogradSumsInBlocks(const ConvShape& s, int64_t planes, int64_t tiles) {
  const int64_t blocks =
      roundUp(s.channels, panelColumns) * roundUp(s.outputs, panelColumns) / (panelColumns * panelColumns);
  return blocks >= 16 && tiles > 0 && winogradChunkOf(tiles) == tiles &&
         planes * (tiles + panelColumns) * panelColumns <= 2 * winogradPlaneFloats;
}

/// dL/dweight: the products of a plane sum over the tiles, and the planes are transformed back once.
template <int m, int r>
struct WinogradWeightPass {
  static constexpr int planes = winogradPlanes<m, r>;
  using Chunk = WinogradChunk<m, r>;

  const ConvShape& s;
  const float *gradient, *x;
  float* dw;
  const WinogradGrid grid = WinogradGrid::of<m, r>(s.images, s.outHeight, s.outWidth, s.moves.dilationHeight);

  void run() const {
    const Block zeros = takeFloats(std::max(s.channels, s.outputs));
    std::memset(zeros.data(), 0, static_cast<size_t>(std::max(s.channels, s.outputs)) * sizeof(float));
    const int64_t sumFloats = planes * sumPlane();
    if (!fewSums() && winogradSumsInBlocks(s, planes, grid.count)) return runBlocks(zeros.floats());
    const WinogradRanges ranges = this->ranges();
    const int64_t atOnce = fewSums() ? blockTiles() : ranges.tilesAtOnce(scratchFloats(1));
    const Block sums = takeFloats(ranges.count * sumFloats);
    ranges.run(fewSums(), scratchFloats(atOnce), sums.floats(), sumFloats,
               [&](int64_t from, int64_t to, float* scratch, float* ofRange, const auto& forEach) {
                 accumulate(from, to, atOnce, zeros.floats(), scratch, ofRange, forEach);
               });
    constexpr int64_t rowsAtOnce = 16;
    const int64_t blocks = wide() / panelColumns, cuts = (s.channels + rowsAtOnce - 1) / rowsAtOnce;
    parallelFor(blocks * cuts, [&](int64_t piece) {
      const int64_t column = piece / cuts * panelColumns, row = piece % cuts * rowsAtOnce;
      transformSums(sums.floats() + column * s.channels + row * panelColumns, sumPlane(), row, rowsAtOnce,
                    column);
    });
  }

 private:
  /// Sums lie in blocks of 64 outputs.
  int64_t sumPlane() const { return s.channels * wide() + lineFloats; }
  int64_t wide() const { return roundUp(s.outputs, panelColumns); }
  /// Whether the sums fit a thread's cache, beside the planes of some tiles.
  bool fewSums() const { return planes * sumPlane() <= winogradPlaneFloats; }
  WinogradRanges ranges() const {
    if (fewSums()) return {grid.count, std::clamp<int64_t>(grid.count / (4 * blockTiles()), 1, 16)};
    return WinogradRanges::of(grid.count, planes * sumPlane());
  }
  int64_t blockTiles() const { return winogradBlock<m, r>(roundUp(s.channels, panelColumns) + wide(), 48); }
  int64_t scratchFloats(int64_t tiles) const {
    return planes * (winogradPlane(tiles, s.channels) + winogradPlane(tiles, s.outputs));
  }

  /// By blocks of 64 channels and outputs, whose sums never leave the cache.
  void runBlocks(const float* zeros) const {
    const Chunk chunk(grid, 0, grid.count);
    const Block tiles = takeFloats(scratchFloats(grid.count));
    transformTiles(chunk, zeros, tiles.floats(), inAllThreads);
    constexpr int64_t plane = panelColumns * panelColumns + lineFloats;
    const int64_t blocks = wide() / panelColumns, cuts = (s.channels + panelColumns - 1) / panelColumns;
    parallelWithScratch(cuts * blocks, planes * plane, [&](int64_t piece, float* sums) {
      const int64_t row = piece / blocks * panelColumns, column = piece % blocks * panelColumns;
      for (int64_t p = 0; p < planes; ++p) {
        const int64_t next = (p + 1) % planes, lines = chunk.count * panelColumns / lineFloats;
        multiply(chunk, p, row, column, tiles.floats(), sums + p * plane, false,
                 {{{inputs(chunk, tiles.floats(), next, row), lines},
                   {gradients(chunk, tiles.floats(), next, column), lines}}});
      }
      transformSums(sums, plane, row, panelColumns, column);
    });
  }

  const float* inputs(const Chunk& chunk, const float* tiles, int64_t p, int64_t row) const {
    return tiles + p * winogradPlane(chunk.count, s.channels) + row * chunk.count;
  }
  const float* gradients(const Chunk& chunk, const float* tiles, int64_t p, int64_t column) const {
    return tiles + planes * winogradPlane(chunk.count, s.channels) +
           p * winogradPlane(chunk.count, s.outputs) + column * chunk.count;
  }

  void transformSums(const float* sums, int64_t planeStep, int64_t row, int64_t rows, int64_t column) const {
    const int64_t matrix = s.channels * s.outputs;
    dispatch(WinogradWeightGradient<m, r>{sums, planeStep, std::min(rows, s.channels - row),
                                          std::min(panelColumns, s.outputs - column),
                                          dw + row * s.outputs + column, r * matrix, matrix, s.outputs});
  }

  /// The planes of a chunk's inputs, then those of its gradients.
  template <class ForEach>
  void transformTiles(const Chunk& chunk, const float* zeros, float* planesOfAll,
                      const ForEach& forEach) const {
    constexpr int64_t tilesAtOnce = 6;
    const int64_t count = chunk.count, blockStep = count * panelColumns;
    const int64_t inputPlane = winogradPlane(count, s.channels), dilation = s.moves.dilationHeight;
    forEach((count + tilesAtOnce - 1) / tilesAtOnce, [&](int64_t piece) {
      const int64_t at = piece * tilesAtOnce, some = std::min(tilesAtOnce, count - at);
      WinogradTiles tiles{s.height,     s.width,  s.channels, grid.rows,       grid.columns, s.moves.top,
                          s.moves.left, dilation, grid.edge,  chunk.list + at, some,         dilation};
      float* to = planesOfAll + at * panelColumns;
      dispatch(WinogradInput<m, r>{tiles, x, zeros, to, blockStep, inputPlane});
      tiles.height = s.outHeight, tiles.width = s.outWidth, tiles.channels = s.outputs;
      tiles.top = tiles.left = 0;
      dispatch(WinogradGradient<m, r>{tiles, gradient, zeros, to + planes * inputPlane, blockStep,
                                      winogradPlane(count, s.outputs)});
    });
  }

  /// c (+)= the products of a plane for 64 channels and outputs.
  void multiply(const Chunk& chunk, int64_t p, int64_t row, int64_t column, const float* tiles, float* c,
                bool more, const WinogradNext& next) const {
    const int64_t begin = chunk.begin(p);
    dispatch(WinogradProduct<true>{inputs(chunk, tiles, p, row) + begin * panelColumns, 0,
                                   gradients(chunk, tiles, p, column) + begin * panelColumns, c,
                                   std::min(panelColumns, s.channels - row), chunk.end(p) - begin,
                                   std::min(panelColumns, s.outputs - column), more, next});
  }

  /// Adds up the products of tiles [from, to) in `sums`, `atOnce` tiles at a time; forEach(count, work) calls
  /// work for each piece of a step.
  template <class ForEach>
  void accumulate(int64_t from, int64_t to, int64_t atOnce, const float* zeros, float* scratch, float* sums,
                  const ForEach& forEach) const {
    const int64_t cuts = (s.channels + panelColumns - 1) / panelColumns, blocks = wide() / panelColumns;
    for (int64_t first = from; first < to; first += atOnce) {
      const Chunk chunk(grid, first, std::min(atOnce, to - first));
      transformTiles(chunk, zeros, scratch, forEach);
      const int64_t next = first + atOnce, nextEnd = next + atOnce;
      const WinogradAhead inputPixels =
          grid.pixels({x, s.height, s.width, s.channels, m, r - 1 - s.moves.top}, next, nextEnd);
      const WinogradAhead gradientPixels =
          grid.pixels({gradient, s.outHeight, s.outWidth, s.outputs, m, 0}, next, nextEnd);
      forEach(planes * cuts, [&](int64_t piece) {
        const int64_t p = piece / cuts, row = piece % cuts * panelColumns;
        for (int64_t block = 0; block < blocks; ++block) {
          const int64_t column = block * panelColumns;
          float* c = sums + p * sumPlane() + column * s.channels + row * panelColumns;
          multiply(chunk, p, row, column, scratch, c, first > from,
                   {{{c + s.channels * panelColumns, 4 * panelColumns},
                     {gradients(chunk, scratch, p, column + panelColumns),
                      chunk.count * panelColumns / lineFloats},
                     inputPixels.part(piece * blocks + block, planes * cuts * blocks),
                     gradientPixels.part(piece * blocks + block, planes * cuts * blocks)}});
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
