// Functions of one and two elements. Broadcasting reaches a kernel as a block of rows whose operands advance
// by 0 or 1.
#pragma once

#include "kernels/kernel.h"

namespace striate {

enum class UnaryFunction : uint8_t {
  negative,
  exp,
  log,
  sqrt,
  abs,
  sign,
  square,
  reciprocal,
  floor,
  ceil,
  /// Halves go to the even neighbour.
  round,
  relu
};
enum class BinaryFunction : uint8_t {
  add,
  sub,
  mul,
  div,
  /// Cut off towards 0, of i32 alone; 0 where the divisor is 0.
  divTruncated,
  pow,
  maximum,
  minimum,
  reluGradient
};
enum class Comparison : uint8_t { equal, notEqual, less, lessEqual, greater, greaterEqual };

/// y[i] = f(x[i])
struct Unary {
  UnaryFunction function;
  const float* x;
  float* y;
  int64_t n;
  bool stream;
  template <class Vec>
  void run() const;
};

/// How operand rows lie: row r, column c of an operand is at r·row + c·column, with column 0 or 1.
struct OperandSteps {
  int64_t row, column;
};

/// y[r, c] = f(a[r, c], b[r, c]); y is dense.
struct Binary {
  BinaryFunction function;
  const float *a, *b;
  float* y;
  int64_t rows, columns;
  OperandSteps aSteps, bSteps;
  bool stream = false;
  template <class Vec>
  void run() const;
};

/// y[i] = ((x[0][i] + x[1][i]) + …) + x[count − 1][i]; y may be one of them.
struct AddUp {
  const float* const* x;
  int64_t count;
  float* y;
  int64_t from, to;
  template <class Vec>
  void run() const;
};

/// The same for i32; quotients and powers that have no whole results are refused before.
struct BinaryInt {
  BinaryFunction function;
  const int32_t *a, *b;
  int32_t* y;
  int64_t rows, columns;
  OperandSteps aSteps, bSteps;
  template <class Vec>
  void run() const;
};

/// y[r, c] = 1 where the comparison holds, else 0; Element is float, int32_t or uint8_t.
template <class Element>
struct Compare {
  Comparison comparison;
  const Element *a, *b;
  uint8_t* y;
  int64_t rows, columns;
  OperandSteps aSteps, bSteps;
  template <class Vec>
  void run() const;
};

/// y[r, c] = condition[r, c] ? a[r, c] : b[r, c]; Element is float, int32_t or uint8_t.
template <class Element>
struct Select {
  const uint8_t* condition;
  const Element *a, *b;
  Element* y;
  int64_t rows, columns;
  OperandSteps conditionSteps, aSteps, bSteps;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <math.h>

#include "kernels/math.h"
#include "kernels/stream.h"

namespace striate {

template <class Vec>
void Unary::run() const {
  const auto map = [this](const auto& f) {
    writeVectors<Vec>(y, n, stream, [&](int64_t i, auto load, auto store) { store(y + i, f(load(x + i))); });
    if (stream) Vec::fence();
  };
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f);
  const auto minus = [](Vec v) { return v * Vec::broadcast(-1.0f); };
  // The whole number at or below v, from the one nearest to it.
  const auto below = [&](Vec v, Vec nearest) { return select(v < nearest, nearest - one, nearest); };
  switch (function) {
    case UnaryFunction::negative:
      return map(minus);
    case UnaryFunction::exp:
      return map([](Vec v) { return exp(v); });
    case UnaryFunction::log:
      return map([](Vec v) { return perLane(v, ::logf); });
    case UnaryFunction::sqrt:
      return map([](Vec v) { return sqrt(v); });
    case UnaryFunction::abs:
      return map([](Vec v) { return abs(v); });
    case UnaryFunction::sign:
      return map([&](Vec v) { return select(zero < v, one, select(v < zero, zero - one, v)); });
    case UnaryFunction::square:
      return map([](Vec v) { return v * v; });
    case UnaryFunction::reciprocal:
      return map([&](Vec v) { return one / v; });
    case UnaryFunction::floor:
      return map([&](Vec v) { return below(v, round(v)); });
    case UnaryFunction::ceil:
      return map([&](Vec v) { return minus(below(minus(v), round(minus(v)))); });
    case UnaryFunction::round:
      return map([](Vec v) { return round(v); });
    case UnaryFunction::relu:
      return map([&](Vec v) { return max(zero, v); });
  }
}

/// One row of y = f(a, b) for the three ways in which operands advance.
template <class Vec, class F>
void binaryRow(const float* a, const float* b, float* y, int64_t n, bool aAdvances, bool bAdvances,
               bool stream, const F& f) {
  const auto write = [&](const auto& value) {
    writeVectors<Vec>(y, n, stream, [&](int64_t i, auto load, auto store) { store(y + i, value(i, load)); });
  };
  if (aAdvances && bAdvances) {
    write([&](int64_t i, auto load) { return f(load(a + i), load(b + i)); });
  } else if (aAdvances) {
    const Vec right = Vec::broadcast(*b);
    write([&](int64_t i, auto load) { return f(load(a + i), right); });
  } else if (bAdvances) {
    const Vec left = Vec::broadcast(*a);
    write([&](int64_t i, auto load) { return f(left, load(b + i)); });
  } else {
    const Vec value = f(Vec::broadcast(*a), Vec::broadcast(*b));
    write([&](int64_t, auto) { return value; });
  }
}

template <class Vec>
void Binary::run() const {
  // Short rows that end within a cache line would write it in both ways, which costs more than either.
  const bool past = stream && (columns % 16 == 0 || columns >= 256);
  const auto map = [&](const auto& f) {
    for (int64_t r = 0; r < rows; ++r)
      binaryRow<Vec>(a + r * aSteps.row, b + r * bSteps.row, y + r * columns, columns, aSteps.column != 0,
                     bSteps.column != 0, past, f);
    if (past) Vec::fence();
  };
  const Vec zero = Vec::broadcast(0.0f);
  switch (function) {
    case BinaryFunction::add:
      return map([](Vec u, Vec v) { return u + v; });
    case BinaryFunction::sub:
      return map([](Vec u, Vec v) { return u - v; });
    case BinaryFunction::mul:
      return map([](Vec u, Vec v) { return u * v; });
    case BinaryFunction::div:
      return map([](Vec u, Vec v) { return u / v; });
    case BinaryFunction::divTruncated:
      return;
    case BinaryFunction::pow:
      return map([](Vec u, Vec v) { return perLane(u, v, ::powf); });
    // What is no number stays so, whichever side it is on.
    case BinaryFunction::maximum:
      return map([](Vec u, Vec v) { return select(u == u, max(u, v), u); });
    case BinaryFunction::minimum:
      return map([](Vec u, Vec v) { return select(u == u, min(u, v), u); });
    case BinaryFunction::reluGradient:
      return map([&](Vec dy, Vec out) { return select(zero < out, dy, zero); });
  }
}

/// y[r, c] = f(a[r, c], b[r, c]) in plain loops that the compiler turns into vectors: operands advance by a
/// constant, and no pointer is read through memory that y might change.
template <class Vec, class Element, class Result, class F>
void plainRows(const Element* a, const Element* b, Result* y, int64_t rows, int64_t columns,
               OperandSteps aSteps, OperandSteps bSteps, const F& f) {
  for (int64_t r = 0; r < rows; ++r) {
    const Element *u = a + r * aSteps.row, *v = b + r * bSteps.row;
    Result* out = y + r * columns;
    if (aSteps.column && bSteps.column) {
      for (int64_t c = 0; c < columns; ++c) out[c] = f(u[c], v[c]);
    } else if (aSteps.column) {
      const Element right = *v;
      for (int64_t c = 0; c < columns; ++c) out[c] = f(u[c], right);
    } else {
      const Element left = *u;
      for (int64_t c = 0; c < columns; ++c) out[c] = f(left, v[c * bSteps.column]);
    }
  }
}

template <class Vec>
void AddUp::run() const {
  const float* const* const inputs = x;
  const int64_t first = from, last = count;
  float* const out = y + from;
  forVectors<Vec>(to - from, [=](int64_t i, auto load, auto store) {
    Vec sum = load(inputs[0] + first + i);
    for (int64_t k = 1; k < last; ++k) sum = sum + load(inputs[k] + first + i);
    store(out + i, sum);
  });
}

template <class Vec>
void BinaryInt::run() const {
  const auto map = [this](const auto& f) { plainRows<Vec>(a, b, y, rows, columns, aSteps, bSteps, f); };
  // Overflow wraps, as in typed arrays; in unsigned arithmetic, where that is defined.
  const auto wrapped = [](auto f) {
    return [f](int32_t u, int32_t v) {
      return static_cast<int32_t>(f(static_cast<uint32_t>(u), static_cast<uint32_t>(v)));
    };
  };
  switch (function) {
    case BinaryFunction::add:
      return map(wrapped([](uint32_t u, uint32_t v) { return u + v; }));
    case BinaryFunction::sub:
      return map(wrapped([](uint32_t u, uint32_t v) { return u - v; }));
    case BinaryFunction::mul:
      return map(wrapped([](uint32_t u, uint32_t v) { return u * v; }));
    case BinaryFunction::divTruncated:
      return map([](int32_t u, int32_t v) {
        return v == 0 ? 0 : static_cast<int32_t>(static_cast<uint32_t>(int64_t{u} / v));
      });
    case BinaryFunction::maximum:
      return map([](int32_t u, int32_t v) { return u > v ? u : v; });
    case BinaryFunction::minimum:
      return map([](int32_t u, int32_t v) { return u < v ? u : v; });
    default:
      return;
  }
}

template <class Element>
template <class Vec>
void Compare<Element>::run() const {
  const auto map = [this](const auto& holds) {
    plainRows<Vec>(a, b, y, rows, columns, aSteps, bSteps,
                   [&](Element u, Element v) { return static_cast<uint8_t>(holds(u, v) ? 1 : 0); });
  };
  switch (comparison) {
    case Comparison::equal:
      return map([](Element u, Element v) { return u == v; });
    case Comparison::notEqual:
      return map([](Element u, Element v) { return u != v; });
    case Comparison::less:
      return map([](Element u, Element v) { return u < v; });
    case Comparison::lessEqual:
      return map([](Element u, Element v) { return u <= v; });
    case Comparison::greater:
      return map([](Element u, Element v) { return u > v; });
    case Comparison::greaterEqual:
      return map([](Element u, Element v) { return u >= v; });
  }
}

template <class Element>
template <class Vec>
void Select<Element>::run() const {
  for (int64_t r = 0; r < rows; ++r) {
    const uint8_t* which = condition + r * conditionSteps.row;
    const Element *u = a + r * aSteps.row, *v = b + r * bSteps.row;
    Element* out = y + r * columns;
    if (conditionSteps.column && aSteps.column && bSteps.column) {
      for (int64_t c = 0; c < columns; ++c) {
        const Element whole = u[c], other = v[c];
        out[c] = which[c] ? whole : other;
      }
      continue;
    }
    for (int64_t c = 0; c < columns; ++c)
      out[c] = which[c * conditionSteps.column] ? u[c * aSteps.column] : v[c * bSteps.column];
  }
}

template void Unary::run<STRIATE_VEC>() const;
template void Binary::run<STRIATE_VEC>() const;
template void AddUp::run<STRIATE_VEC>() const;
template void BinaryInt::run<STRIATE_VEC>() const;
template void Compare<float>::run<STRIATE_VEC>() const;
template void Compare<int32_t>::run<STRIATE_VEC>() const;
template void Compare<uint8_t>::run<STRIATE_VEC>() const;
template void Select<float>::run<STRIATE_VEC>() const;
template void Select<int32_t>::run<STRIATE_VEC>() const;
template void Select<uint8_t>::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
