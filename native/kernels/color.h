// Colours: hue, saturation and value (Smith, "Color gamut transform pairs", 1978), and how much there is of
// each.
#pragma once

#include "kernels/kernel.h"

namespace striate {

/// y = the pixels of x, [n, 3], from red, green, blue to hue, saturation, value, all in [0, 1]; or back.
struct HueSaturationValue {
  const float* x;
  float* y;
  int64_t n;
  bool back;
  template <class Vec>
  void run() const;
};

/// Which of an image's four changes comes when, as ops/color.h numbers them.
enum class Adjustment : int32_t { brightness, contrast, saturation, hue, none };

/// y = x, an image of 1 or 3 channels, changed four times: order[k] says by what, factors[that] how much.
struct AdjustColors {
  const float* x;
  const float* factors;
  const int32_t* order;
  int64_t pixels, channels;
  float* y;
  template <class Vec>
  void run() const;
};

}  // namespace striate

#ifdef STRIATE_VEC
#include <string.h>

#include "kernels/math.h"

namespace striate {

/// Shares of red, green and blue in grey, as torchvision has them: ITU-R BT.601, rounded.
constexpr float greyShares[3] = {0.2989f, 0.587f, 0.114f};

/// Pixels of three colours, taken apart.
struct Planes {
  static constexpr int most = 64;
  float r[most], g[most], b[most];
};

/// Calls change(planes, i) for whole vectors of the pixels x [n, 3], and writes what it leaves to y.
template <class Vec, class Change>
void changePixels(const float* x, float* y, int64_t n, const Change& change) {
  Planes planes = {};
  for (int64_t from = 0; from < n; from += Planes::most) {
    const int64_t rest = n - from, count = rest < Planes::most ? rest : Planes::most;
    const float* in = x + 3 * from;
    for (int64_t i = 0; i < count; ++i) {
      planes.r[i] = in[3 * i];
      planes.g[i] = in[3 * i + 1];
      planes.b[i] = in[3 * i + 2];
    }
    for (int64_t i = 0; i < count; i += Vec::size) change(planes, i);
    float* out = y + 3 * from;
    for (int64_t i = 0; i < count; ++i) {
      out[3 * i] = planes.r[i];
      out[3 * i + 1] = planes.g[i];
      out[3 * i + 2] = planes.b[i];
    }
  }
}

/// The largest whole number that is not above a.
template <class Vec>
Vec wholeBelow(Vec a) {
  const Vec near = round(a);
  return select(a < near, near - Vec::broadcast(1.0f), near);
}

/// a − ⌊a⌋, below 1 also where that is rounded up to it.
template <class Vec>
Vec fraction(Vec a) {
  const Vec rest = a - wholeBelow(a), one = Vec::broadcast(1.0f);
  return select(rest < one, rest, Vec::broadcast(0.0f));
}

template <class Vec>
void toHue(Vec& r, Vec& g, Vec& b) {
  const auto c = [](float value) { return Vec::broadcast(value); };
  const Vec most = max(r, max(g, b)), span = most - min(r, min(g, b));
  const auto grey = span == c(0.0f);
  const Vec each = select(grey, c(1.0f), span), zero = c(0.0f);
  const Vec sixths = select(most == r, (g - b) / each,
                            select(most == g, c(2.0f) + (b - r) / each, c(4.0f) + (r - g) / each));
  r = select(grey, zero, fraction(sixths / c(6.0f)));
  g = select(grey, zero, span / select(most == zero, c(1.0f), most));
  b = most;
}

/// Each colour is v − v·s·max(0, min(k, 4 − k, 1)), with k = (n + 6h) mod 6 and n = 5, 3, 1.
template <class Vec>
void fromHue(Vec& h, Vec& s, Vec& v) {
  const auto c = [](float value) { return Vec::broadcast(value); };
  const Vec sixths = c(6.0f) * fraction(h), less = v * s, value = v;
  const auto colour = [&](float from) {
    const Vec sum = c(from) + sixths, k = select(sum < c(6.0f), sum, sum - c(6.0f));
    return value - less * max(c(0.0f), min(min(k, c(4.0f) - k), c(1.0f)));
  };
  h = colour(5.0f);
  s = colour(3.0f);
  v = colour(1.0f);
}

template <class Vec>
void HueSaturationValue::run() const {
  changePixels<Vec>(x, y, n, [this](Planes& planes, int64_t i) {
    Vec r = Vec::load(planes.r + i), g = Vec::load(planes.g + i), b = Vec::load(planes.b + i);
    if (back) {
      fromHue(r, g, b);
    } else {
      toHue(r, g, b);
    }
    r.store(planes.r + i);
    g.store(planes.g + i);
    b.store(planes.b + i);
  });
}

/// Within [0, 1]; what is no number stays so.
template <class Vec>
Vec within(Vec v) {
  return max(Vec::broadcast(0.0f), min(Vec::broadcast(1.0f), v));
}

/// The mean grey of an image, added up in double precision in one order.
template <class Vec>
float meanGrey(const float* y, int64_t pixels, int64_t channels) {
  double sums[3] = {};
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(y[i * channels + c]);
  double grey = sums[0];
  if (channels == 3) {
    grey = 0;
    for (int c = 0; c < 3; ++c) grey += static_cast<double>(greyShares[c]) * sums[c];
  }
  return static_cast<float>(grey / static_cast<double>(pixels));
}

template <class Vec>
void AdjustColors::run() const {
  const int64_t n = pixels * channels;
  ::memcpy(y, x, static_cast<size_t>(n) * sizeof(float));
  for (int k = 0; k < 4; ++k) {
    const Adjustment adjustment{order[k]};
    if (adjustment == Adjustment::none) continue;
    const float by = factors[order[k]];
    const Vec factor = Vec::broadcast(by), rest = Vec::broadcast(1.0f - by);
    if (adjustment == Adjustment::brightness || adjustment == Adjustment::contrast) {
      const bool toMean = adjustment == Adjustment::contrast;
      const Vec added =
          toMean ? rest * Vec::broadcast(meanGrey<Vec>(y, pixels, channels)) : Vec::broadcast(0.0f);
      forVectors<Vec>(n, [&](int64_t i, auto load, auto store) {
        store(y + i, within(fma(factor, load(y + i), added)));
      });
      continue;
    }
    if (channels != 3) continue;
    changePixels<Vec>(y, y, pixels, [&](Planes& planes, int64_t i) {
      Vec r = Vec::load(planes.r + i), g = Vec::load(planes.g + i), b = Vec::load(planes.b + i);
      if (adjustment == Adjustment::saturation) {
        const Vec grey = rest * fma(Vec::broadcast(greyShares[2]), b,
                                    fma(Vec::broadcast(greyShares[1]), g, Vec::broadcast(greyShares[0]) * r));
        r = within(fma(factor, r, grey));
        g = within(fma(factor, g, grey));
        b = within(fma(factor, b, grey));
      } else {
        toHue(r, g, b);
        r = r + factor;
        fromHue(r, g, b);
      }
      r.store(planes.r + i);
      g.store(planes.g + i);
      b.store(planes.b + i);
    });
  }
}

template void HueSaturationValue::run<STRIATE_VEC>() const;
template void AdjustColors::run<STRIATE_VEC>() const;

}  // namespace striate
#endif
