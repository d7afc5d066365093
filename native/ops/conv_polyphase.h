// A 3 × 3 convolution with stride 2 by Winograd's minimal filtering, forward. Runs on the compute thread.
//
// Along each side the first and the last tap see every second value of the image and the middle tap those
// between, so the convolution is the sum of four with stride 1, its phases: with 2 × 2, 2 × 1, 1 × 2 and 1 ×
// 1 taps. Tiles of 4 × 4 outputs interpolate a phase of two taps at five points and one of a single tap at
// four of the same points. That makes 81 products of channels and outputs instead of 144, and as all phases
// have the same points, forward their products sum up in 25 planes, by input all begin with the same 25.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "ops/conv_winograd.h"

namespace striate {

inline bool polyphaseSuits(const ConvShape& s) {
  const WindowMoves& m = s.moves;
  return s.kernelHeight == 3 && s.kernelWidth == 3 && m.strideHeight == 2 && m.strideWidth == 2 &&
         m.dilationHeight == 1 && m.dilationWidth == 1 && s.groups == 1;
}

/// Phases are numbered 2·row + column, where 0 has two taps and 1 the one between them.
struct PolyphasePoints {
  static constexpr int m = 4, n = 5, phases = 4, points = n * n;
  static constexpr int planes = (2 * m + 1) * (2 * m + 1);

  /// Points of a phase along a row and along a column.
  static constexpr int across(int phase) { return n - phase % 2; }
  static constexpr int down(int phase) { return n - phase / 2; }
  /// The first of a phase's planes among all.
  static constexpr int start(int phase) {
    int planes = 0;
    for (int i = 0; i < phase; ++i) planes += across(i) * down(i);
    return planes;
  }

  /// One of the planes, and at which of the points it is.
  struct Plane {
    int phase, index, point;
  };

  static constexpr Plane plane(int phase, int row, int column) {
    return {phase, start(phase) + row * across(phase) + column, row * n + column};
  }
};

struct Polyphase : PolyphasePoints {
  using Chunk = WinogradChunk<m, 2>;

  /// All planes, phase by phase, which is the order of their indices.
  static constexpr auto byPhase = [] {
    std::array<Plane, planes> all{};
    int at = 0;
    for (int phase = 0; phase < phases; ++phase)
      for (int row = 0; row < down(phase); ++row)
        for (int column = 0; column < across(phase); ++column)
          all[static_cast<size_t>(at++)] = plane(phase, row, column);
    return all;
  }();

  /// All planes, point by point.
  static constexpr auto byPoint = [] {
    std::array<Plane, planes> all{};
    int at = 0;
    for (int point = 0; point < points; ++point)
      for (int phase = 0; phase < phases; ++phase)
        if (point / n < down(phase) && point % n < across(phase))
          all[static_cast<size_t>(at++)] = plane(phase, point / n, point % n);
    return all;
  }();

  /// body(rows, columns) for the taps of a phase.
  template <class Body>
  static void withTaps(int phase, const Body& body) {
    constexpr WinogradSize<2> two;
    constexpr WinogradSize<1> one;
    if (phase < 2)
      phase == 0 ? body(two, two) : body(two, one);
    else
      phase == 2 ? body(one, two) : body(one, one);
  }
};

/// The transformed weights of a correlation, in panels of 64 outputs and `depthAtOnce` channels.
struct PolyphasePanels {
  WinogradTaps weight;
  int64_t channels, outputs;

  const int64_t wide = roundUp(outputs, panelColumns);
  /// Whether they are too many to be made before they are used.
  const bool shares = Polyphase::planes * channels * wide > winogradWeightFloats;
  const int64_t depthAtOnce = shares ? panelColumns : std::max<int64_t>(1, channels);
  const int64_t cuts = (channels + depthAtOnce - 1) / depthAtOnce;
  const int64_t blocks = wide / panelColumns;
  const int64_t step = depthAtOnce * panelColumns + lineFloats;  ///< from one to the next

  int64_t floats() const { return blocks * cuts * Polyphase::planes * step; }
  int64_t columns(int64_t block) const { return std::min(panelColumns, outputs - block * panelColumns); }
  int64_t depth(int64_t cut) const { return std::min(depthAtOnce, channels - cut * depthAtOnce); }
  /// The first panel of a block of outputs and a cut of the channels, among all.
  int64_t place(int64_t block, int64_t cut) const { return (block * cuts + cut) * Polyphase::planes * step; }

  /// Those of a phase, for channels [from, to) of a cut.
  void transform(int64_t block, int64_t cut, int phase, int64_t from, int64_t to, float* panels) const {
    WinogradTaps taps = winogradTapsFrom(weight, cut * depthAtOnce, block * panelColumns);
    taps.from += phase / 2 * taps.tapRow + phase % 2 * taps.tapColumn;
    taps.tapRow *= 2, taps.tapColumn *= 2;
    Polyphase::withTaps(phase, [&](auto rows, auto across) {
      dispatch(WinogradWeight<Polyphase::m, rows.value, across.value>{taps, depth(cut), columns(block), from,
                                                                      to, panels, step});
    });
  }

  void transformAll(float* to) const {
    constexpr int64_t some = 16;
    const int64_t steps = (channels + some - 1) / some;
    parallelFor(steps * blocks, [&](int64_t piece) {
      const int64_t block = piece / steps, channel = piece % steps * some, cut = channel / depthAtOnce;
      const int64_t from = channel - cut * depthAtOnce;
      for (int phase = 0; phase < Polyphase::phases; ++phase)
        transform(block, cut, phase, from, std::min(depth(cut), from + some),
                  to + place(block, cut) + Polyphase::start(phase) * step);
    });
  }
};

/// Floats of zeros, for what lies beyond an image.
inline Block polyphaseZeros(int64_t channels) {
  Block zeros = takeFloats(channels);
  std::memset(zeros.data(), 0, static_cast<size_t>(channels) * sizeof(float));
  return zeros;
}

/// The planes of an image's tiles, phase by phase; tiles [from, to) of a chunk.
inline void polyphaseInput(const ConvShape& s, const WinogradGrid& grid, const Polyphase::Chunk& chunk,
                           const float* x, const float* zeros, int64_t from, int64_t to, float* planes) {
  const int64_t plane = winogradPlane(chunk.count, s.channels);
  for (int phase = 0; phase < Polyphase::phases; ++phase) {
    const WinogradTiles tiles{s.height,
                              s.width,
                              s.channels,
                              grid.rows,
                              grid.columns,
                              s.moves.top - phase / 2,
                              s.moves.left - phase % 2,
                              2,
                              grid.edge,
                              chunk.list + from,
                              to - from};
    Polyphase::withTaps(phase, [&](auto rows, auto columns) {
      dispatch(WinogradInput<Polyphase::m, rows.value, columns.value>{
          tiles, x, zeros, planes + Polyphase::start(phase) * plane + from * panelColumns,
          chunk.count * panelColumns, plane});
    });
  }
}

/// The pixels of tiles [from, to), as WinogradGrid tells them.
inline WinogradAhead polyphasePixels(const ConvShape& s, const WinogradGrid& grid, const float* x,
                                     int64_t from, int64_t to) {
  return grid.pixels({x, s.height, s.width, s.channels, 2 * Polyphase::m, 1 - s.moves.top}, from, to);
}

/// Tiles at a time so that planes with as many floats a tile stay in the L2 cache, in equal blocks.
inline int64_t polyphaseBlock(int64_t tiles, int64_t floats) {
  const int64_t most = std::clamp<int64_t>(winogradPlaneFloats / floats / 12 * 12, 48, 96);
  const int64_t pieces = roundUp((tiles + most - 1) / most, 4);
  return (tiles + pieces - 1) / pieces;
}

constexpr int64_t polyphaseTilesAtOnce = 6;

struct PolyphaseForward {
  using Chunk = Polyphase::Chunk;

  const ConvShape& s;
  const float *x, *weight;
  Preparations& preparations;
  ConvEnd end;
  Moments* moments;  ///< of y, or null
  float* y;

  const PolyphasePanels panels{winogradTaps(weight, 3, s.channels, s.outputs), s.channels, s.outputs};
  const WinogradGrid grid = WinogradGrid::of<Polyphase::m, 2>(s.images, s.outHeight, s.outWidth);

  void run() const {
    if (s.images * s.outHeight * s.outWidth * s.outputs == 0) return;
    const Block zeros = polyphaseZeros(s.channels);
    panels.shares ? runSharing(zeros.floats()) : runBlocks(zeros.floats());
  }

 private:
  int64_t inputPlane(int64_t count) const { return winogradPlane(count, s.channels); }
  static int64_t sumPlane(int64_t count) { return winogradPlane(count, panelColumns); }
  Preparations::Key key() const { return {Polyphase::m, 2, s.channels, s.outputs}; }

  void multiply(int64_t block, const Chunk& chunk, const Polyphase::Plane& at, const float* input,
                const float* panel, int64_t depth, float* sums, bool accumulate,
                const WinogradNext& next) const {
    const int64_t begin = chunk.begin(at.point);
    dispatch(WinogradProduct<false>{
        input + at.index * inputPlane(chunk.count) + begin * panelColumns, chunk.count * panelColumns, panel,
        sums + at.point * sumPlane(chunk.count) + begin * panelColumns, chunk.end(at.point) - begin, depth,
        panels.columns(block), accumulate, next});
  }

  WinogradMoments momentsOf(int64_t atOnce) const {
    return {moments, grid, Polyphase::m, s.outHeight, s.outWidth, s.outputs, atOnce};
  }

  void transformOutput(int64_t block, const Chunk& chunk, const float* sums,
                       const WinogradMoments& gathered) const {
    const WinogradTiles tiles{s.outHeight, s.outWidth, s.outputs, grid.rows,  grid.columns, 0,
                              0,           1,          grid.edge, chunk.list, chunk.count};
    const bool stream =
        s.outputs % lineFloats == 0 &&
        streams(s.images * s.outHeight * s.outWidth * s.outputs * static_cast<int64_t>(sizeof(float)));
    dispatch(WinogradOutput<Polyphase::m, 2>{tiles, sums, sumPlane(chunk.count), block * panelColumns,
                                             panels.columns(block), end, stream, y,
                                             gathered.of(chunk.first, block * panelColumns)});
  }

  /// Each thread takes a block of tiles through all steps.
  void runBlocks(const float* zeros) const {
    Block own;
    const float* weights = Preparations::keptOrMade(
        &preparations, key(), panels.floats(), [this](float* to) { panels.transformAll(to); }, own);
    const int64_t atOnce =
        polyphaseBlock(grid.count, Polyphase::planes * s.channels + Polyphase::points * panelColumns);
    const int64_t inputs = Polyphase::planes * inputPlane(atOnce);
    const WinogradMoments gathered = momentsOf(atOnce);
    parallelWithScratch(
        (grid.count + atOnce - 1) / atOnce, inputs + Polyphase::points * sumPlane(atOnce),
        [&](int64_t piece, float* scratch) {
          const Chunk chunk(grid, piece * atOnce, std::min(atOnce, grid.count - piece * atOnce));
          polyphaseInput(s, grid, chunk, x, zeros, 0, chunk.count, scratch);
          const WinogradAhead soon = polyphasePixels(s, grid, x, (piece + 1) * atOnce, (piece + 2) * atOnce);
          for (int64_t block = 0; block < panels.blocks; ++block) {
            const auto& order = Polyphase::byPoint;
            for (size_t i = 0; i < order.size(); ++i) {
              const bool last = i + 1 == order.size();
              const Polyphase::Plane &at = order[i], &next = order[last ? 0 : i + 1];
              const float* panel = weights + panels.place(block, 0);
              const float* then = last ? weights + panels.place((block + 1) % panels.blocks, 0) : panel;
              multiply(block, chunk, at, scratch, panel + at.index * panels.step, s.channels,
                       scratch + inputs, at.phase > 0,
                       {{{then + next.index * panels.step, panels.step / lineFloats},
                         soon.part(block * Polyphase::planes + static_cast<int64_t>(i),
                                   panels.blocks * Polyphase::planes)}});
            }
            transformOutput(block, chunk, scratch + inputs, gathered);
          }
        });
  }

  /// By a phase of 64 channels at a time, whose transformed weights stay in the L2 cache beside the sums.
  void runSharing(const float* zeros) const {
    const int64_t most = winogradChunkOf(grid.count);
    const WinogradMoments gathered = momentsOf(most);
    const Block input = takeFloats(Polyphase::planes * inputPlane(most));
    const auto make = [this](float* to) { panels.transformAll(to); };
    const float* kept = preparations.kept(key(), panels.floats(), make);
    const int64_t made = kept ? 0 : Polyphase::points * panels.step;
    for (int64_t first = 0; first < grid.count; first += most) {
      const Chunk chunk(grid, first, std::min(most, grid.count - first));
      parallelRanges(chunk.count, polyphaseTilesAtOnce, [&](int64_t from, int64_t to) {
        polyphaseInput(s, grid, chunk, x, zeros, from, to, input.floats());
      });
      const int64_t plane = inputPlane(chunk.count), next = first + chunk.count;
      const WinogradAhead soon = polyphasePixels(s, grid, x, next, next + most);
      parallelWithScratch(
          panels.blocks, made + Polyphase::points * sumPlane(chunk.count),
          [&](int64_t block, float* scratch) {
            float* sums = scratch + made;
            for (int64_t cut = 0; cut < panels.cuts; ++cut) {
              const float* tiles = input.floats() + cut * panels.depthAtOnce * chunk.count;
              int phase = -1;
              for (const Polyphase::Plane& at : Polyphase::byPhase) {
                if (!kept && at.phase != phase)
                  panels.transform(block, cut, phase = at.phase, 0, panels.depth(cut), scratch);
                const float* panel = kept ? kept + panels.place(block, cut) + at.index * panels.step
                                          : scratch + (at.index - Polyphase::start(phase)) * panels.step;
                multiply(block, chunk, at, tiles, panel, panels.depth(cut), sums, cut > 0 || at.phase > 0,
                         {{{panel + panels.step, kept ? panels.step / lineFloats : 0},
                           {tiles + (at.index + 1) % Polyphase::planes * plane,
                            chunk.count * panelColumns / lineFloats},
                           soon.part((block * panels.cuts + cut) * Polyphase::planes + at.index,
                                     panels.blocks * panels.cuts * Polyphase::planes)}});
              }
            }
            transformOutput(block, chunk, sums, gathered);
          });
    }
  }
};

inline void polyphaseForward(const ConvShape& s, const float* x, const float* weight,
                             Preparations& preparations, const ConvEnd& end, Moments* moments, float* y) {
  PolyphaseForward{s, x, weight, preparations, end, moments, y}.run();
}

}  // namespace striate
