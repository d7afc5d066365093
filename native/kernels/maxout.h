// Maxout: the largest of each few neighbouring values.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// y[i] = the largest of x[i·pieces] … x[i·pieces + pieces − 1], what is no number being larger than all
/// numbers; `places`, where given, takes where it is, the first of equal ones.
struct Maxout {
  const float* x;
  float* y;
  uint8_t* places;
  int64_t n, pieces;
  template <class Vec>
  void run() const;
};

/// dx[i·pieces + p] = dy[i] where places[i] = p, else 0.
struct MaxoutGradient {
  const float* dy;
  const uint8_t* places;
  float* dx;
  int64_t n, pieces;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
namespace striate {

/// Plain loops: for the usual numbers of pieces, told at compile time, the compiler makes vectors of them.
template <class Vec, int fixed>
void maxoutRows(const Maxout& m) {
  const int64_t pieces = fixed > 0 ? fixed : m.pieces, n = m.n;
  const float* const in = m.x;
  float* const out = m.y;
  uint8_t* const where = m.places;
  const auto rows = [&](const auto& keep) {
    for (int64_t i = 0; i < n; ++i) {
      float best = in[i * pieces];
      int32_t place = 0;
      for (int64_t p = 1; p < pieces; ++p) {
        const float v = in[i * pieces + p];
        const bool larger = (v > best) | ((v != v) & (best == best));
        best = larger ? v : best;
        place = larger ? static_cast<int32_t>(p) : place;
      }
      out[i] = best;
      keep(i, place);
    }
  };
  if (where)
    rows([&](int64_t i, int32_t place) { where[i] = static_cast<uint8_t>(place); });
  else
    rows([](int64_t, int32_t) {});
}

template <class Vec>
void Maxout::run() const {
  switch (pieces) {
    case 2:
      return maxoutRows<Vec, 2>(*this);
    case 3:
      return maxoutRows<Vec, 3>(*this);
    case 4:
      return maxoutRows<Vec, 4>(*this);
    default:
      return maxoutRows<Vec, 0>(*this);
  }
}

template <class Vec, int fixed>
void maxoutGradientRows(const MaxoutGradient& m) {
  const int64_t pieces = fixed > 0 ? fixed : m.pieces, n = m.n;
  const float* const g = m.dy;
  const uint8_t* const where = m.places;
  float* const out = m.dx;
  for (int64_t i = 0; i < n; ++i) {
    const float value = g[i];
    const int64_t place = where[i];
    for (int64_t p = 0; p < pieces; ++p) out[i * pieces + p] = p == place ? value : 0.0f;
  }
}

template <class Vec>
void MaxoutGradient::run() const {
  switch (pieces) {
    case 2:
      return maxoutGradientRows<Vec, 2>(*this);
    case 3:
      return maxoutGradientRows<Vec, 3>(*this);
    case 4:
      return maxoutGradientRows<Vec, 4>(*this);
    default:
      return maxoutGradientRows<Vec, 0>(*this);
  }
}

template void Maxout::run<STRIATE_VEC>() const;
template void MaxoutGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
