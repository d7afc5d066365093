// How gradients by weights sum over Winograd's tiles. Runs on the compute thread.
#pragma once

#include <algorithm>

#include "kernels/matmul_tile.h"
#include "ops/conv_winograd_grid.h"
#include "ops/matmul.h"
#include "runtime/parallel.h"

namespace striate {

/// How the pieces of a step are shared out: by all threads, or all by the one that calls.
inline constexpr auto inAllThreads = [](int64_t pieces, const auto& work) { parallelFor(pieces, work); };
inline constexpr auto inOneThread = [](int64_t pieces, const auto& work) {
  for (int64_t i = 0; i < pieces; ++i) work(i);
};

/// Ranges of tiles with sums of their own, cut by the shape alone: a thread that has a range to itself reads
/// nothing that another wrote, which takes long where these two share no cache.
struct WinogradRanges {
  int64_t tiles, count;

  /// Two, where they take little memory and have tiles enough.
  static WinogradRanges of(int64_t tiles, int64_t sumFloats) {
    constexpr int64_t mostFloats = 3 * 1024 * 1024;
    return {tiles, sumFloats <= mostFloats && tiles >= 2 * winogradChunk ? 2 : 1};
  }

  /// Tiles to be transformed at a time, with so many floats of planes each: these leave room in the L3 cache,
  /// but sums are gone through once for all of them.
  int64_t tilesAtOnce(int64_t floats) const {
    constexpr int64_t planeFloats = 768 * 1024;
    const int64_t some = std::clamp<int64_t>(planeFloats / floats, winogradChunk / 3, winogradChunk / 2);
    return winogradChunkOf((tiles + count - 1) / count, some);
  }

  /// Calls accumulate(from, to, scratch, sums, forEach) for each range, which shares its pieces out by
  /// forEach(pieces, work), and adds up all `count` sums in the first. Ranges go to the threads where these
  /// are as many for each, or where all are `small`; otherwise all threads share each.
  template <class Accumulate>
  void run(bool small, int64_t scratchFloats, float* sums, int64_t sumFloats,
           const Accumulate& accumulate) const {
    const auto runRange = [&](int64_t range, float* scratch, const auto& forEach) {
      accumulate(range * tiles / count, (range + 1) * tiles / count, scratch, sums + range * sumFloats,
                 forEach);
    };
    if (small || (count > 1 && count % threads() == 0)) {
      parallelWithScratch(count, scratchFloats,
                          [&](int64_t range, float* scratch) { runRange(range, scratch, inOneThread); });
    } else {
      const Block scratch = takeFloats(scratchFloats);
      for (int64_t range = 0; range < count; ++range) runRange(range, scratch.floats(), inAllThreads);
    }
    if (count > 1)
      parallelRanges(sumFloats, elementGrain, [&](int64_t from, int64_t to) {
        dispatch(SumBlocks{sums + from, count, sumFloats, to - from, sums + from});
      });
  }
};

}  // namespace striate
