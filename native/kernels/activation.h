// Activation functions and their derivatives, each in one pass.
#pragma once

#include "kernels/kernel.h"

namespace striate {

enum class ActivationFunction : uint8_t {
  sigmoid,
  tanh,
  erf,
  /// a·x where x ≤ 0.
  leakyRelu,
  relu6,
  /// a·(eˣ − 1) where x ≤ 0, else b·x.
  elu,
  gelu,
  geluTanh,
  silu,
  hardswish,
  /// a·(x + b), between 0 and 1.
  hardsigmoid,
  /// x, between a and b.
  clamp,
  mish,
  /// ln(1 + e^(ax))/a where ax ≤ b, else x.
  softplus,
  logSigmoid,
  softsign
};

/// y[i] = f(x[i])
struct Activation {
  ActivationFunction function;
  float a, b;
  const float* x;
  float* y;
  int64_t n;
  bool stream;
  template <class Vec>
  void run() const;
};

/// dx[i] = dy[i]·f′, from the output where that tells the derivative (see derivativeOfOutput), else from the
/// input. dx may be dy.
struct ActivationGradient {
  ActivationFunction function;
  float a, b;
  const float *dy, *saved;
  float* dx;
  int64_t n;
  template <class Vec>
  void run() const;
};

/// Whether a derivative is computed from the function's output: whoever comes next keeps that anyway.
constexpr bool derivativeOfOutput(ActivationFunction f) {
  switch (f) {
    case ActivationFunction::sigmoid:
    case ActivationFunction::tanh:
    case ActivationFunction::relu6:
    case ActivationFunction::elu:
    case ActivationFunction::hardsigmoid:
    case ActivationFunction::softsign:
      return true;
    default:
      return false;
  }
}

}  // namespace striate

#ifdef STRIATE_VEC
#include <float.h>

#include "kernels/special.h"
#include "kernels/stream.h"

namespace striate {

/// √(2/π)·2 and that times 0.044715: the argument of gelu's approximate sigmoid is x·(u + v·x²).
constexpr float geluLinear = 1.59576912f, geluCubic = 0.0713548163f;

template <class Vec>
void Activation::run() const {
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f), six = Vec::broadcast(6.0f);
  const Vec u = Vec::broadcast(a), v = Vec::broadcast(b);
  // −∞ times a weight of 0 would be no number.
  const Vec least = Vec::broadcast(-FLT_MAX);
  const auto map = [this](const auto& f) {
    writeVectors<Vec>(y, n, stream, [&](int64_t i, auto load, auto store) { store(y + i, f(load(x + i))); });
    if (stream) Vec::fence();
  };
  const auto sixth = [&](Vec t) {
    return min(six, max(zero, t + Vec::broadcast(3.0f))) * Vec::broadcast(1.0f / 6.0f);
  };
  switch (function) {
    case ActivationFunction::sigmoid:
      return map([](Vec t) { return logistic(t); });
    case ActivationFunction::tanh:
      return map([](Vec t) { return tanh(t); });
    case ActivationFunction::erf:
      return map([](Vec t) { return erf(t); });
    case ActivationFunction::leakyRelu:
      return map([&](Vec t) { return select(zero < t, t, t * u); });
    case ActivationFunction::relu6:
      return map([&](Vec t) { return min(six, max(zero, t)); });
    case ActivationFunction::elu:
      return map([&](Vec t) { return select(zero < t, t * v, u * expMinusOne(t)); });
    case ActivationFunction::gelu:
      return map([&](Vec t) { return max(least, t) * Normal<Vec>(t).below; });
    case ActivationFunction::geluTanh:
      return map([&](Vec t) {
        const Vec inner = t * fma(t * t, Vec::broadcast(geluCubic), Vec::broadcast(geluLinear));
        return max(least, t) / (one + exp(zero - inner));
      });
    case ActivationFunction::silu:
      return map([&](Vec t) { return max(least, t) / (one + exp(zero - t)); });
    case ActivationFunction::hardswish:
      return map([&](Vec t) { return max(least, t) * sixth(t); });
    case ActivationFunction::hardsigmoid:
      return map([&](Vec t) { return min(one, max(zero, (t + v) * u)); });
    case ActivationFunction::clamp:
      return map([&](Vec t) { return min(v, max(u, t)); });
    case ActivationFunction::mish:
      return map([&](Vec t) { return max(least, t) * TanhSoftplus<Vec>(t).value; });
    case ActivationFunction::softplus:
      return map([&](Vec t) {
        const Vec scaled = t * u, soft = max(zero, scaled) + logOnePlus(exp(zero - abs(scaled)));
        return select(v < scaled, t, soft / u);
      });
    case ActivationFunction::logSigmoid:
      return map([&](Vec t) { return min(zero, t) - logOnePlus(exp(zero - abs(t))); });
    case ActivationFunction::softsign:
      return map([&](Vec t) {
        const Vec finite = within(t, FLT_MAX);
        return finite / (one + abs(finite));
      });
  }
}

template <class Vec>
void ActivationGradient::run() const {
  const Vec zero = Vec::broadcast(0.0f), half = Vec::broadcast(0.5f), one = Vec::broadcast(1.0f);
  const Vec three = Vec::broadcast(3.0f), six = Vec::broadcast(6.0f);
  const Vec u = Vec::broadcast(a), v = Vec::broadcast(b);
  const auto map = [this](const auto& f) {
    forVectors<Vec>(
        n, [&](int64_t i, auto load, auto store) { store(dx + i, f(load(dy + i), load(saved + i))); });
  };
  // Of the output y or the input x, as derivativeOfOutput tells. Far from 0, where derivatives are 0 or 1 in
  // floats, x is cut off so that no ∞ meets a 0.
  switch (function) {
    case ActivationFunction::sigmoid:
      return map([&](Vec g, Vec y) { return g * (y * (one - y)); });
    case ActivationFunction::tanh:
      return map([&](Vec g, Vec y) { return g * ((one - y) * (one + y)); });
    case ActivationFunction::erf:
      return map([&](Vec g, Vec x) { return g * (Vec::broadcast(1.12837917f) * exp(zero - x * x)); });
    case ActivationFunction::leakyRelu:
      return map([&](Vec g, Vec x) { return select(zero < x, g, g * u); });
    case ActivationFunction::relu6:
      return map([&](Vec g, Vec y) { return select(zero < y, select(y < six, g, zero), zero); });
    case ActivationFunction::elu:
      return map([&](Vec g, Vec y) { return g * select(zero < y, v, y + u); });
    case ActivationFunction::gelu:
      return map([&](Vec g, Vec x) {
        const Vec near = within(x, 20.0f);
        const Normal<Vec> at(near);
        return g * fma(near * at.bell, Vec::broadcast(0.398942280f), at.below);
      });
    case ActivationFunction::geluTanh:
      return map([&](Vec g, Vec x) {
        const Vec near = within(x, 20.0f), cubic = near * near * Vec::broadcast(geluCubic);
        const Vec linear = Vec::broadcast(geluLinear), s = logistic(near * (linear + cubic));
        return g * fma(near * (s * (one - s)), fma(three, cubic, linear), s);
      });
    case ActivationFunction::silu:
      return map([&](Vec g, Vec x) {
        const Vec near = within(x, 104.0f), s = logistic(near);
        return g * (s * fma(near, one - s, one));
      });
    case ActivationFunction::hardswish:
      return map([&](Vec g, Vec x) {
        const Vec slope = fma(x, Vec::broadcast(1.0f / 3.0f), half);
        return select(x <= zero - three, zero, select(three <= x, g, g * slope));
      });
    case ActivationFunction::hardsigmoid:
      return map([&](Vec g, Vec y) { return select(zero < y, select(y < one, g * u, zero), zero); });
    case ActivationFunction::clamp:
      return map([&](Vec g, Vec x) { return select(u <= x, select(x <= v, g, zero), zero); });
    case ActivationFunction::mish:
      return map([&](Vec g, Vec x) {
        const Vec near = within(x, 104.0f);
        const TanhSoftplus<Vec> at(near);
        return g * fma(near, at.slope, at.value);
      });
    case ActivationFunction::softplus:
      return map([&](Vec g, Vec x) { return select(v < x * u, g, g * logistic(x * u)); });
    case ActivationFunction::logSigmoid:
      return map([&](Vec g, Vec x) { return g * logistic(zero - x); });
    case ActivationFunction::softsign:
      return map([&](Vec g, Vec y) {
        const Vec rest = one - abs(y);
        return g * (rest * rest);
      });
  }
}

template void Activation::run<STRIATE_VEC>() const;
template void ActivationGradient::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
