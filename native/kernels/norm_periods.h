// Batch norm's way through memory: in chunks of `period` elements, a whole number of pixels, and of vectors
// where channels are few, so that 6 channels fill vectors as well as 64 do. What belongs to a channel lies
// repeated over the period.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
#include "kernels/math.h"
#include "kernels/stream.h"

namespace striate {

/// Where a vector of a piece begins: its element, that in its period, and its number among the vectors, where
/// each period begins with a whole one.
struct NormPlace {
  int64_t i, j, vector;
};

/// load(p), while what lies 4 KiB further is fetched.
template <class Load>
auto loadAhead(const float* p, Load load) {
  fetchAhead(p);
  return load(p);
}

template <class Vec>
int64_t vectorsOf(int64_t period) {
  return (period + Vec::size - 1) / Vec::size;
}

template <class Vec>
int64_t vectorOf(int64_t j) {
  return static_cast<int64_t>(static_cast<uint64_t>(j) / Vec::size);
}

/// Calls body(place, load, store) for the vectors of a pass over [0, n) that writes from y on; see
/// writeVectors.
template <class Vec, class Body>
void writePeriods(const float* y, int64_t n, int64_t period, bool stream, const Body& body) {
  const bool past = stream && period % Vec::size == 0;
  const int64_t vectors = vectorsOf<Vec>(period);
  for (int64_t start = 0, first = 0; start < n; start += period, first += vectors) {
    const int64_t rest = n - start;
    writeVectors<Vec>(y + start, rest < period ? rest : period, past,
                      [=, &body](int64_t j, auto load, auto store) {
                        body({start + j, j, first + vectorOf<Vec>(j)}, load, store);
                      });
  }
  if (past) Vec::fence();
}

/// Calls body(sums, place, load, store) for vectors of [0, n), and adds up into [count, period] what it adds
/// to `sums`, count vectors: four periods at a time, so that sums go through memory less often and errors
/// grow more slowly.
template <class Vec, int count, class Body>
void sumPeriods(int64_t n, int64_t period, float* totals, const Body& body) {
  const auto add = [&](int64_t j, auto load, auto store, const auto& terms) {
    Vec sums[count];
    for (int k = 0; k < count; ++k) sums[k] = Vec::broadcast(0.0f);
    terms(sums);
    for (int k = 0; k < count; ++k) {
      float* total = totals + k * period + j;
      store(total, load(total) + sums[k]);
    }
  };
  const int64_t vectors = vectorsOf<Vec>(period);
  int64_t start = 0, first = 0;
  const auto at = [&](int64_t row, int64_t j) {
    return NormPlace{start + row * period + j, j, first + row * vectors + vectorOf<Vec>(j)};
  };
  for (; start + 4 * period <= n; start += 4 * period, first += 4 * vectors)
    forVectors<Vec>(period, [&](int64_t j, auto load, auto store) {
      add(j, load, store, [&](Vec* sums) {
        for (int row = 0; row < 4; ++row) body(sums, at(row, j), load, store);
      });
    });
  for (; start < n; start += period, first += vectors) {
    const int64_t rest = n - start;
    forVectors<Vec>(rest < period ? rest : period, [&](int64_t j, auto load, auto store) {
      add(j, load, store, [&](Vec* sums) { body(sums, at(0, j), load, store); });
    });
  }
}

}  // namespace striate
#endif
