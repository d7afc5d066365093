// One step of an optimizer over a run of elements, in place, and what clips gradients and weights.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// What an update takes for the gradient g: factor·min(max(g, −limit), limit), + weightDecay·p.
struct GradientUse {
  float limit, factor, weightDecay;
};

/// v ← momentum·v + (1 − dampening)·g, or g in the first step; p ← p − lr·v, or p − lr·(g + momentum·v) with
/// nesterov. Without momentum (velocity null) p ← p − lr·g.
struct SgdStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *velocity;
  int64_t n;
  float lr, momentum, undamped;
  bool nesterov, first;
  template <class Vec>
  void run() const;
};

/// m ← m + (1 − β₁)·(g − m); v ← β₂·v + (1 − β₂)·g²; p ← keep·p − stepSize·m / (√v·correction + eps)
struct AdamStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *mean, *variance;
  int64_t n;
  float meanShare, beta2, varianceShare, keep, stepSize, correction, eps;
  template <class Vec>
  void run() const;
};

/// s ← s + g²; p ← p − lr·g / (√s + eps)
struct AdagradStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *sum;
  int64_t n;
  float lr, eps;
  template <class Vec>
  void run() const;
};

/// v ← α·v + (1 − α)·g²; m ← m + (1 − α)·(g − m) and w = v − m², or w = v without a mean;
/// d = g / (√w + eps); b ← momentum·b + d and p ← p − lr·b, or p ← p − lr·d without a velocity.
struct RmsPropStep {
  GradientUse use;
  const float* gradient;
  float *parameter, *square, *mean, *velocity;
  int64_t n;
  float lr, alpha, share, eps, momentum;
  template <class Vec>
  void run() const;
};

/// *sum = Σ min(max(g, −limit), limit)²; in blocks, whose sums are added in double precision.
struct SumOfSquares {
  const float* gradient;
  int64_t n;
  float limit;
  double* sum;
  template <class Vec>
  void run() const;
};

/// sums[c] += Σ over rows of w[r, c]²
struct SquaresOfColumns {
  const float* w;
  int64_t rows, columns;
  float* sums;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// The elements between −limit and limit; what is not a number stays so.
template <class Vec>
Vec within(Vec limit, Vec x) {
  return min(limit, max(Vec::broadcast(0.0f) - limit, x));
}

/// GradientUse along a row.
template <class Vec>
class UsedGradient {
 public:
  UsedGradient(const GradientUse& use, const float* gradient)
      : gradient_(gradient),
        limit_(Vec::broadcast(use.limit)),
        factor_(Vec::broadcast(use.factor)),
        decay_(Vec::broadcast(use.weightDecay)) {}

  template <class Load>
  Vec at(int64_t i, Vec p, Load load) const {
    return fma(decay_, p, factor_ * within(limit_, load(gradient_ + i)));
  }

 private:
  const float* gradient_;
  Vec limit_, factor_, decay_;
};

template <class Vec>
void SgdStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const vs = velocity;
  const Vec rate = Vec::broadcast(-lr), inertia = Vec::broadcast(momentum), fresh = Vec::broadcast(undamped);
  // Calls direction(i, g, load, store), which moves the velocity and returns where the parameter goes.
  const auto step = [&](const auto& direction) {
    forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
      const Vec p = load(ps + i);
      store(ps + i, fma(rate, direction(i, used.at(i, p, load), load, store), p));
    });
  };
  const auto moved = [&](int64_t i, Vec g, auto load, auto store) {
    const Vec v = fma(inertia, load(vs + i), fresh * g);
    store(vs + i, v);
    return v;
  };
  const auto started = [&](int64_t i, Vec g, auto, auto store) {
    store(vs + i, g);
    return g;
  };
  const auto ahead = [&](const auto& move) {
    return [&](int64_t i, Vec g, auto load, auto store) { return fma(inertia, move(i, g, load, store), g); };
  };
  if (!velocity) return step([](int64_t, Vec g, auto, auto) { return g; });
  if (first) return nesterov ? step(ahead(started)) : step(started);
  return nesterov ? step(ahead(moved)) : step(moved);
}

template <class Vec>
void AdamStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const ms = mean, *const vs = variance;
  const Vec share1 = Vec::broadcast(meanShare), b2 = Vec::broadcast(beta2),
            share2 = Vec::broadcast(varianceShare), kept = Vec::broadcast(keep),
            rate = Vec::broadcast(-stepSize), root = Vec::broadcast(correction), least = Vec::broadcast(eps);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(ps + i), g = used.at(i, p, load), m = load(ms + i);
    const Vec newMean = fma(share1, g - m, m);
    const Vec newVariance = fma(b2, load(vs + i), share2 * (g * g));
    store(ms + i, newMean);
    store(vs + i, newVariance);
    store(ps + i, fma(kept, p, rate * (newMean / fma(sqrt(newVariance), root, least))));
  });
}

template <class Vec>
void AdagradStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const sums = sum;
  const Vec rate = Vec::broadcast(-lr), least = Vec::broadcast(eps);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
    const Vec p = load(ps + i), g = used.at(i, p, load), s = fma(g, g, load(sums + i));
    store(sums + i, s);
    store(ps + i, fma(rate, g / (sqrt(s) + least), p));
  });
}

template <class Vec>
void RmsPropStep::run() const {
  const UsedGradient<Vec> used(use, gradient);
  float *const ps = parameter, *const squares = square, *const ms = mean, *const vs = velocity;
  const Vec rate = Vec::broadcast(-lr), kept = Vec::broadcast(alpha), fresh = Vec::broadcast(share),
            least = Vec::broadcast(eps), inertia = Vec::broadcast(momentum), zero = Vec::broadcast(0.0f);
  const auto step = [&](const auto& spread, const auto& move) {
    forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
      const Vec p = load(ps + i), g = used.at(i, p, load);
      const Vec v = fma(kept, load(squares + i), fresh * (g * g));
      store(squares + i, v);
      const Vec d = g / (sqrt(spread(i, g, v, load, store)) + least);
      store(ps + i, fma(rate, move(i, d, load, store), p));
    });
  };
  const auto plain = [](int64_t, Vec, Vec v, auto, auto) { return v; };
  // Rounding must not take the variance below 0.
  const auto centered = [&](int64_t i, Vec g, Vec v, auto load, auto store) {
    const Vec m = load(ms + i), moved = fma(fresh, g - m, m);
    store(ms + i, moved);
    return max(zero, v - moved * moved);
  };
  const auto straight = [](int64_t, Vec d, auto, auto) { return d; };
  const auto rolling = [&](int64_t i, Vec d, auto load, auto store) {
    const Vec b = fma(inertia, load(vs + i), d);
    store(vs + i, b);
    return b;
  };
  if (mean) return velocity ? step(centered, rolling) : step(centered, straight);
  return velocity ? step(plain, rolling) : step(plain, straight);
}

template <class Vec>
void SumOfSquares::run() const {
  constexpr int64_t block = 1024;
  const float* const gs = gradient;
  const Vec bound = Vec::broadcast(limit);
  double total = 0;
  for (int64_t from = 0; from < n; from += block) {
    const int64_t count = n - from < block ? n - from : block;
    Vec sums[4];
    for (Vec& sum : sums) sum = Vec::broadcast(0.0f);
    int64_t i = 0;
    for (; i + 4 * Vec::size <= count; i += 4 * Vec::size)
      for (int k = 0; k < 4; ++k) {
        const Vec g = within(bound, Vec::load(gs + from + i + k * Vec::size));
        sums[k] = fma(g, g, sums[k]);
      }
    forVectors<Vec>(count - i, [&](int64_t j, auto load, auto) {
      const Vec g = within(bound, load(gs + from + i + j));
      sums[0] = fma(g, g, sums[0]);
    });
    total += static_cast<double>(((sums[0] + sums[1]) + (sums[2] + sums[3])).sum());
  }
  *sum = total;
}

template <class Vec>
void SquaresOfColumns::run() const {
  const float* const ws = w;
  float* const totals = sums;
  const int64_t count = rows, width = columns;
  int64_t c = 0;
  for (; c + 4 * Vec::size <= width; c += 4 * Vec::size) {
    Vec totalOf[4];
    for (int k = 0; k < 4; ++k) totalOf[k] = Vec::load(totals + c + k * Vec::size);
    for (int64_t r = 0; r < count; ++r)
      for (int k = 0; k < 4; ++k) {
        const Vec x = Vec::load(ws + r * width + c + k * Vec::size);
        totalOf[k] = fma(x, x, totalOf[k]);
      }
    for (int k = 0; k < 4; ++k) totalOf[k].store(totals + c + k * Vec::size);
  }
  forVectors<Vec>(width - c, [&](int64_t j, auto load, auto store) {
    Vec total = load(totals + c + j);
    for (int64_t r = 0; r < count; ++r) {
      const Vec x = load(ws + r * width + c + j);
      total = fma(x, x, total);
    }
    store(totals + c + j, total);
  });
}

template void SgdStep::run<STRIATE_VEC>() const;
template void AdamStep::run<STRIATE_VEC>() const;
template void AdagradStep::run<STRIATE_VEC>() const;
template void RmsPropStep::run<STRIATE_VEC>() const;
template void SumOfSquares::run<STRIATE_VEC>() const;
template void SquaresOfColumns::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
