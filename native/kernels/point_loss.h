// Losses that are a sum over elements, each of one prediction and its target, and their derivatives by the
// prediction.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// f(x, t), d being x − t; a parameter p where one is named.
enum class PointLossFunction : uint8_t {
  square,            ///< d²
  magnitude,         ///< |d|
  huber,             ///< d²/2 where |d| ≤ p, else p·(|d| − p/2)
  smoothMagnitude,   ///< d²/2p where |d| < p, else |d| − p/2
  bernoulli,         ///< −t·ln x − (1 − t)·ln(1 − x), logarithms from −100 on
  logistic,          ///< p·t·ln(1 + e⁻ˣ) + (1 − t)·ln(1 + eˣ)
  divergence,        ///< t·(ln t − x), 0·ln 0 being 0
  divergenceOfLogs,  ///< eᵗ·(t − x)
  hinge,             ///< max(0, 1 − t·x)
  squaredHinge       ///< max(0, 1 − t·x)²
};

/// What is compared, in dense rows.
struct PointLossRows {
  PointLossFunction function;
  float parameter;
  const float *x, *t;
  /// p of each column; or null, where it is `parameter`.
  const float* columnParameters;
  /// What the losses of row r count, weights[(firstRow + r) / rowsPerWeight]; of each element, where
  /// rowsPerWeight is 0; or null: 1.
  const float* weights;
  int64_t firstRow, rowsPerWeight;
  int64_t rows, columns;
};

/// y = weight·f(x, t), or where y is null, *sum = Σ of it.
struct PointLoss {
  PointLossRows in;
  float* y;
  double* sum;
  template <class Vec>
  void run() const;
};

/// dx = scale·gradient·weight·∂f/∂x; without the gradient's elements, where that is null.
struct PointLossGradient {
  PointLossRows in;
  const float* gradient;
  float scale;
  float* dx;
  bool stream;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>
#include <string.h>

#include "kernels/math.h"
#include "kernels/stream.h"
#include "kernels/sums.h"

namespace striate {

/// 2/odd + 2/(odd + 2)·z + … + 2/last·zⁿ. By recursion, for the coefficients to be constants.
template <int odd, int last, class Vec>
Vec artanhSeries(Vec z) {
  const Vec first = Vec::broadcast(2.0f / static_cast<float>(odd));
  if constexpr (odd == last)
    return first;
  else
    return fma(artanhSeries<odd + 2, last>(z), z, first);
}

/// 2·artanh s = 2·(s + s³/3 + s⁵/5 + …), in so many terms.
template <int terms, class Vec>
Vec doubleArtanh(Vec s) {
  return s * artanhSeries<1, 2 * terms - 1>(s * s);
}

/// ln x to about a unit in the last place: x is m·2ᵏ with m in [√½, √2), ln m = 2·artanh((m − 1)/(m + 1)).
template <class Vec>
Vec lnOfShare(Vec x) {
  const auto c = [](float value) { return Vec::broadcast(value); };
  const Vec zero = c(0.0f), one = c(1.0f);
  // Subnormal numbers are brought among the others.
  const auto tiny = x < c(0x1p-126f);
  float m[Vec::size], k[Vec::size];
  select(tiny, x * c(0x1p24f), x).store(m);
  for (int lane = 0; lane < Vec::size; ++lane) {
    uint32_t bits;
    ::memcpy(&bits, &m[lane], sizeof bits);
    const int32_t exponent = static_cast<int32_t>(bits - 0x3F3504F3u) >> 23;
    bits -= static_cast<uint32_t>(exponent) << 23;
    ::memcpy(&m[lane], &bits, sizeof bits);
    k[lane] = static_cast<float>(exponent);
  }
  const Vec mantissa = Vec::load(m), power = Vec::load(k) - select(tiny, c(24.0f), zero);
  const Vec s = (mantissa - one) / (mantissa + one);
  const Vec ofMantissa = doubleArtanh<5>(s);
  const Vec ln = fma(power, c(0.693145752f), fma(power, c(1.42860677e-6f), ofMantissa));
  const Vec upper = select(x < c(INFINITY), ln, x);
  return select(zero < x, upper, select(x == zero, c(-INFINITY), c(NAN)));
}

/// ln(1 + u) for u in [0, 1].
template <class Vec>
Vec lnOnePlusShare(Vec u) {
  return doubleArtanh<8>(u / (Vec::broadcast(2.0f) + u));
}

/// ln(1 − u) for u in [0, 1]; what 1 − u was rounded by is made good.
template <class Vec>
Vec lnOneMinusShare(Vec u) {
  const Vec one = Vec::broadcast(1.0f), rest = one - u;
  const Vec lost = ((one - rest) - u) / max(Vec::broadcast(0x1p-126f), rest);
  return lnOfShare(rest) + lost;
}

/// −1, 0 or 1; what is not a number stays so.
template <class Vec>
Vec signOfDifference(Vec v) {
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f);
  return select(zero < v, one, select(v < zero, zero - one, v));
}

// Of each function f(x, t) and ∂f/∂x. Comparisons are turned so that what is not a number stays so.

template <class Vec>
struct SquareLoss {
  static Vec value(Vec x, Vec t, Vec) { return (x - t) * (x - t); }
  static Vec slope(Vec x, Vec t, Vec) { return (x - t) + (x - t); }
};

template <class Vec>
struct MagnitudeLoss {
  static Vec value(Vec x, Vec t, Vec) { return abs(x - t); }
  static Vec slope(Vec x, Vec t, Vec) { return signOfDifference(x - t); }
};

template <class Vec>
struct HuberLoss {
  static Vec value(Vec x, Vec t, Vec p) {
    const Vec half = Vec::broadcast(0.5f), size = abs(x - t);
    return select(size <= p, half * size * size, p * (size - half * p));
  }
  static Vec slope(Vec x, Vec t, Vec p) { return min(p, max(Vec::broadcast(0.0f) - p, x - t)); }
};

template <class Vec>
struct SmoothMagnitudeLoss {
  static Vec value(Vec x, Vec t, Vec p) {
    const Vec half = Vec::broadcast(0.5f), size = abs(x - t);
    return select(size < p, half * size * size / p, size - half * p);
  }
  static Vec slope(Vec x, Vec t, Vec p) {
    const Vec d = x - t;
    return select(abs(d) < p, d / p, signOfDifference(d));
  }
};

template <class Vec>
struct BernoulliLoss {
  static Vec value(Vec x, Vec t, Vec) {
    const Vec least = Vec::broadcast(-100.0f);
    const Vec ofOne = max(least, lnOfShare(x)), ofZero = max(least, lnOneMinusShare(x));
    return (t - Vec::broadcast(1.0f)) * ofZero - t * ofOne;
  }
  static Vec slope(Vec x, Vec t, Vec) {
    return (x - t) / max(Vec::broadcast(1e-12f), (Vec::broadcast(1.0f) - x) * x);
  }
};

template <class Vec>
struct LogisticLoss {
  static Vec value(Vec x, Vec t, Vec p) {
    const Vec zero = Vec::broadcast(0.0f), tail = lnOnePlusShare(exp(zero - abs(x)));
    return (Vec::broadcast(1.0f) - t) * (max(zero, x) + tail) + p * t * (max(zero, zero - x) + tail);
  }
  static Vec slope(Vec x, Vec t, Vec p) {
    const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f);
    const Vec e = exp(zero - abs(x)), larger = one / (one + e), smaller = e * larger;
    const auto below = x < zero;
    return (one - t) * select(below, smaller, larger) - p * t * select(below, larger, smaller);
  }
};

template <class Vec>
struct DivergenceLoss {
  static Vec value(Vec x, Vec t, Vec) {
    const Vec zero = Vec::broadcast(0.0f);
    return select(t == zero, zero, t * lnOfShare(t)) - t * x;
  }
  static Vec slope(Vec, Vec t, Vec) { return Vec::broadcast(0.0f) - t; }
};

template <class Vec>
struct DivergenceOfLogsLoss {
  static Vec value(Vec x, Vec t, Vec) { return exp(t) * (t - x); }
  static Vec slope(Vec, Vec t, Vec) { return Vec::broadcast(0.0f) - exp(t); }
};

template <class Vec>
struct HingeLoss {
  static Vec value(Vec x, Vec t, Vec) { return max(Vec::broadcast(0.0f), Vec::broadcast(1.0f) - t * x); }
  static Vec slope(Vec x, Vec t, Vec) {
    const Vec zero = Vec::broadcast(0.0f);
    return select(Vec::broadcast(1.0f) - t * x <= zero, zero, zero - t);
  }
};

template <class Vec>
struct SquaredHingeLoss {
  static Vec value(Vec x, Vec t, Vec p) {
    const Vec lack = HingeLoss<Vec>::value(x, t, p);
    return lack * lack;
  }
  static Vec slope(Vec x, Vec t, Vec p) { return Vec::broadcast(-2.0f) * t * HingeLoss<Vec>::value(x, t, p); }
};

/// Calls work(f) for the functions that `function` names.
template <class Vec, class Work>
void withPointLoss(PointLossFunction function, const Work& work) {
  switch (function) {
    case PointLossFunction::square:
      return work(SquareLoss<Vec>());
    case PointLossFunction::magnitude:
      return work(MagnitudeLoss<Vec>());
    case PointLossFunction::huber:
      return work(HuberLoss<Vec>());
    case PointLossFunction::smoothMagnitude:
      return work(SmoothMagnitudeLoss<Vec>());
    case PointLossFunction::bernoulli:
      return work(BernoulliLoss<Vec>());
    case PointLossFunction::logistic:
      return work(LogisticLoss<Vec>());
    case PointLossFunction::divergence:
      return work(DivergenceLoss<Vec>());
    case PointLossFunction::divergenceOfLogs:
      return work(DivergenceOfLogsLoss<Vec>());
    case PointLossFunction::hinge:
      return work(HingeLoss<Vec>());
    case PointLossFunction::squaredHinge:
      return work(SquaredHingeLoss<Vec>());
  }
}

/// Calls row(at, weigh, parameter) for the rows from their first element on: weigh(v, i, load) is the vector
/// v at column i times its weights, parameter(i, load) that of the columns.
template <class Vec, class Row>
void forPointLossRows(const PointLossRows& in, const Row& row) {
  const Vec given = Vec::broadcast(in.parameter);
  const float* const perColumn = in.columnParameters;
  const auto parameter = [&](int64_t i, auto load) { return perColumn ? load(perColumn + i) : given; };
  for (int64_t r = 0; r < in.rows; ++r) {
    const int64_t at = r * in.columns;
    if (!in.weights) {
      row(at, [](Vec v, int64_t, auto) { return v; }, parameter);
    } else if (in.rowsPerWeight == 0) {
      const float* const weights = in.weights + at;
      row(at, [=](Vec v, int64_t i, auto load) { return v * load(weights + i); }, parameter);
    } else {
      const Vec weight = Vec::broadcast(in.weights[(in.firstRow + r) / in.rowsPerWeight]);
      row(at, [=](Vec v, int64_t, auto) { return v * weight; }, parameter);
    }
  }
}

template <class Vec>
void PointLoss::run() const {
  withPointLoss<Vec>(in.function, [this](const auto& f) {
    LongSum<Vec> total;
    float* const out = y;
    forPointLossRows<Vec>(in, [&](int64_t at, const auto& weigh, const auto& parameter) {
      const float *const xs = in.x + at, *const ts = in.t + at;
      const auto loss = [&](int64_t i, auto load) {
        return weigh(f.value(load(xs + i), load(ts + i), parameter(i, load)), i, load);
      };
      if (out) {
        forVectors<Vec>(in.columns,
                        [&](int64_t i, auto load, auto store) { store(out + at + i, loss(i, load)); });
      } else {
        addTerms(total, in.columns, loss);
      }
    });
    if (!out) *sum = static_cast<double>(total.value());
  });
}

template <class Vec>
void PointLossGradient::run() const {
  // Short rows that end within a cache line would write it in both ways, which costs more than either.
  const bool past = stream && in.columns >= 256;
  withPointLoss<Vec>(in.function, [&](const auto& f) {
    const Vec factor = Vec::broadcast(scale);
    forPointLossRows<Vec>(in, [&](int64_t at, const auto& weigh, const auto& parameter) {
      const float *const xs = in.x + at, *const ts = in.t + at;
      float* const out = dx + at;
      const auto slope = [&](int64_t i, auto load) {
        return factor * weigh(f.slope(load(xs + i), load(ts + i), parameter(i, load)), i, load);
      };
      if (gradient) {
        const float* const g = gradient + at;
        writeVectors<Vec>(out, in.columns, past, [&](int64_t i, auto load, auto store) {
          store(out + i, load(g + i) * slope(i, load));
        });
      } else {
        writeVectors<Vec>(out, in.columns, past,
                          [&](int64_t i, auto load, auto store) { store(out + i, slope(i, load)); });
      }
    });
  });
  if (past) Vec::fence();
}

template void PointLoss::run<STRIATE_VEC>() const;
template void PointLossGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
