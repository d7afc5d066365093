// Work over the threads of the OpenMP team. Only the compute thread calls this: a team belongs to the thread
// that opens it, and another caller would get a second one.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "runtime/cpu.h"
#include "runtime/pool.h"

namespace striate {

/// Calls work(i) for i in [0, pieces). The caller cuts the pieces by the shape alone, so that results do not
/// depend on the number of threads; work must not throw.
template <class Work>
void parallelFor(int64_t pieces, const Work& work) {
  const int team = static_cast<int>(std::min<int64_t>(pieces, threads()));
  if (team <= 1) {
    for (int64_t i = 0; i < pieces; ++i) work(i);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
  for (int64_t i = 0; i < pieces; ++i) work(i);
}

/// Calls work(i, scratch) for i in [0, pieces), with `floats` of scratch for each thread, aligned to 64
/// bytes.
template <class Work>
void parallelWithScratch(int64_t pieces, int64_t floats, const Work& work) {
  const int team = static_cast<int>(std::min<int64_t>(pieces, threads()));
  const int64_t each = (floats + 15) / 16 * 16;
  // Taken before the threads part: an exception must not leave one of them.
  const Block scratch = Block::take(std::max(1, team) * each * static_cast<int64_t>(sizeof(float)));
  parallelFor(pieces, [&](int64_t i) { work(i, scratch.floats() + omp_get_thread_num() * each); });
}

/// Calls work(begin, end) over [0, n) in pieces of `grain`.
template <class Work>
void parallelRanges(int64_t n, int64_t grain, const Work& work) {
  parallelFor((n + grain - 1) / grain,
              [&](int64_t piece) { work(piece * grain, std::min(n, (piece + 1) * grain)); });
}

}  // namespace striate
