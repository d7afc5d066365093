// Work over the threads of the team, in pieces. Only the compute thread calls this.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/pool.h"
#include "runtime/team.h"

namespace striate {

/// Calls work(i, thread) for i in [0, pieces), where `thread`, below teamSize(), is that of the call.
template <class Work>
void parallelOnThreads(int64_t pieces, const Work& work) {
  if (pieces <= 1 || teamSize() == 1) {
    for (int64_t i = 0; i < pieces; ++i) {
      work(i, 0);
      betweenPieces();
    }
    return;
  }
  shareOut(pieces, {[](const void* context, int64_t i, int thread) {
                      (*static_cast<const Work*>(context))(i, thread);
                    },
                    &work});
}

/// Calls work(i) for i in [0, pieces). The caller cuts the pieces by the shape alone, so that results do not
/// depend on the number of threads; work must not throw.
template <class Work>
void parallelFor(int64_t pieces, const Work& work) {
  parallelOnThreads(pieces, [&](int64_t i, int) { work(i); });
}

/// Calls work(i, scratch) for i in [0, pieces), with `floats` of scratch for each thread, aligned to 64
/// bytes.
template <class Work>
void parallelWithScratch(int64_t pieces, int64_t floats, const Work& work) {
  const int64_t each = (floats + 15) / 16 * 16;
  // Taken before the threads part: an exception must not leave one of them.
  const Block scratch =
      Block::take((pieces <= 1 ? 1 : teamSize()) * each * static_cast<int64_t>(sizeof(float)));
  parallelOnThreads(pieces, [&](int64_t i, int thread) { work(i, scratch.floats() + thread * each); });
}

/// Calls work(begin, end) over [0, n) in pieces of `grain`.
template <class Work>
void parallelRanges(int64_t n, int64_t grain, const Work& work) {
  parallelFor((n + grain - 1) / grain,
              [&](int64_t piece) { work(piece * grain, std::min(n, (piece + 1) * grain)); });
}

}  // namespace striate
