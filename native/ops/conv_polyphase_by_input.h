// The gradient of a 3 × 3 convolution's input with stride 2, by Winograd's minimal filtering on its phases.
// Runs on the compute thread.
#pragma once

#include <algorithm>

#include "ops/conv_polyphase.h"

namespace striate {

/// Along one side of an image: its pixels in pairs, of which the second has two taps, from `lead` before the
/// image on; and where dL/dy begins for the first pair.
struct PolyphaseSide {
  int64_t lead, pairs, from;

  PolyphaseSide(int64_t extent, int64_t padding)
      : lead((padding + 1) % 2), pairs((extent + lead + 1) / 2), from((padding - lead - 1) / 2) {}
};

/// dL/dx from dL/dy: each phase of the image is a correlation of dL/dy with the taps turned by half a turn.
struct PolyphaseByInput {
  using Chunk = Polyphase::Chunk;

  const ConvShape& s;
  const float *gradient, *weight;
  ConvEnd end;
  float* dx;

  const PolyphasePanels panels{winogradTapsTurned(weight, 3, s.channels, s.outputs), s.outputs, s.channels};
  const PolyphaseSide high{s.height, s.moves.top}, wide{s.width, s.moves.left};
  const WinogradGrid grid = WinogradGrid::of<Polyphase::m, 2>(s.images, high.pairs, wide.pairs);

  void run() const {
    if (s.images * s.height * s.width * s.channels == 0) return;
    const Block zeros = polyphaseZeros(s.outputs);
    panels.shares ? runSharing(zeros.floats()) : runBlocks(zeros.floats());
  }

 private:
  int64_t inputPlane(int64_t count) const { return winogradPlane(count, s.outputs); }
  static int64_t sumPlane(int64_t count) { return winogradPlane(count, panelColumns); }

  void transformInput(const Chunk& chunk, const float* zeros, int64_t from, int64_t to, float* planes) const {
    const WinogradTiles tiles{s.outHeight, s.outWidth, s.outputs, grid.rows,         grid.columns, -high.from,
                              -wide.from,  1,          grid.edge, chunk.list + from, to - from};
    dispatch(WinogradInput<Polyphase::m, 2>{tiles, gradient, zeros, planes + from * panelColumns,
                                            chunk.count * panelColumns, inputPlane(chunk.count)});
  }

  /// Of tiles [from, to).
  WinogradAhead pixels(int64_t from, int64_t to) const {
    return grid.pixels(
        {gradient, s.outHeight, s.outWidth, s.outputs, Polyphase::m, Polyphase::n - Polyphase::m + high.from},
        from, to);
  }

  /// The products of a phase for a cut of the outputs; `panel` is the first of them. Meanwhile comes a part
  /// of what is needed `soon`.
  void multiply(int64_t block, int64_t cut, int phase, const Chunk& chunk, const float* input,
                const float* panel, float* sums, WinogradAhead soon) const {
    const int64_t plane = inputPlane(chunk.count);
    const float* tiles = input + cut * panels.depthAtOnce * chunk.count;
    const auto& order = Polyphase::byPhase;
    const int first = Polyphase::start(phase), last = Polyphase::start(phase + 1) - 1;
    for (int i = first; i <= last; ++i, panel += panels.step) {
      const int point = order[static_cast<size_t>(i)].point;
      const int next = order[static_cast<size_t>(i < last ? i + 1 : first)].point;
      const int64_t begin = chunk.begin(point);
      dispatch(WinogradProduct<false>{
          tiles + point * plane + begin * panelColumns,
          chunk.count * panelColumns,
          panel,
          sums + (i - first) * sumPlane(chunk.count) + begin * panelColumns,
          chunk.end(point) - begin,
          panels.depth(cut),
          panels.columns(block),
          cut > 0,
          {{{panel + panels.step, panels.step / lineFloats},
            {tiles + next * plane, panels.shares ? panels.depthAtOnce * chunk.count / lineFloats : 0},
            soon.part((block * panels.cuts + cut) * Polyphase::planes + i,
                      panels.blocks * panels.cuts * Polyphase::planes)}}});
    }
  }

  void transformOutput(int64_t block, int phase, const Chunk& chunk, const float* sums) const {
    const WinogradTiles tiles{s.height,
                              s.width,
                              s.channels,
                              grid.rows,
                              grid.columns,
                              high.lead - 1 + phase / 2,
                              wide.lead - 1 + phase % 2,
                              2,
                              grid.edge,
                              chunk.list,
                              chunk.count};
    const bool stream = s.channels % lineFloats == 0 && streams(s.images * s.height * s.width * s.channels *
                                                                static_cast<int64_t>(sizeof(float)));
    Polyphase::withTaps(phase, [&](auto rows, auto columns) {
      dispatch(WinogradOutput<Polyphase::m, rows.value, columns.value>{
          tiles, sums, sumPlane(chunk.count), block * panelColumns, panels.columns(block), end, stream, dx});
    });
  }

  void runBlocks(const float* zeros) const {
    const Block weights = takeFloats(panels.floats());
    panels.transformAll(weights.floats());
    const int64_t atOnce = polyphaseBlock(grid.count, Polyphase::points * (s.outputs + panelColumns));
    const int64_t inputs = Polyphase::points * inputPlane(atOnce);
    parallelWithScratch(
        (grid.count + atOnce - 1) / atOnce, inputs + Polyphase::points * sumPlane(atOnce),
        [&](int64_t piece, float* scratch) {
          const Chunk chunk(grid, piece * atOnce, std::min(atOnce, grid.count - piece * atOnce));
          transformInput(chunk, zeros, 0, chunk.count, scratch);
          const WinogradAhead soon = pixels((piece + 1) * atOnce, (piece + 2) * atOnce);
          for (int64_t block = 0; block < panels.blocks; ++block)
            for (int phase = 0; phase < Polyphase::phases; ++phase) {
              multiply(block, 0, phase, chunk, scratch,
                       weights.floats() + panels.place(block, 0) + Polyphase::start(phase) * panels.step,
                       scratch + inputs, soon);
              transformOutput(block, phase, chunk, scratch + inputs);
            }
        });
  }

  /// Each thread takes a phase of 64 channels and transforms its weights as it goes.
  void runSharing(const float* zeros) const {
    const int64_t most = winogradChunkOf(grid.count);
    const Block input = takeFloats(Polyphase::points * inputPlane(most));
    const int64_t made = Polyphase::points * panels.step;
    for (int64_t first = 0; first < grid.count; first += most) {
      const Chunk chunk(grid, first, std::min(most, grid.count - first));
      parallelRanges(chunk.count, polyphaseTilesAtOnce, [&](int64_t from, int64_t to) {
        transformInput(chunk, zeros, from, to, input.floats());
      });
      const WinogradAhead soon = pixels(first + chunk.count, first + chunk.count + most);
      parallelWithScratch(panels.blocks * Polyphase::phases, made + Polyphase::points * sumPlane(chunk.count),
                          [&](int64_t piece, float* scratch) {
                            const int64_t block = piece / Polyphase::phases;
                            const int phase = static_cast<int>(piece % Polyphase::phases);
                            for (int64_t cut = 0; cut < panels.cuts; ++cut) {
                              panels.transform(block, cut, phase, 0, panels.depth(cut), scratch);
                              multiply(block, cut, phase, chunk, input.floats(), scratch, scratch + made,
                                       soon);
                            }
                            transformOutput(block, phase, chunk, scratch + made);
                          });
    }
  }
};

inline void polyphaseByInput(const ConvShape& s, const float* gradient, const float* weight,
                             const ConvEnd& end, float* dx) {
  PolyphaseByInput{s, gradient, weight, end, dx}.run();
}

}  // namespace striate
