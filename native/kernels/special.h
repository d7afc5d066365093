// Functions over the vocabulary that activations are made of: tanh, the error function, and logarithms and
// exponentials near 1 and 0. Their polynomials are fits of least maximum relative error, made in double
// precision for this file; each comment names the interval and the error.
#pragma once

#include "kernels/kernel.h"

#ifdef STRIATE_VEC
#include "kernels/math.h"

namespace striate {

/// coefficients[0]·xⁿ + … + coefficients[n]
template <class Vec, int count>
Vec polynomial(const float (&coefficients)[count], Vec x) {
  Vec sum = Vec::broadcast(coefficients[0]);
  for (int i = 1; i < count; ++i) sum = fma(sum, x, Vec::broadcast(coefficients[i]));
  return sum;
}

/// tanh x for |x| ≤ 5/8; 4e-9.
template <class Vec>
Vec tanhNearZero(Vec x) {
  const Vec z = x * x;
  return fma(
      x * z,
      polynomial<Vec>({-0.00570498686f, 0.0206390861f, -0.0537397154f, 0.133314416f, -0.333332807f}, z), x);
}

/// tanh x to about 2 units in the last place.
template <class Vec>
Vec tanh(Vec x) {
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f), two = Vec::broadcast(2.0f);
  const Vec far = one - two / (exp(abs(x) * two) + one);
  const Vec away = select(x < zero, zero - far, far);
  return select(abs(x) < Vec::broadcast(0.625f), tanhNearZero(x), away);
}

/// eˣ − 1 for x ≤ 0, without cancellation near 0: 2t/(1 − t) with t = tanh(x/2).
template <class Vec>
Vec expMinusOne(Vec x) {
  const Vec one = Vec::broadcast(1.0f), t = tanhNearZero(x * Vec::broadcast(0.5f));
  return select(Vec::broadcast(-1.0f) < x, (t + t) / (one - t), exp(x) - one);
}

/// ln(1 + u) for u in [0, 1]: 2·artanh s with s = u/(2 + u) ≤ 1/3, whose series ends below a float's
/// precision.
template <class Vec>
Vec logOnePlus(Vec u) {
  const Vec s = u / (Vec::broadcast(2.0f) + u);
  return s * polynomial<Vec>({2.0f / 15.0f, 2.0f / 13.0f, 2.0f / 11.0f, 2.0f / 9.0f, 2.0f / 7.0f, 2.0f / 5.0f,
                              2.0f / 3.0f, 2.0f},
                             s * s);
}

/// erf x for x² = z ≤ 1; 1.3e-9.
template <class Vec>
Vec erfNearZero(Vec x, Vec z) {
  return fma(x,
             polynomial<Vec>({7.85386146e-05f, -0.000801019371f, 0.00518832775f, -0.0268538129f, 0.112835854f,
                              -0.37612626f, 0.128379166f},
                             z),
             x);
}

/// 1 − erf(x) for x ≥ 1, where bell = e^(−x²): bell·t·P(t) with t = 1/(1 + x); 1.1e-8.
template <class Vec>
Vec erfComplement(Vec x, Vec bell) {
  const Vec one = Vec::broadcast(1.0f), t = one / (one + x);
  return bell * t *
         polynomial<Vec>({2.1010375f, -4.80590916f, 3.57321477f, -0.0927800238f, -0.865778863f, -0.239540502f,
                          0.276727527f, 0.564530015f, 0.564180911f},
                         t);
}

/// The error function 2/√π · ∫₀ˣ e^(−t²) dt to about 1 unit in the last place.
template <class Vec>
Vec erf(Vec x) {
  const Vec zero = Vec::broadcast(0.0f), one = Vec::broadcast(1.0f);
  const Vec z = x * x, far = one - erfComplement(abs(x), exp(zero - z));
  const Vec away = select(x < zero, zero - far, far);
  return select(abs(x) < one, erfNearZero(x, z), away);
}

/// The standard normal distribution at x.
template <class Vec>
struct Normal {
  /// Φ(x), the probability of what is below; as precise where it is small. And e^(−x²/2).
  Vec below, bell;

  explicit Normal(Vec x) : below(x), bell(x) {
    const Vec zero = Vec::broadcast(0.0f), half = Vec::broadcast(0.5f), one = Vec::broadcast(1.0f);
    const Vec z = abs(x) * Vec::broadcast(0.707106781f);
    bell = exp(x * x * Vec::broadcast(-0.5f));
    const Vec tail = half * select(z < one, one - erfNearZero(z, z * z), erfComplement(z, bell));
    below = select(x < zero, tail, one - tail);
  }
};

/// 1/(1 + e⁻ˣ)
template <class Vec>
Vec logistic(Vec x) {
  const Vec one = Vec::broadcast(1.0f);
  return one / (one + exp(Vec::broadcast(0.0f) - x));
}

/// tanh(ln(1 + eˣ)), of one exponential.
template <class Vec>
struct TanhSoftplus {
  Vec value, slope;

  /// With u = eˣ and v = u·(u + 2): v/(v + 2), whose derivative is 4u(1 + u)/(v + 2)². Both are 1 and 0 in
  /// floats long before u² is more than they hold.
  explicit TanhSoftplus(Vec x) : value(x), slope(x) {
    const Vec one = Vec::broadcast(1.0f), two = Vec::broadcast(2.0f);
    const Vec u = exp(min(Vec::broadcast(20.0f), x)), v = u * (u + two), w = one / (v + two);
    value = v * w;
    slope = Vec::broadcast(4.0f) * (u * w) * ((one + u) * w);
  }
};

/// x within ±most; what is no number stays so.
template <class Vec>
Vec within(Vec x, float most) {
  return min(Vec::broadcast(most), max(Vec::broadcast(-most), x));
}

}  // namespace striate
#endif
