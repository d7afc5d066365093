// The gradient of a 3 × 3 convolution's weights with stride 2, by Winograd's minimal filtering on its phases.
// Runs on the compute thread.
#pragma once

#include <algorithm>

#include "ops/conv_polyphase.h"
#include "ops/conv_winograd_by_weight.h"

namespace striate {

/// dL/dweight: the products of a plane sum over the tiles, and the planes are transformed back once.
struct PolyphaseByWeight {
  using Chunk = Polyphase::Chunk;

  const ConvShape& s;
  const float *gradient, *x;
  float* dw;
  const WinogradGrid grid = WinogradGrid::of<Polyphase::m, 2>(s.images, s.outHeight, s.outWidth);
  const int64_t blocks = (s.outputs + panelColumns - 1) / panelColumns;
  const int64_t cuts = (s.channels + panelColumns - 1) / panelColumns;

  void run() const {
    const Block zeros = polyphaseZeros(std::max(s.channels, s.outputs));
    winogradSumsInBlocks(s, Polyphase::points, grid.count) ? runBlocks(zeros.floats())
                                                           : runPlanes(zeros.floats());
  }

 private:
  int64_t tileFloats(int64_t count) const {
    return Polyphase::planes * winogradPlane(count, s.channels) +
           Polyphase::points * winogradPlane(count, s.outputs);
  }

  /// By blocks of 64 channels and outputs, whose sums never leave the cache.
  void runBlocks(const float* zeros) const {
    const Chunk chunk(grid, 0, grid.count);
    const Block transformed = takeFloats(tileFloats(grid.count));
    float* tiles = transformed.floats();
    transformTiles(chunk, zeros, tiles, inAllThreads);
    constexpr int64_t plane = panelColumns * panelColumns + lineFloats;
    parallelWithScratch(cuts * blocks, Polyphase::points * plane, [&](int64_t piece, float* sums) {
      const int64_t row = piece / blocks * panelColumns, column = piece % blocks * panelColumns;
      const auto& order = Polyphase::byPhase;
      for (int phase = 0; phase < Polyphase::phases; ++phase) {
        const int first = Polyphase::start(phase), end = Polyphase::start(phase + 1);
        for (int i = first; i < end; ++i) {
          const Polyphase::Plane &at = order[static_cast<size_t>(i)],
                                 &next = order[static_cast<size_t>((i + 1) % Polyphase::planes)];
          const int64_t lines = chunk.count * panelColumns / lineFloats;
          multiply(
              chunk, at, row, column, tiles, sums + (i - first) * plane, false,
              {{{inputs(chunk, tiles, next, row), lines}, {gradients(chunk, tiles, next, column), lines}}});
        }
        transformSums(phase, sums, plane, row, panelColumns, column);
      }
    });
  }

  /// Plane by plane, some tiles at a time; sums lie in blocks of 64 outputs.
  void runPlanes(const float* zeros) const {
    const int64_t sumPlane = s.channels * blocks * panelColumns + lineFloats;
    const int64_t sumFloats = Polyphase::planes * sumPlane;
    const WinogradRanges ranges = WinogradRanges::of(grid.count, sumFloats);
    const int64_t atOnce = ranges.tilesAtOnce(tileFloats(1));
    const Block sums = takeFloats(ranges.count * sumFloats);
    ranges.run(false, tileFloats(atOnce), sums.floats(), sumFloats,
               [&](int64_t from, int64_t to, float* tiles, float* ofRange, const auto& forEach) {
                 accumulate(from, to, atOnce, zeros, tiles, ofRange, sumPlane, forEach);
               });
    constexpr int64_t rowsAtOnce = 16;
    const int64_t rows = (s.channels + rowsAtOnce - 1) / rowsAtOnce;
    parallelFor(blocks * rows, [&](int64_t piece) {
      const int64_t column = piece / rows * panelColumns, row = piece % rows * rowsAtOnce;
      const float* from = sums.floats() + column * s.channels + row * panelColumns;
      for (int phase = 0; phase < Polyphase::phases; ++phase)
        transformSums(phase, from + Polyphase::start(phase) * sumPlane, sumPlane, row, rowsAtOnce, column);
    });
  }

  /// Adds up the products of tiles [from, to) in `sums`, `atOnce` tiles at a time.
  template <class ForEach>
  void accumulate(int64_t from, int64_t to, int64_t atOnce, const float* zeros, float* tiles, float* sums,
                  int64_t sumPlane, const ForEach& forEach) const {
    for (int64_t first = from; first < to; first += atOnce) {
      const Chunk chunk(grid, first, std::min(atOnce, to - first));
      transformTiles(chunk, zeros, tiles, forEach);
      const int64_t next = first + chunk.count, nextEnd = next + atOnce;
      const WinogradAhead inputPixels = polyphasePixels(s, grid, x, next, nextEnd);
      const WinogradAhead gradientPixels =
          grid.pixels({gradient, s.outHeight, s.outWidth, s.outputs, Polyphase::m, 0}, next, nextEnd);
      forEach(Polyphase::planes * cuts, [&](int64_t piece) {
        const Polyphase::Plane& at = Polyphase::byPhase[static_cast<size_t>(piece / cuts)];
        const int64_t row = piece % cuts * panelColumns;
        for (int64_t block = 0; block < blocks; ++block) {
          const int64_t column = block * panelColumns;
          float* c = sums + at.index * sumPlane + column * s.channels + row * panelColumns;
          multiply(
              chunk, at, row, column, tiles, c, first > from,
              {{{c + s.channels * panelColumns, 4 * panelColumns},
                {gradients(chunk, tiles, at, column + panelColumns), chunk.count * panelColumns / lineFloats},
                inputPixels.part(piece * blocks + block, Polyphase::planes * cuts * blocks),
                gradientPixels.part(piece * blocks + block, Polyphase::planes * cuts * blocks)}});
        }
      });
    }
  }

  const float* inputs(const Chunk& chunk, const float* tiles, const Polyphase::Plane& at, int64_t row) const {
    return tiles + at.index * winogradPlane(chunk.count, s.channels) + row * chunk.count;
  }
  const float* gradients(const Chunk& chunk, const float* tiles, const Polyphase::Plane& at,
                         int64_t column) const {
    return tiles + Polyphase::planes * winogradPlane(chunk.count, s.channels) +
           at.point * winogradPlane(chunk.count, s.outputs) + column * chunk.count;
  }

  /// The planes of a chunk's inputs, then those of its gradients.
  template <class ForEach>
  void transformTiles(const Chunk& chunk, const float* zeros, float* planes, const ForEach& forEach) const {
    const int64_t count = chunk.count, some = polyphaseTilesAtOnce;
    forEach((count + some - 1) / some, [&](int64_t piece) {
      const int64_t from = piece * some, to = std::min(count, from + some);
      polyphaseInput(s, grid, chunk, x, zeros, from, to, planes);
      const WinogradTiles tiles{s.outHeight, s.outWidth, s.outputs, grid.rows,         grid.columns, 0,
                                0,           1,          grid.edge, chunk.list + from, to - from};
      float* gradients = planes + Polyphase::planes * winogradPlane(count, s.channels) + from * panelColumns;
      dispatch(WinogradGradient<Polyphase::m, 2>{tiles, gradient, zeros, gradients, count * panelColumns,
                                                 winogradPlane(count, s.outputs)});
    });
  }

  /// c (+)= the products of a plane for 64 channels and outputs.
  void multiply(const Chunk& chunk, const Polyphase::Plane& at, int64_t row, int64_t column,
                const float* tiles, float* c, bool more, const WinogradNext& next) const {
    const int64_t begin = chunk.begin(at.point);
    dispatch(WinogradProduct<true>{inputs(chunk, tiles, at, row) + begin * panelColumns, 0,
                                   gradients(chunk, tiles, at, column) + begin * panelColumns, c,
                                   std::min(panelColumns, s.channels - row), chunk.end(at.point) - begin,
                                   std::min(panelColumns, s.outputs - column), more, next});
  }

  void transformSums(int phase, const float* sums, int64_t planeStep, int64_t row, int64_t rows,
                     int64_t column) const {
    const int64_t matrix = s.channels * s.outputs;
    Polyphase::withTaps(phase, [&](auto high, auto wide) {
      dispatch(WinogradWeightGradient<Polyphase::m, high.value, wide.value>{
          sums, planeStep, std::min(rows, s.channels - row), std::min(panelColumns, s.outputs - column),
          dw + (phase / 2 * 3 + phase % 2) * matrix + row * s.outputs + column, 6 * matrix, 2 * matrix,
          s.outputs});
    });
  }
};

inline void polyphaseByWeight(const ConvShape& s, const float* gradient, const float* x, float* dw) {
  PolyphaseByWeight{s, gradient, x, dw}.run();
}

}  // namespace striate
