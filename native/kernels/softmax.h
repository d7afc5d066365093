// Softmax, its logarithm, and the cross-entropy that is taken of it. All subtract the largest element first,
// so that no exponential overflows.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// y[r, c] = e^x[r, c] / Σ e^x[r, ·], or the logarithm of that; rows are dense.
struct SoftmaxRows {
  bool logarithm;
  const float* x;
  float* y;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// The same down columns: y[r, c] = e^x[r, c] / Σ e^x[·, c]. Rows begin `stride` apart.
struct SoftmaxColumns {
  bool logarithm;
  const float* x;
  float* y;
  int64_t rows, columns, stride;
  template <class Vec>
  void run() const;
};

/// dx from dy and the result y: y·(dy − Σ dy·y), or dy − e^y·Σ dy for the logarithm; along rows.
struct SoftmaxRowsGradient {
  bool logarithm;
  const float *dy, *y;
  float* dx;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// The same down columns.
struct SoftmaxColumnsGradient {
  bool logarithm;
  const float *dy, *y;
  float* dx;
  int64_t rows, columns, stride;
  template <class Vec>
  void run() const;
};

/// Rows of this label count nothing.
constexpr int64_t ignoredLabel = -100;

/// p = softmax of the rows of x, losses[r] = −log p[r, labels[r]]; for an ignored label 0, and no p. Where a
/// label is not in [0, columns), `wrongRow` is set to the first such row, and left as it is otherwise.
struct CrossEntropy {
  const float* x;
  const int32_t* labels;
  float *p, *losses;
  int64_t rows, columns;
  int64_t* wrongRow;
  template <class Vec>
  void run() const;
};

/// dx[r, c] = (p[r, c] − (1 where c = labels[r]))·scale, 0 for an ignored label; wrong labels likewise.
struct CrossEntropyGradient {
  const float* p;
  const int32_t* labels;
  float* dx;
  int64_t rows, columns;
  float scale;
  int64_t* wrongRow;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/lanes.h"
#include "kernels/math.h"

namespace striate {

/// A sum in blocks, for the accuracy of long ones.
template <class Vec>
class BlockedSum {
 public:
  void add(Vec term) {
    block_ = block_ + term;
    if (++terms_ < 64) return;
    total_ = total_ + block_;
    block_ = Vec::broadcast(0.0f);
    terms_ = 0;
  }
  Vec value() const { return total_ + block_; }

 private:
  Vec total_ = Vec::broadcast(0.0f), block_ = Vec::broadcast(0.0f);
  int terms_ = 0;
};

/// The sum along [0, n) of term(i, load, store), a vector at i; in blocks too, which stay in registers.
template <class Vec, class Term>
float sumAlong(int64_t n, const Term& term) {
  constexpr int64_t inBlock = 64 * Vec::size;
  const auto load = [](const float* p) { return Vec::load(p); };
  const auto store = [](float* p, Vec v) { v.store(p); };
  Vec total = Vec::broadcast(0.0f);
  int64_t i = 0;
  while (i + Vec::size <= n) {
    Vec block = Vec::broadcast(0.0f);
    for (const int64_t end = n - i < inBlock ? n : i + inBlock; i + Vec::size <= end; i += Vec::size)
      block = block + term(i, load, store);
    total = total + block;
  }
  if (const int rest = static_cast<int>(n - i); rest > 0) {
    const Vec last = term(
        i, [rest](const float* p) { return Vec::loadPartial(p, rest); },
        [rest](float* p, Vec v) { v.storePartial(p, rest); });
    total = total + firstLanes(last, rest, Vec::broadcast(0.0f));
  }
  return total.sum();
}

template <class Vec>
float largestOf(const float* x, int64_t n) {
  const Vec lowest = Vec::broadcast(-INFINITY);
  // Each waits for its own last result.
  constexpr int64_t atOnce = 4 * Vec::size;
  Vec most[4] = {lowest, lowest, lowest, lowest};
  const int64_t rest = n % atOnce;
  for (int64_t i = 0; i < n - rest; i += atOnce)
    for (int k = 0; k < 4; ++k) most[k] = max(most[k], Vec::load(x + i + k * Vec::size));
  alongRow<Vec>(rest, [&](int64_t i, auto load, auto, auto keep) {
    most[0] = max(most[0], keep(load(x + n - rest + i), lowest));
  });
  return max(max(most[0], most[1]), max(most[2], most[3])).maximum();
}

/// y = e^(x − largest), and gives the sum of it. Fetches the rows that come after, as the processor's own
/// prefetching stops while this is computed.
template <class Vec>
float exponentials(const float* x, float* y, int64_t n, float largest) {
  return sumAlong<Vec>(n, [&](int64_t i, auto load, auto store) {
    __builtin_prefetch(x + i + n);
    __builtin_prefetch(y + i + n, 1);
    const Vec e = exp(load(x + i) - Vec::broadcast(largest));
    store(y + i, e);
    return e;
  });
}

template <class Vec>
void scaleRow(float* y, int64_t n, float factor) {
  forVectors<Vec>(
      n, [&](int64_t i, auto load, auto store) { store(y + i, load(y + i) * Vec::broadcast(factor)); });
}

template <class Vec>
void SoftmaxRows::run() const {
  for (int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * columns;
    float* out = y + r * columns;
    const float largest = largestOf<Vec>(in, columns);
    if (logarithm) {
      const float sum = sumAlong<Vec>(
          columns, [&](int64_t i, auto load, auto) { return exp(load(in + i) - Vec::broadcast(largest)); });
      const Vec subtrahend = Vec::broadcast(::logf(sum));
      forVectors<Vec>(columns, [&](int64_t i, auto load, auto store) {
        store(out + i, load(in + i) - Vec::broadcast(largest) - subtrahend);
      });
    } else {
      const float sum = exponentials<Vec>(in, out, columns, largest);
      scaleRow<Vec>(out, columns, 1.0f / sum);
    }
  }
}

template <class Vec>
void SoftmaxColumns::run() const {
  forVectors<Vec>(columns, [&](int64_t c, auto load, auto store) {
    Vec largest = Vec::broadcast(-INFINITY);
    BlockedSum<Vec> sum;
    for (int64_t r = 0; r < rows; ++r) largest = max(largest, load(x + r * stride + c));
    for (int64_t r = 0; r < rows; ++r) {
      const Vec shifted = load(x + r * stride + c) - largest, e = exp(shifted);
      store(y + r * stride + c, logarithm ? shifted : e);
      sum.add(e);
    }
    const Vec last = logarithm ? perLane(sum.value(), ::logf) : Vec::broadcast(1.0f) / sum.value();
    for (int64_t r = 0; r < rows; ++r) {
      float* at = y + r * stride + c;
      store(at, logarithm ? load(at) - last : load(at) * last);
    }
  });
}

template <class Vec>
void SoftmaxRowsGradient::run() const {
  for (int64_t r = 0; r < rows; ++r) {
    const float *g = dy + r * columns, *p = y + r * columns;
    float* out = dx + r * columns;
    const Vec sum = Vec::broadcast(sumAlong<Vec>(columns, [&](int64_t i, auto load, auto) {
      return logarithm ? load(g + i) : load(g + i) * load(p + i);
    }));
    if (logarithm) {
      forVectors<Vec>(columns, [&](int64_t i, auto load, auto store) {
        store(out + i, load(g + i) - exp(load(p + i)) * sum);
      });
    } else {
      forVectors<Vec>(columns, [&](int64_t i, auto load, auto store) {
        store(out + i, load(p + i) * (load(g + i) - sum));
      });
    }
  }
}

template <class Vec>
void SoftmaxColumnsGradient::run() const {
  forVectors<Vec>(columns, [&](int64_t c, auto load, auto store) {
    BlockedSum<Vec> terms;
    for (int64_t r = 0; r < rows; ++r) {
      const Vec g = load(dy + r * stride + c);
      terms.add(logarithm ? g : g * load(y + r * stride + c));
    }
    const Vec sum = terms.value();
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = r * stride + c;
      const Vec g = load(dy + at), out = load(y + at);
      store(dx + at, logarithm ? g - exp(out) * sum : out * (g - sum));
    }
  });
}

template <class Vec>
void CrossEntropy::run() const {
  for (int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * columns;
    const int64_t label = labels[r];
    if (label == ignoredLabel) {
      losses[r] = 0.0f;
      continue;
    }
    if (label < 0 || label >= columns) {
      *wrongRow = r;
      return;
    }
    const float largest = largestOf<Vec>(in, columns);
    const float sum = exponentials<Vec>(in, p + r * columns, columns, largest);
    scaleRow<Vec>(p + r * columns, columns, 1.0f / sum);
    losses[r] = ::logf(sum) - (in[label] - largest);
  }
}

template <class Vec>
void CrossEntropyGradient::run() const {
  const Vec factor = Vec::broadcast(scale);
  forVectors<Vec>(rows * columns,
                  [&](int64_t i, auto load, auto store) { store(dx + i, load(p + i) * factor); });
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t label = labels[r];
    if (label == ignoredLabel) {
      for (int64_t c = 0; c < columns; ++c) dx[r * columns + c] = 0.0f;
      continue;
    }
    if (label < 0 || label >= columns) {
      *wrongRow = r;
      return;
    }
    dx[r * columns + label] = (p[r * columns + label] - 1.0f) * scale;
  }
}

template void SoftmaxRows::run<STRIATE_VEC>() const;
template void SoftmaxColumns::run<STRIATE_VEC>() const;
template void SoftmaxRowsGradient::run<STRIATE_VEC>() const;
template void SoftmaxColumnsGradient::run<STRIATE_VEC>() const;
template void CrossEntropy::run<STRIATE_VEC>() const;
template void CrossEntropyGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
