// Passes over more than the caches hold.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Whether output of so many bytes goes past the caches. A plain store reads the line first, a streaming one
/// does not: a copy from memory to memory gains more than half. Less output than this is still in the last
/// cache when the next operation reads it, and both kinds cost the same.
inline bool streams(int64_t bytes) { return bytes >= int64_t{32} << 20; }

/// The same for output that is kept for a backward pass: its memory was last used long ago, and no cache
/// holds it.
inline bool streamsKept(int64_t bytes) { return bytes >= int64_t{8} << 20; }

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

/// What lies 1,024 values further is fetched: the processor's own prefetching ends with each page, and
/// follows several rows of several tensors badly.
template <class Value>
inline void fetchAhead(const Value* p) {
  __builtin_prefetch(p + 1024);
}

template <class Vec>
bool aligned(const float* p) {
  return reinterpret_cast<uintptr_t>(p) % (Vec::size * sizeof(float)) == 0;
}

/// Calls body(i, load, store) along [0, n), as forVectors does, to write from y on; `stream` asks for stores
/// past the caches, where y allows them. A kernel that asked ends with Vec::fence().
template <class Vec, class Body>
void writeVectors(const float* y, int64_t n, bool stream, const Body& body) {
  int64_t i = 0;
  const auto load = [](const float* p) { return Vec::load(p); };
  if (stream && aligned<Vec>(y)) {
    for (; i + Vec::size <= n; i += Vec::size) body(i, load, [](float* p, Vec v) { v.stream(p); });
  } else {
    for (; i + Vec::size <= n; i += Vec::size) body(i, load, [](float* p, Vec v) { v.store(p); });
  }
  if (const int rest = static_cast<int>(n - i); rest > 0)
    body(
        i, [rest](const float* p) { return Vec::loadPartial(p, rest); },
        [rest](float* p, Vec v) { v.storePartial(p, rest); });
}

}  // namespace striate
#endif
