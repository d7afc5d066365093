// A 3 × 3 or 5 × 5 convolution with stride 1, also dilated, by Winograd's minimal filtering, forward and by
// input. Runs on the compute thread. Transformed tiles must stay in a cache between the transforms and the
// products, which takes two orders of work:
// - few channels: each thread takes a block of tiles through all steps, its planes in the L2 cache, while the
//   transformed weights stream by;
// - many channels: their transformed weights would not fit even the L3 cache, so all threads transform a
//   chunk of tiles, then each takes blocks of outputs and transforms their weights as it goes, or reads those
//   that were kept.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/matmul_tile.h"
#include "kernels/stream.h"
#include "kernels/winograd.h"
#include "kernels/winograd_product.h"
#include "kernels/winograd_weight.h"
#include "ops/conv_shape.h"
#include "ops/conv_winograd_grid.h"
#include "ops/conv_winograd_moments.h"
#include "ops/matmul.h"
#include "runtime/parallel.h"

namespace striate {

/// Floats of planes that one thread works on at a time: they share an L2 cache with the weights.
constexpr int64_t winogradPlaneFloats = 256 * 1024;
/// Transformed weights beyond which they are made where they are used.
constexpr int64_t winogradWeightFloats = 3 * 1024 * 1024;

/// Floats from one plane of tiles to the next, in blocks of 64 channels. The odd line keeps the same place of
/// different planes in different sets of a cache.
inline int64_t winogradPlane(int64_t tiles, int64_t channels) {
  return tiles * roundUp(channels, panelColumns) + lineFloats;
}

/// The tiles of a block whose planes of `floats` each tile fit; but not below `least`, since fewer would have
/// weights, or sums, come from the L3 cache too often, which costs more than planes that come from there.
template <int m, int r>
int64_t winogradBlock(int64_t floats, int64_t least) {
  return std::clamp<int64_t>(winogradPlaneFloats / (winogradPlanes<m, r> * floats) / 12 * 12, least, 96);
}

/// Weights [kernel, kernel, channels, outputs] as a correlation takes them.
inline WinogradTaps winogradTaps(const float* weight, int64_t kernel, int64_t channels, int64_t outputs) {
  const int64_t matrix = channels * outputs;
  return {weight, kernel * matrix, matrix, outputs, 1};
}

/// The same turned by half a turn, channels and outputs exchanged.
inline WinogradTaps winogradTapsTurned(const float* weight, int64_t kernel, int64_t channels,
                                       int64_t outputs) {
  const int64_t matrix = channels * outputs;
  return {weight + (kernel * kernel - 1) * matrix, -kernel * matrix, -matrix, 1, outputs};
}

/// Part of them, from a channel and an output of the correlation on.
inline WinogradTaps winogradTapsFrom(WinogradTaps taps, int64_t depth, int64_t column) {
  taps.from += depth * taps.depthStep + column * taps.columnStep;
  return taps;
}

/// Correlates images [images, height, width, channels] with the weights into [images, outHeight, outWidth,
/// outputs].
template <int m, int r>
struct WinogradCorrelation {
  static constexpr int n = m + r - 1, planes = n * n;

  const float* source;
  int64_t images, height, width, channels, top, left, dilation;
  int64_t outHeight, outWidth, outputs;
  WinogradTaps weight;
  Preparations* preparations;  ///< of the weights as a forward pass takes them, or null
  ConvEnd end;
  Moments* moments;  ///< of the outputs, or null
  float* out;

  const WinogradGrid grid = WinogradGrid::of<m, r>(images, outHeight, outWidth, dilation);

  void run() const {
    if (images * outHeight * outWidth * outputs == 0) return;
    const Block zeros = takeFloats(channels);
    std::memset(zeros.data(), 0, static_cast<size_t>(channels) * sizeof(float));
    shares() ? runSharing(zeros.floats()) : runBlocks(zeros.floats());
  }

 private:
  using Chunk = WinogradChunk<m, r>;

  bool shares() const { return planes * channels * wide() > winogradWeightFloats; }
  int64_t wide() const { return roundUp(outputs, panelColumns); }

  /// Whether the products take the place of a block's inputs: a tile of them reads all channels of its rows
  /// before it writes as many outputs.
  bool inPlace() const {
    bool onePanel = false;
    dispatch(WinogradOnePanel{outputs, &onePanel});
    return channels > 0 && channels <= panelColumns && onePanel;
  }

  static int64_t productPlane(int64_t count) { return winogradPlane(count, panelColumns); }
  int64_t inputPlane(int64_t count) const { return winogradPlane(count, channels); }
  /// Channels of the panels that are multiplied at a time: where weights are made as they are used, those
  /// that fit the L2 cache.
  int64_t depthAtOnce() const { return shares() ? panelColumns : std::max<int64_t>(1, channels); }
  int64_t panelPlane() const { return depthAtOnce() * panelColumns + lineFloats; }

  /// Transforms tiles [from, to) of a chunk.
  void transformInput(const float* zeros, const Chunk& chunk, int64_t from, int64_t to, float* input) const {
    const WinogradTiles tiles{height, width,    channels,  grid.rows,         grid.columns, top,
                              left,   dilation, grid.edge, chunk.list + from, to - from,    dilation};
    dispatch(WinogradInput<m, r>{tiles, source, zeros, input + from * panelColumns,
                                 chunk.count * panelColumns, inputPlane(chunk.count)});
  }

  /// Depths [from, to) of the panels of a block of outputs, which begin with the channel `first` and hold
  /// `depth`.
  void transformWeight(int64_t block, int64_t first, int64_t depth, int64_t from, int64_t to, float* panels,
                       int64_t planeStep) const {
    const int64_t column = block * panelColumns;
    dispatch(WinogradWeight<m, r>{winogradTapsFrom(weight, first, column), depth,
                                  std::min(panelColumns, outputs - column), from, to, panels, planeStep});
  }

  /// sums[t][k] (+)= Σ_c input[t][c]·panel[c][k] for the tiles that have the plane p, and a block of outputs.
  void multiplyPlane(int64_t block, const Chunk& chunk, int64_t p, const float* input, const float* panel,
                     int64_t depth, float* sums, bool accumulate, const WinogradNext& next) const {
    const int64_t begin = chunk.begin(p);
    dispatch(WinogradProduct<false>{
        input + p * inputPlane(chunk.count) + begin * panelColumns, chunk.count * panelColumns, panel,
        sums + p * productPlane(chunk.count) + begin * panelColumns, chunk.end(p) - begin, depth,
        std::min(panelColumns, outputs - block * panelColumns), accumulate, next});
  }

  /// Of tiles [from, to).
  WinogradAhead pixels(int64_t from, int64_t to) const {
    return grid.pixels({source, height, width, channels, m, r - 1 - top}, from, to);
  }

  WinogradMoments momentsOf(int64_t atOnce) const {
    return {moments, grid, m, outHeight, outWidth, outputs, atOnce};
  }

  void transformOutput(int64_t block, const Chunk& chunk, const float* products,
                       const WinogradMoments& gathered) const {
    const WinogradTiles tiles{outHeight, outWidth, outputs,   grid.rows,  grid.columns, 0,
                              0,         dilation, grid.edge, chunk.list, chunk.count,  dilation};
    const int64_t column = block * panelColumns;
    const bool stream = outputs % lineFloats == 0 && streams(images * outHeight * outWidth * outputs *
                                                             static_cast<int64_t>(sizeof(float)));
    dispatch(WinogradOutput<m, r>{tiles, products, productPlane(chunk.count), column,
                                  std::min(panelColumns, outputs - column), end, stream, out,
                                  gathered.of(chunk.first, column)});
  }

  int64_t weightFloats() const {
    return (wide() / panelColumns) * ((channels + depthAtOnce() - 1) / depthAtOnce()) * planes * panelPlane();
  }

  /// All of them: for each block of outputs, then of channels, the panels of the planes.
  void transformWeights(float* to) const {
    constexpr int64_t some = 16;
    const int64_t steps = (channels + some - 1) / some, atOnce = depthAtOnce();
    const int64_t inBlock = (channels + atOnce - 1) / atOnce;
    parallelFor(steps * (wide() / panelColumns), [&](int64_t piece) {
      const int64_t block = piece / steps, channel = piece % steps * some, first = channel / atOnce * atOnce;
      const int64_t depth = std::min(atOnce, channels - first);
      transformWeight(block, first, depth, channel - first, std::min(depth, channel - first + some),
                      to + (block * inBlock + first / atOnce) * planes * panelPlane(), panelPlane());
    });
  }

  Preparations::Key key() const { return {m, r, channels, outputs}; }

  void runBlocks(const float* zeros) const {
    Block own;
    const float* weights = Preparations::keptOrMade(
        preparations, key(), weightFloats(), [this](float* to) { transformWeights(to); }, own);
    // Equal blocks, as many for each of two or four threads.
    constexpr int64_t least = 72;
    const int64_t most =
        winogradBlock<m, r>(roundUp(channels, panelColumns) + (inPlace() ? 0 : panelColumns), least);
    const int64_t pieces = roundUp((grid.count + most - 1) / most, 4);
    const int64_t atOnce = (grid.count + pieces - 1) / pieces;
    const WinogradMoments gathered = momentsOf(atOnce);
    parallelWithScratch((grid.count + atOnce - 1) / atOnce,
                        planes * (inputPlane(atOnce) + (inPlace() ? 0 : productPlane(atOnce))),
                        [&](int64_t piece, float* scratch) {
                          const int64_t from = piece * atOnce;
                          const Chunk chunk(grid, from, std::min(atOnce, grid.count - from));
                          transformInput(zeros, chunk, 0, chunk.count, scratch);
                          multiplyBlock(chunk, scratch, weights, pixels(from + atOnce, from + 2 * atOnce),
                                        gathered);
                        });
  }

  /// All products of a block of tiles and their outputs, from planes of the input at the start of `scratch`;
  /// meanwhile come the pixels of the next.
  void multiplyBlock(const Chunk& chunk, float* scratch, const float* weights, WinogradAhead pixels,
                     const WinogradMoments& gathered) const {
    const int64_t blocks = wide() / panelColumns, plane = inputPlane(chunk.count);
    float* products = inPlace() ? scratch : scratch + planes * plane;
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t p = 0; p < planes; ++p) {
        const float* panel = weights + (block * planes + p) * panelPlane();
        const float* next = block + 1 < blocks || p + 1 < planes ? panel + panelPlane() : weights;
        multiplyPlane(block, chunk, p, scratch, panel, channels, products, false,
                      {{{next, panelPlane() / lineFloats},
                        {scratch + (p + 1) % planes * plane, plane / lineFloats},
                        pixels.part(block * planes + p, blocks * planes)}});
      }
      transformOutput(block, chunk, products, gathered);
    }
  }

  /// By 64 channels at a time, whose transformed weights stay in the L2 cache beside the sums.
  void runSharing(const float* zeros) const {
    const int64_t most = winogradChunkOf(grid.count), blocks = wide() / panelColumns;
    const WinogradMoments gathered = momentsOf(most);
    const Block input = takeFloats(planes * inputPlane(most));
    const auto make = [this](float* to) { transformWeights(to); };
    const float* kept = preparations ? preparations->kept(key(), weightFloats(), make) : nullptr;
    const int64_t made = kept ? 0 : planes * panelPlane();
    for (int64_t first = 0; first < grid.count; first += most) {
      const Chunk chunk(grid, first, std::min(most, grid.count - first));
      const WinogradAhead soon = pixels(first + chunk.count, first + chunk.count + most);
      const int64_t cuts = (channels + panelColumns - 1) / panelColumns;
      constexpr int64_t tilesAtOnce = 6;
      parallelRanges(chunk.count, tilesAtOnce, [&](int64_t from, int64_t to) {
        transformInput(zeros, chunk, from, to, input.floats());
      });
      parallelWithScratch(
          blocks, made + planes * productPlane(chunk.count), [&](int64_t block, float* scratch) {
            float* sums = scratch + made;
            const float* panels = kept ? kept + block * (weightFloats() / blocks) : scratch;
            for (int64_t from = 0; from < channels; from += panelColumns) {
              const int64_t depth = std::min(panelColumns, channels - from);
              if (!kept) transformWeight(block, from, depth, 0, depth, scratch, panelPlane());
              const float* tiles = input.floats() + from * chunk.count;
              for (int64_t p = 0; p < planes; ++p) {
                const int64_t next = (p + 1) % planes, begin = chunk.begin(next) * panelColumns;
                const int64_t lines = (chunk.end(next) - chunk.begin(next)) * panelColumns / lineFloats;
                const float* panel = panels + p * panelPlane();
                multiplyPlane(
                    block, chunk, p, tiles, panel, depth, sums, from > 0,
                    {{{tiles + next * inputPlane(chunk.count) + begin, lines},
                      kept ? WinogradAhead{panel + panelPlane(), panelPlane() / lineFloats}
                           : WinogradAhead{sums + next * productPlane(chunk.count) + begin, lines},
                      soon.part((block * cuts + from / panelColumns) * planes + p, blocks * cuts * planes)}});
              }
              if (kept) panels += planes * panelPlane();
            }
            transformOutput(block, chunk, sums, gathered);
          });
    }
  }
};

template <int m, int r>
void winogradForward(const ConvShape& s, const float* x, const float* weight, Preparations& preparations,
                     const ConvEnd& end, Moments* moments, float* y) {
  WinogradCorrelation<m, r>{x,
                            s.images,
                            s.height,
                            s.width,
                            s.channels,
                            s.moves.top,
                            s.moves.left,
                            s.moves.dilationHeight,
                            s.outHeight,
                            s.outWidth,
                            s.outputs,
                            winogradTaps(weight, r, s.channels, s.outputs),
                            &preparations,
                            end,
                            moments,
                            y}
      .run();
}

/// The correlation of dL/dy with the weights turned, inputs and outputs exchanged.
template <int m, int r>
void winogradByInput(const ConvShape& s, const float* gradient, const float* weight, const ConvEnd& end,
                     float* dx) {
  WinogradCorrelation<m, r>{gradient,
                            s.images,
                            s.outHeight,
                            s.outWidth,
                            s.outputs,
                            (r - 1) * s.moves.dilationHeight - s.moves.top,
                            (r - 1) * s.moves.dilationHeight - s.moves.left,
                            s.moves.dilationHeight,
                            s.height,
                            s.width,
                            s.channels,
                            winogradTapsTurned(weight, r, s.channels, s.outputs),
                            nullptr,
                            end,
                            nullptr,
                            dx}
      .run();
}

}  // namespace striate
