// Normalization along rows: each by its own mean and variance, as layer normalization has it.
#pragma once

#include "kernels/norm.h"

namespace striate {

/// Rows [first, first + count) of `length` numbers each; row r goes with row r % groups of weight and bias,
/// which are [groups, length].
struct LayerRows {
  int64_t first, count, groups, length;
};

/// The statistics of each row, by its number.
struct LayerMoments {
  LayerRows rows;
  const float* x;
  double eps;
  NormStatistics statistics;
  float* variance;
  template <class Vec>
  void run() const;
};

/// y = (x − mean)·inverse·weight + bias for columns [from, to) of the rows; weight and bias may be null.
struct LayerNormalize {
  LayerRows rows;
  int64_t from, to;
  const float *x, *weight, *bias;
  NormStatistics statistics;
  float* y;
  bool stream;
  template <class Vec>
  void run() const;
};

/// What the gradient of each row is made of, dx = inverse·weight·dy + slope·(x − mean) + offset, by its
/// number.
struct LayerGradientSums {
  LayerRows rows;
  const float *dy, *x, *weight;
  NormStatistics statistics;
  float *slope, *offset;
  template <class Vec>
  void run() const;
};

/// dx for columns [from, to) of the rows, and the sums over these rows of dy·x̂ and dy, [groups, length],
/// where byWeight and byBias are not null. dx may be dy.
struct LayerGradient {
  LayerRows rows;
  int64_t from, to;
  const float *dy, *x, *weight;
  NormStatistics statistics;
  const float *slope, *offset;
  float *dx, *byWeight, *byBias;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/lanes.h"
#include "kernels/math.h"
#include "kernels/stream.h"

namespace striate {

/// The totals along [0, n) of what body(i, load, keep, sums) adds to `count` vectors for the vector at i:
/// several sums at once, to hide the latency of additions, in blocks, for the accuracy of long ones. keep(v)
/// is v, 0 in lanes past the end.
template <class Vec, int count, class Body>
void sumsAlong(int64_t n, double* totals, const Body& body) {
  constexpr int chains = 4;
  constexpr int64_t block = 64 * chains * Vec::size;
  const Vec zero = Vec::broadcast(0.0f);
  for (int k = 0; k < count; ++k) totals[k] = 0;
  for (int64_t from = 0; from < n; from += block) {
    const int64_t to = n - from < block ? n : from + block;
    Vec sums[chains][count];
    for (auto& chain : sums)
      for (Vec& sum : chain) sum = zero;
    int64_t i = from;
    for (; i + chains * Vec::size <= to; i += chains * Vec::size) {
#pragma GCC unroll 4
      for (int chain = 0; chain < chains; ++chain)
        body(
            i + chain * Vec::size, [](const float* p) { return Vec::load(p); }, [](Vec v) { return v; },
            sums[chain]);
    }
    alongRow<Vec>(to - i, [&](int64_t j, auto load, auto, auto keep) {
      body(i + j, load, [&](Vec v) { return keep(v, zero); }, sums[0]);
    });
    for (int k = 0; k < count; ++k) {
      const Vec sum = (sums[0][k] + sums[1][k]) + (sums[2][k] + sums[3][k]);
      totals[k] += static_cast<double>(sum.sum());
    }
  }
}

template <class Vec>
void LayerMoments::run() const {
  const int64_t n = rows.length;
  const double share = 1.0 / static_cast<double>(n);
  for (int64_t r = rows.first; r < rows.first + rows.count; ++r) {
    const float* const row = x + r * n;
    // About the mean of a sixteenth of the row, as NormMoments has it and why.
    const int64_t some = n < 16 ? 1 : n / 16;
    double start, sums[2];
    sumsAlong<Vec, 1>(some, &start, [&](int64_t i, auto load, auto keep, Vec* sum) {
      sum[0] = sum[0] + keep(load(row + i));
    });
    const float near = static_cast<float>(start / static_cast<double>(some));
    const Vec about = Vec::broadcast(near);
    sumsAlong<Vec, 2>(n, sums, [&](int64_t i, auto load, auto keep, Vec* sum) {
      const Vec d = keep(load(row + i) - about);
      sum[0] = sum[0] + d;
      sum[1] = fma(d, d, sum[1]);
    });
    const double mean = static_cast<double>(near) + sums[0] * share;
    const double squares = sums[1] - sums[0] * sums[0] * share;
    // Not less than 0 even by rounding; what is no number stays so.
    const double spread = squares < 0 ? 0.0 : squares * share;
    statistics.mean[r] = static_cast<float>(mean);
    statistics.remainder[r] = static_cast<float>(mean - static_cast<double>(statistics.mean[r]));
    statistics.inverse[r] = static_cast<float>(1.0 / ::sqrt(spread + eps));
    variance[r] = static_cast<float>(spread);
  }
}

/// What a row is normalized by: x̂ = (x − mean)·inverse + shift.
template <class Vec>
struct LayerRow {
  Vec mean, inverse, shift;

  LayerRow(const NormStatistics& statistics, int64_t row)
      : mean(Vec::broadcast(statistics.mean[row])),
        inverse(Vec::broadcast(statistics.inverse[row])),
        shift(Vec::broadcast(-statistics.remainder[row] * statistics.inverse[row])) {}
  Vec normalized(Vec x) const { return fma(x - mean, inverse, shift); }
};

template <class Vec>
void LayerNormalize::run() const {
  const auto map = [&](const auto& weigh) {
    for (int64_t r = rows.first; r < rows.first + rows.count; ++r) {
      const LayerRow<Vec> row(statistics, r);
      const int64_t at = r * rows.length + from, own = r % rows.groups * rows.length + from;
      writeVectors<Vec>(y + at, to - from, stream, [&](int64_t i, auto load, auto store) {
        store(y + at + i, weigh(row.normalized(load(x + at + i)), own + i, load));
      });
    }
  };
  if (weight && bias)
    map([&](Vec v, int64_t j, auto load) { return fma(v, load(weight + j), load(bias + j)); });
  else if (weight)
    map([&](Vec v, int64_t j, auto load) { return v * load(weight + j); });
  else if (bias)
    map([&](Vec v, int64_t j, auto load) { return v + load(bias + j); });
  else
    map([](Vec v, int64_t, auto) { return v; });
  if (stream) Vec::fence();
}

template <class Vec>
void LayerGradientSums::run() const {
  const int64_t n = rows.length;
  for (int64_t r = rows.first; r < rows.first + rows.count; ++r) {
    const float *const g = dy + r * n, *const in = x + r * n;
    const float* const w = weight ? weight + r % rows.groups * n : nullptr;
    const Vec mean = Vec::broadcast(statistics.mean[r]);
    double sums[2];
    const auto add = [&](const auto& weighted) {
      sumsAlong<Vec, 2>(n, sums, [&](int64_t i, auto load, auto keep, Vec* sum) {
        const Vec term = keep(weighted(i, load));
        sum[0] = sum[0] + term;
        sum[1] = fma(term, keep(load(in + i) - mean), sum[1]);
      });
    };
    if (w)
      add([&](int64_t i, auto load) { return load(g + i) * load(w + i); });
    else
      add([&](int64_t i, auto load) { return load(g + i); });
    const double inverse = static_cast<double>(statistics.inverse[r]);
    const double remainder = static_cast<double>(statistics.remainder[r]);
    const double count = static_cast<double>(n);
    const double slopeOf = -inverse * inverse * inverse * (sums[1] - remainder * sums[0]) / count;
    slope[r] = static_cast<float>(slopeOf);
    offset[r] = static_cast<float>(-inverse * sums[0] / count - slopeOf * remainder);
  }
}

template <class Vec>
void LayerGradient::run() const {
  if (byWeight) {
    for (int64_t group = 0; group < rows.groups; ++group)
      for (int64_t i = from; i < to; ++i)
        byWeight[group * rows.length + i] = byBias[group * rows.length + i] = 0;
  }
  const auto map = [&](const auto& each) {
    for (int64_t r = rows.first; r < rows.first + rows.count; ++r) {
      const LayerRow<Vec> row(statistics, r);
      const Vec steep = Vec::broadcast(slope[r]), constant = Vec::broadcast(offset[r]);
      const int64_t at = r * rows.length + from, own = r % rows.groups * rows.length + from;
      forVectors<Vec>(to - from, [&](int64_t i, auto load, auto store) {
        const Vec g = load(dy + at + i), v = load(x + at + i);
        const Vec weighted = weight ? g * load(weight + own + i) : g;
        each(row, g, v, own + i, load, store);
        store(dx + at + i, fma(weighted, row.inverse, fma(v - row.mean, steep, constant)));
      });
    }
  };
  if (byWeight)
    map([&](const LayerRow<Vec>& row, Vec g, Vec v, int64_t j, auto load, auto store) {
      store(byWeight + j, fma(g, row.normalized(v), load(byWeight + j)));
      store(byBias + j, g + load(byBias + j));
    });
  else
    map([](const LayerRow<Vec>&, Vec, Vec, int64_t, auto, auto) {});
}

template void LayerMoments::run<STRIATE_VEC>() const;
template void LayerNormalize::run<STRIATE_VEC>() const;
template void LayerGradientSums::run<STRIATE_VEC>() const;
template void LayerGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
