// Random numbers from a normal distribution that is cut off on both sides.
#pragma once

#include <cmath>
#include <string>

#include "kernels/truncated_normal.h"
#include "ops/creation.h"

namespace striate {

/// Normal numbers with the given mean and deviation, of which only those in [a, b] are drawn.
inline Tensor truncatedNormal(Stream& stream, const Shape& shape, double mean, double deviation, double a,
                              double b, RandomStream source) {
  const char* operation = "truncatedNormal";
  requireFloat(operation, "mean", mean);
  if (!(requireFloat(operation, "std", deviation) > 0))
    throw RangeError("truncatedNormal: std is " + numberText(deviation) + ", wants a number above 0");
  float least = requireFloat(operation, "a", a), most = requireFloat(operation, "b", b);
  if (!(a < b))
    throw RangeError("truncatedNormal: a is " + numberText(a) + " and b is " + numberText(b) +
                     ", wants a below b");
  if (least < a) least = std::nextafter(least, HUGE_VALF);
  if (most > b) most = std::nextafter(most, -HUGE_VALF);
  if (least > most) least = most = static_cast<float>(a);
  // Above the mean, by the mirror image: there probabilities are small, and precise.
  const bool mirrored = a > mean;
  const double sign = mirrored ? -1 : 1;
  const double low = sign * ((mirrored ? b : a) - mean) / deviation,
               high = sign * ((mirrored ? a : b) - mean) / deviation;
  const auto below = [](double x) { return 0.5 * std::erfc(-x * 0.70710678118654752440); };
  const double from = below(low), span = below(high) - from;
  if (!(span > 1e-300))
    throw RangeError("truncatedNormal: between a, " + numberText(a) + ", and b, " + numberText(b) +
                     ", lies no probability; wants them nearer to the mean, " + numberText(mean));
  Tensor y(operation, shape, DType::f32);
  submit(stream, operation, {}, {y}, [=] {
    parallelRanges(y.elements(), elementGrain, [&](int64_t begin, int64_t end) {
      dispatch(RandomTruncatedNormal{source, begin / randomGroup, mean, sign * deviation, from, span, least,
                                     most, y.f32() + begin, end - begin});
    });
  });
  return y;
}

}  // namespace striate
