// Sums and extrema along rows and down columns, and where the largest element is.
//
// Sums go through three levels, so that the error grows with the roots of their lengths: accumulators within
// a block, blocks within a call, and calls within the operation.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// Extrema are NaN where an element is. Sums of i32 wrap.
enum class Reduction : uint8_t { sum, maximum, minimum };

/// y[c] = x[0, c] ⊕ … ⊕ x[rows − 1, c], onto what y holds where `accumulate`. Rows begin `stride` apart.
/// Element is float or int32_t.
template <class Element>
struct ReduceColumns {
  Reduction reduction;
  const Element* x;
  Element* y;
  int64_t rows, columns, stride;
  bool accumulate;
  template <class Vec>
  void run() const;
};

/// y[r] = x[r, 0] ⊕ … ⊕ x[r, columns − 1], likewise.
template <class Element>
struct ReduceRows {
  Reduction reduction;
  const Element* x;
  Element* y;
  int64_t rows, columns, stride;
  bool accumulate;
  template <class Vec>
  void run() const;
};

/// y[r]: the first c at which x[r, c] is largest; NaN is larger than all numbers. Rows are dense.
template <class Element>
struct ArgMaxRows {
  const Element* x;
  int32_t* y;
  int64_t rows, columns;
  template <class Vec>
  void run() const;
};

/// y[c]: the first r at which x[r, c] is largest, for at most maxColumns columns. Rows begin `stride` apart.
template <class Element>
struct ArgMaxColumns {
  static constexpr int64_t maxColumns = 512;
  const Element* x;
  int32_t* y;
  int64_t rows, columns, stride;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/lanes.h"
#include "kernels/math.h"

namespace striate {

// What the loops below combine: two vectors, two elements, and across(v), all lanes of a vector.

template <class Vec>
struct SumOf {
  Vec operator()(Vec a, Vec b) const { return a + b; }
  float operator()(float a, float b) const { return a + b; }
  int32_t operator()(int32_t a, int32_t b) const {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
  static float neutral(float) { return 0.0f; }
  static int32_t neutral(int32_t) { return 0; }
  float across(Vec v) const { return v.sum(); }
};

// max and min of the vocabulary give the second operand where either is NaN: the first is left to look at.
template <class Vec>
struct LargerOf {
  Vec operator()(Vec a, Vec b) const { return select(a == a, max(a, b), a); }
  float operator()(float a, float b) const { return a != a || a > b ? a : b; }
  int32_t operator()(int32_t a, int32_t b) const { return a > b ? a : b; }
  static float neutral(float) { return -INFINITY; }
  static int32_t neutral(int32_t) { return INT32_MIN; }
  float across(Vec v) const {
    const Vec one = Vec::broadcast(1.0f);
    const bool numbers = select(v == v, one, one - one).sum() == static_cast<float>(Vec::size);
    return numbers ? v.maximum() : NAN;
  }
};

template <class Vec>
struct SmallerOf {
  Vec operator()(Vec a, Vec b) const { return select(a == a, min(a, b), a); }
  float operator()(float a, float b) const { return a != a || a < b ? a : b; }
  int32_t operator()(int32_t a, int32_t b) const { return a < b ? a : b; }
  static float neutral(float) { return INFINITY; }
  static int32_t neutral(int32_t) { return INT32_MAX; }
  float across(Vec v) const { return -LargerOf<Vec>().across(v * Vec::broadcast(-1.0f)); }
};

/// Calls work(combine), combine being the function that `reduction` names.
template <class Vec, class Work>
void withCombine(Reduction reduction, const Work& work) {
  switch (reduction) {
    case Reduction::sum:
      return work(SumOf<Vec>());
    case Reduction::maximum:
      return work(LargerOf<Vec>());
    case Reduction::minimum:
      return work(SmallerOf<Vec>());
  }
}

/// y[c] = x[0, c] ⊕ … ⊕ x[rows − 1, c], onto what y holds where `onto`; eight rows at a time, so that y is
/// seldom touched.
template <class Vec, class Combine>
void foldRows(const float* x, int64_t rows, int64_t columns, int64_t stride, float* y, bool onto,
              const Combine& combine) {
  const Vec neutral = Vec::broadcast(combine.neutral(0.0f));
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8, onto = true) {
    const float* row = x + r * stride;
    forVectors<Vec>(columns, [&](int64_t c, auto load, auto store) {
      const auto at = [&](int64_t k) { return load(row + k * stride + c); };
      const Vec upper = combine(combine(at(0), at(1)), combine(at(2), at(3)));
      const Vec lower = combine(combine(at(4), at(5)), combine(at(6), at(7)));
      store(y + c, combine(onto ? load(y + c) : neutral, combine(upper, lower)));
    });
  }
  if (r == rows && onto) return;
  forVectors<Vec>(columns, [&](int64_t c, auto load, auto store) {
    Vec value = onto ? load(y + c) : neutral;
    for (int64_t k = r; k < rows; ++k) value = combine(value, load(x + k * stride + c));
    store(y + c, value);
  });
}

template <class Vec, class Combine>
void foldRows(const int32_t* x, int64_t rows, int64_t columns, int64_t stride, int32_t* y, bool onto,
              const Combine& combine) {
  if (!onto)
    for (int64_t c = 0; c < columns; ++c) y[c] = combine.neutral(0);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y[c] = combine(y[c], x[r * stride + c]);
}

/// The same for any number of rows, in blocks of rows; columns in strips whose blocks stay in the cache.
template <class Vec, class Element, class Combine>
void foldBlocks(const Element* x, int64_t rows, int64_t columns, int64_t stride, Element* y, bool onto,
                const Combine& combine) {
  constexpr int64_t blockRows = 512, stripColumns = 1024;
  if (rows <= blockRows) return foldRows<Vec>(x, rows, columns, stride, y, onto, combine);
  Element block[stripColumns];
  for (int64_t c = 0; c < columns; c += stripColumns) {
    const int64_t width = columns - c < stripColumns ? columns - c : stripColumns;
    for (int64_t r = 0; r < rows; r += blockRows) {
      const int64_t height = rows - r < blockRows ? rows - r : blockRows;
      foldRows<Vec>(x + r * stride + c, height, width, stride, block, false, combine);
      foldRows<Vec>(block, 1, width, width, y + c, onto || r > 0, combine);
    }
  }
}

template <class Element>
template <class Vec>
void ReduceColumns<Element>::run() const {
  // Rows shorter than the vectors in flight are read as fewer, wider ones; whole vectors where that is to be
  // had.
  constexpr int64_t widest = 256;
  withCombine<Vec>(reduction, [this](const auto& combine) {
    if (stride != columns || columns > widest / 2 || rows * columns < 2 * widest)
      return foldBlocks<Vec>(x, rows, columns, stride, y, accumulate, combine);
    int64_t fold = widest / columns;
    if (fold > 16) fold -= fold % 16;
    Element wide[widest];
    const int64_t folded = rows / fold, width = fold * columns;
    foldBlocks<Vec>(x, folded, width, width, wide, false, combine);
    foldRows<Vec>(x + folded * width, rows - folded * fold, columns, columns, wide, true, combine);
    foldRows<Vec>(wide, fold, columns, columns, y, accumulate, combine);
  });
}

/// x[0] ⊕ … ⊕ x[n − 1]
template <class Vec, class Combine>
float reduceBlock(const float* x, int64_t n, const Combine& combine) {
  constexpr int count = 8;
  const Vec neutral = Vec::broadcast(combine.neutral(0.0f));
  Vec sum = neutral;
  int64_t i = 0;
  if (n >= count * Vec::size) {
    Vec sums[count];
    for (int k = 0; k < count; ++k) sums[k] = sum;
    for (; i + count * Vec::size <= n; i += count * Vec::size)
      for (int k = 0; k < count; ++k) sums[k] = combine(sums[k], Vec::load(x + i + k * Vec::size));
    for (int half = count / 2; half > 0; half /= 2)
      for (int k = 0; k < half; ++k) sums[k] = combine(sums[k], sums[k + half]);
    sum = sums[0];
  }
  alongRow<Vec>(n - i, [&](int64_t j, auto load, auto, auto keep) {
    sum = combine(sum, keep(load(x + i + j), neutral));
  });
  return combine.across(sum);
}

template <class Vec, class Combine>
int32_t reduceBlock(const int32_t* x, int64_t n, const Combine& combine) {
  int32_t value = combine.neutral(0);
  for (int64_t i = 0; i < n; ++i) value = combine(value, x[i]);
  return value;
}

template <class Element>
template <class Vec>
void ReduceRows<Element>::run() const {
  constexpr int64_t block = 4096;
  withCombine<Vec>(reduction, [this](const auto& combine) {
    for (int64_t r = 0; r < rows; ++r) {
      const Element* row = x + r * stride;
      Element value = accumulate ? y[r] : combine.neutral(Element());
      for (int64_t c = 0; c < columns; c += block)
        value = combine(value, reduceBlock<Vec>(row + c, columns - c < block ? columns - c : block, combine));
      y[r] = value;
    }
  });
}

template <class Vec, class Element>
bool exceeds(Element value, Element best) {
  return value > best || (value != value && best == best);
}

/// The first place of `value`, which is one of x[0], …, x[n − 1]; n is at most 256.
template <class Vec>
int64_t placeOf(float value, const float* x, int64_t n) {
  float lanes[Vec::size];
  for (int lane = 0; lane < Vec::size; ++lane) lanes[lane] = static_cast<float>(-lane);
  const Vec wanted = Vec::broadcast(value), none = Vec::broadcast(-INFINITY);
  Vec best = none, place = Vec::load(lanes);
  // The lanes of a partial vector that are not there come after those that are: they cannot win.
  forVectors<Vec>(n, [&](int64_t i, auto load, auto) {
    const Vec v = load(x + i);
    best = max(best, value == value ? select(v == wanted, place, none) : select(v == v, none, place));
    place = place - Vec::broadcast(static_cast<float>(Vec::size));
  });
  return -static_cast<int64_t>(best.maximum());
}

template <class Vec>
int64_t placeOf(int32_t value, const int32_t* x, int64_t n) {
  int64_t i = 0;
  while (i < n - 1 && x[i] != value) ++i;
  return i;
}

template <class Element>
template <class Vec>
void ArgMaxRows<Element>::run() const {
  // The largest of each block first; its place is looked for only in the block where it is.
  constexpr int64_t block = 256;
  for (int64_t r = 0; r < rows; ++r) {
    const Element* row = x + r * columns;
    Element best{};
    int64_t at = 0;
    for (int64_t c = 0; c < columns; c += block) {
      const Element largest =
          reduceBlock<Vec>(row + c, columns - c < block ? columns - c : block, LargerOf<Vec>());
      if (c == 0 || exceeds<Vec>(largest, best)) {
        best = largest;
        at = c;
      }
    }
    at += placeOf<Vec>(best, row + at, columns - at < block ? columns - at : block);
    y[r] = static_cast<int32_t>(at);
  }
}

template <class Element>
template <class Vec>
void ArgMaxColumns<Element>::run() const {
  Element best[maxColumns];
  for (int64_t c = 0; c < columns; ++c) {
    best[c] = x[c];
    y[c] = 0;
  }
  for (int64_t r = 1; r < rows; ++r) {
    const Element* row = x + r * stride;
    for (int64_t c = 0; c < columns; ++c) {
      const bool larger = exceeds<Vec>(row[c], best[c]);
      best[c] = larger ? row[c] : best[c];
      y[c] = larger ? static_cast<int32_t>(r) : y[c];
    }
  }
}

template void ReduceColumns<float>::run<STRIATE_VEC>() const;
template void ReduceColumns<int32_t>::run<STRIATE_VEC>() const;
template void ReduceRows<float>::run<STRIATE_VEC>() const;
template void ReduceRows<int32_t>::run<STRIATE_VEC>() const;
template void ArgMaxRows<float>::run<STRIATE_VEC>() const;
template void ArgMaxRows<int32_t>::run<STRIATE_VEC>() const;
template void ArgMaxColumns<float>::run<STRIATE_VEC>() const;
template void ArgMaxColumns<int32_t>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
