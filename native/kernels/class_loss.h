// Losses of rows of scores, one for each class, against a label or a distribution of each row. The plain
// cross-entropy of labels is in softmax.h.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// What rows of scores are compared with.
struct ClassTargets {
  const int32_t* labels;       ///< one of each row; or null, and then
  const float* distributions;  ///< laid out as the scores
  const float* weights;        ///< what each class counts; or null: 1
  int64_t ignored;             ///< the label of rows that count nothing
  /// Set to the first row whose label names no class, and left as it is otherwise.
  int64_t* wrongRow;
};

/// p = softmax of the rows of x, losses[r] = −Σ a[k]·ln p[r, k] with a[k] = weights[k]·(kept·t[k] + share),
/// where t is the row's distribution, or 1 at its label.
struct MixedCrossEntropy {
  ClassTargets targets;
  float kept, share;
  const float* x;
  float *p, *losses;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// dx[r, k] = (p[r, k]·Σ a − a[k])·factors[r]; `weightSum` is Σ weights.
struct MixedCrossEntropyGradient {
  ClassTargets targets;
  float kept, share, weightSum;
  const float *p, *factors;
  float* dx;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// losses[r] = −weight·x[r, label]
struct LikelihoodLoss {
  ClassTargets targets;
  const float* x;
  float* losses;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// dx[r, label] = −weight·factors[r], the others 0.
struct LikelihoodLossGradient {
  ClassTargets targets;
  const float* factors;
  float* dx;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// losses[r] = weight/columns · Σ max(0, margin − x[r, label] + x[r, k]), or its squares, over k ≠ label.
struct MarginLoss {
  ClassTargets targets;
  float margin;
  bool squared;
  const float* x;
  float* losses;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

struct MarginLossGradient {
  ClassTargets targets;
  float margin;
  bool squared;
  const float *x, *factors;
  float* dx;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/math.h"
#include "kernels/sums.h"

namespace striate {

/// Calls row(r, label, weight) for rows with a label, up to one that names no class; ignored(r) for the
/// others.
template <class Vec, class Row, class Ignored>
void forLabelledRows(const ClassTargets& targets, int64_t rows, int64_t columns, const Row& row,
                     const Ignored& ignored) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t label = targets.labels[r];
    if (label == targets.ignored) {
      ignored(r);
    } else if (label < 0 || label >= columns) {
      *targets.wrongRow = r;
      return;
    } else {
      row(r, label, targets.weights ? targets.weights[label] : 1.0f);
    }
  }
}

template <class Vec>
void zeroRow(float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = 0.0f;
}

/// p = softmax(x); gives ln Σ eˣ in two parts, of which the first is the largest x.
template <class Vec>
void probabilitiesOfRow(const float* x, float* p, int64_t n, float& largest, float& logSum) {
  const Vec lowest = Vec::broadcast(-INFINITY);
  Vec most = lowest;
  alongRow<Vec>(n,
                [&](int64_t i, auto load, auto, auto keep) { most = max(most, keep(load(x + i), lowest)); });
  largest = most.maximum();
  const Vec shift = Vec::broadcast(largest);
  LongSum<Vec> total;
  alongRow<Vec>(n, [&](int64_t i, auto load, auto store, auto keep) {
    const Vec e = exp(load(x + i) - shift);
    store(p + i, e);
    total.add(keep(e, Vec::broadcast(0.0f)));
  });
  const float sum = total.value();
  logSum = ::logf(sum);
  const Vec factor = Vec::broadcast(1.0f / sum);
  forVectors<Vec>(n, [&](int64_t i, auto load, auto store) { store(p + i, load(p + i) * factor); });
}

/// weights[i] of the classes, or 1.
template <class Vec, class Load>
Vec classWeights(const float* weights, int64_t i, Load load) {
  return weights ? load(weights + i) : Vec::broadcast(1.0f);
}

template <class Vec>
void MixedCrossEntropy::run() const {
  const float* const weights = targets.weights;
  const Vec keep = Vec::broadcast(kept), rest = Vec::broadcast(share);
  // −Σ a·ln p with a(i, load) as the masses.
  const auto crossed = [&](const float* row, float largest, float logSum, const auto& mass) {
    const Vec most = Vec::broadcast(largest), last = Vec::broadcast(logSum);
    return sumOfTerms<Vec>(
        columns, [&](int64_t i, auto load) { return mass(i, load) * (last - (load(row + i) - most)); });
  };
  float largest, logSum;
  if (!targets.labels) {
    for (int64_t r = 0; r < rows; ++r) {
      const float *const row = x + r * columns, *const t = targets.distributions + r * columns;
      probabilitiesOfRow<Vec>(row, p + r * columns, columns, largest, logSum);
      losses[r] = crossed(row, largest, logSum, [&](int64_t i, auto load) {
        return classWeights<Vec>(weights, i, load) * (keep * load(t + i) + rest);
      });
    }
    return;
  }
  forLabelledRows<Vec>(
      targets, rows, columns,
      [&](int64_t r, int64_t label, float weight) {
        const float* const row = x + r * columns;
        probabilitiesOfRow<Vec>(row, p + r * columns, columns, largest, logSum);
        float loss = kept * weight * (logSum - (row[label] - largest));
        if (share != 0)
          loss += crossed(row, largest, logSum,
                          [&](int64_t i, auto load) { return classWeights<Vec>(weights, i, load) * rest; });
        losses[r] = loss;
      },
      [&](int64_t r) { losses[r] = 0.0f; });
}

template <class Vec>
void MixedCrossEntropyGradient::run() const {
  const float* const weights = targets.weights;
  const Vec keep = Vec::broadcast(kept), rest = Vec::broadcast(share);
  if (!targets.labels) {
    for (int64_t r = 0; r < rows; ++r) {
      const float *const t = targets.distributions + r * columns, *const q = p + r * columns;
      float* const out = dx + r * columns;
      const auto mass = [&](int64_t i, auto load) {
        return classWeights<Vec>(weights, i, load) * (keep * load(t + i) + rest);
      };
      const Vec all = Vec::broadcast(sumOfTerms<Vec>(columns, mass)), factor = Vec::broadcast(factors[r]);
      forVectors<Vec>(columns, [&](int64_t i, auto load, auto store) {
        store(out + i, (load(q + i) * all - mass(i, load)) * factor);
      });
    }
    return;
  }
  forLabelledRows<Vec>(
      targets, rows, columns,
      [&](int64_t r, int64_t label, float weight) {
        const float* const q = p + r * columns;
        float* const out = dx + r * columns;
        const float own = kept * weight, sum = own + share * weightSum;
        const Vec all = Vec::broadcast(sum), factor = Vec::broadcast(factors[r]);
        forVectors<Vec>(columns, [&](int64_t i, auto load, auto store) {
          store(out + i, (load(q + i) * all - rest * classWeights<Vec>(weights, i, load)) * factor);
        });
        const float shared = share * (weights ? weights[label] : 1.0f);
        out[label] = (q[label] * sum - (own + shared)) * factors[r];
      },
      [&](int64_t r) { zeroRow<Vec>(dx + r * columns, columns); });
}

template <class Vec>
void LikelihoodLoss::run() const {
  forLabelledRows<Vec>(
      targets, rows, columns,
      [&](int64_t r, int64_t label, float weight) { losses[r] = -weight * x[r * columns + label]; },
      [&](int64_t r) { losses[r] = 0.0f; });
}

template <class Vec>
void LikelihoodLossGradient::run() const {
  zeroRow<Vec>(dx, rows * columns);
  forLabelledRows<Vec>(
      targets, rows, columns,
      [&](int64_t r, int64_t label, float weight) { dx[r * columns + label] = -weight * factors[r]; },
      [](int64_t) {});
}

/// Calls part(from, n) for the classes before and after the label.
template <class Vec, class Part>
void otherClasses(int64_t label, int64_t columns, const Part& part) {
  part(int64_t{0}, label);
  part(label + 1, columns - label - 1);
}

template <class Vec>
void MarginLoss::run() const {
  const Vec zero = Vec::broadcast(0.0f), gap = Vec::broadcast(margin);
  forLabelledRows<Vec>(
      targets, rows, columns,
      [&](int64_t r, int64_t label, float weight) {
        const float* const row = x + r * columns;
        const Vec right = Vec::broadcast(row[label]);
        LongSum<Vec> total;
        otherClasses<Vec>(label, columns, [&](int64_t from, int64_t n) {
          addTerms(total, n, [&](int64_t i, auto load) {
            const Vec lack = max(zero, gap + (load(row + from + i) - right));
            return squared ? lack * lack : lack;
          });
        });
        losses[r] = weight * total.value() / static_cast<float>(columns);
      },
      [&](int64_t r) { losses[r] = 0.0f; });
}

template <class Vec>
void MarginLossGradient::run() const {
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f), gap = Vec::broadcast(margin);
  forLabelledRows<Vec>(
      targets, rows, columns,
      [&](int64_t r, int64_t label, float weight) {
        const float* const row = x + r * columns;
        float* const out = dx + r * columns;
        const float scale = weight * factors[r] / static_cast<float>(columns);
        const Vec right = Vec::broadcast(row[label]), factor = Vec::broadcast(scale);
        LongSum<Vec> total;
        otherClasses<Vec>(label, columns, [&](int64_t from, int64_t n) {
          alongRow<Vec>(n, [&](int64_t i, auto load, auto store, auto keep) {
            const Vec lack = max(zero, gap + (load(row + from + i) - right));
            const Vec slope = squared ? lack + lack : select(lack <= zero, zero, one);
            store(out + from + i, slope * factor);
            total.add(keep(slope, zero));
          });
        });
        out[label] = -total.value() * scale;
      },
      [&](int64_t r) { zeroRow<Vec>(dx + r * columns, columns); });
}

template void MixedCrossEntropy::run<STRIATE_VEC>() const;
template void MixedCrossEntropyGradient::run<STRIATE_VEC>() const;
template void LikelihoodLoss::run<STRIATE_VEC>() const;
template void LikelihoodLossGradient::run<STRIATE_VEC>() const;
template void MarginLoss::run<STRIATE_VEC>() const;
template void MarginLossGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
